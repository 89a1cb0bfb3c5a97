//! What the file says about quota: `[queue]`, and the limits in `[[account]]` and `[[key]]`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::reader::Section;
use crate::quota::fair::Flow;
use crate::quota::limits::{Limits, Source};
use crate::quota::meter::MeterSettings;
use crate::quota::metric::Metric;
use crate::quota::rule::{Accounting, Charge, Rule};
use crate::quota::tier::Tier;
use crate::quota::{CallerQuota, QueueSettings, risk};

/// `[queue]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaitSettings {
    /// How long a request may wait.
    pub max_wait: Duration,
    /// Bounds of each queue.
    pub bounds: QueueSettings,
    /// How often, at most, guesses may add up to more than a limit (between 0 and 0.5).
    pub risk: f64,
}

/// What `[[account]]` says about quota.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountLimits {
    /// `tier`, as written; `None` is `auto`.
    pub tier: Option<Tier>,
    /// Whether limits are kept at all; if not, the upstream refuses and the caller is told.
    pub is_governed: bool,
    /// How the upstream counts, but for the caution that `[queue]` gives.
    pub meter: MeterSettings,
    /// The part of the account's quota that is ours.
    pub share: f64,
    /// `[account.limits]`: limits by model.
    pub models: BTreeMap<String, Limits>,
}

impl Default for AccountLimits {
    /// What holds for an account of which the file says nothing.
    fn default() -> Self {
        let meter = MeterSettings {
            accounting: Accounting::default(),
            learns: false,
            margin: Duration::from_millis(250),
            caution: 0.0,
        };
        Self { tier: None, is_governed: true, meter, share: 1.0, models: BTreeMap::new() }
    }
}

/// Most that a limit may be: governor counts in 32 bits.
const MOST: u32 = u32::MAX;

pub(super) fn wait(section: &Section<'_>) -> WaitSettings {
    let risk = section.fraction("risk", risk::DEFAULT);
    if risk > 0.5 {
        section.fault("risk", "more than 0.5 would expect to be refused; write a part such as 0.0001");
    }
    WaitSettings {
        max_wait: section.optional_duration("max_wait").unwrap_or(Duration::from_secs(60)),
        bounds: QueueSettings { most_waiting: section.number("max_waiting", 1000, 1..=1_000_000) as usize },
        risk,
    }
}

pub(super) fn account(section: &Section<'_>) -> AccountLimits {
    /// The rule, whether it is to be learned, and whether limits are kept at all.
    const RULES: [(&str, (Rule, bool, bool)); 5] = [
        ("sliding", (Rule::Sliding, false, true)),
        ("fixed", (Rule::Fixed, false, true)),
        ("bucket", (Rule::Bucket, false, true)),
        ("learn", (Rule::Sliding, true, true)),
        ("off", (Rule::Sliding, false, false)),
    ];
    let mut tiers = vec![("auto", None)];
    tiers.extend(Tier::ALL.map(|tier| (tier.label(), Some(tier))));
    let (rule, learns, is_governed) = section.word("rule", &RULES, RULES[0].1);
    let charge = section.word("charge", &[("after", Charge::After), ("before", Charge::Before)], Charge::After);
    let mut models = BTreeMap::new();
    section.tables("limits", |model, section| {
        models.insert(model.to_owned(), limits(section));
    });
    AccountLimits {
        tier: section.word("tier", &tiers, None),
        is_governed,
        meter: MeterSettings {
            accounting: Accounting { rule, charge },
            learns,
            margin: section.duration("margin", Duration::from_millis(250)),
            caution: 0.0,
        },
        share: section.fraction("share", 1.0),
        models,
    }
}

/// The seven metrics as names of a table.
pub(super) fn limits(section: &Section<'_>) -> Limits {
    let mut limits = Limits::default();
    for metric in Metric::ALL {
        if let Some(value) = section.count(metric.key(), MOST) {
            limits = limits.with(metric, u64::from(value), Source::Configured);
        }
    }
    limits
}

/// What `[[key]]` says about quota.
pub(super) fn caller(section: &Section<'_>, name: &Arc<str>) -> CallerQuota {
    let weight = section.number("weight", 1, 1..=1000);
    CallerQuota {
        flow: Flow {
            name: name.clone(),
            weight: f64::from(weight),
            priority: u8::try_from(section.number("priority", 0, 0..=9)).unwrap_or(0),
        },
        limits: limits(section),
        most_in_flight: section.count("concurrency", MOST).map(u64::from),
        max_wait: section.optional_duration("max_wait"),
    }
}
