//! Quotas as SiliconFlow keeps them (API reference section 16): by account and model, seven metrics, whichever is
//! reached first refuses. It must not know HTTP; callers turn the metric's name into a 429.

pub(super) mod limits;
pub(super) mod window;

use super::settings::LimitSettings;
use limits::Limits;
use std::collections::HashMap;
use std::time::Duration;
use window::{Charge, Window};

/// What one request asks for before it is answered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask {
    /// Input plus the most output it may make.
    pub(super) tokens: u64,
    /// Pictures it will make.
    pub(super) images: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Unit {
    Requests,
    Tokens,
    Images,
}

/// Metric name, what it counts, minutes it spans.
const METRICS: [(&str, Unit, u32); 7] = [
    ("RPM", Unit::Requests, 1),
    ("RPH", Unit::Requests, 60),
    ("RPD", Unit::Requests, 1440),
    ("TPM", Unit::Tokens, 1),
    ("TPD", Unit::Tokens, 1440),
    ("IPM", Unit::Images, 1),
    ("IPD", Unit::Images, 1440),
];

fn limit_for(limits: &Limits, metric: &str) -> Option<u64> {
    match metric {
        "RPM" => limits.rpm,
        "RPH" => limits.rph,
        "RPD" => limits.rpd,
        "TPM" => limits.tpm,
        "TPD" => limits.tpd,
        "IPM" => limits.ipm,
        _ => limits.ipd,
    }
}

/// Every window of every account and model.
#[derive(Debug, Default)]
pub(super) struct Meters(HashMap<(String, String), HashMap<&'static str, Window>>);

impl Meters {
    /// Admits a request or names the metric that refuses it. An admitted request is counted; its pictures are
    /// charged; its tokens too when they are charged before.
    pub(super) fn admit(
        &mut self,
        who: &(String, String),
        ask: Ask,
        limits: &Limits,
        settings: &LimitSettings,
        now: Duration,
    ) -> Result<(), &'static str> {
        if *limits == Limits::default() {
            return Ok(());
        }
        let windows = self.0.entry(who.clone()).or_insert_with(|| open_windows(settings));
        let refusal = METRICS.iter().find(|(metric, unit, _)| {
            let limit = limit_for(limits, metric);
            limit.is_some_and(|limit| is_full(windows.get_mut(metric), *unit, ask, limit, settings, now))
        });
        if refusal.is_none() || settings.refused_count {
            charge(windows, Unit::Requests, 1, now);
        }
        if let Some((metric, ..)) = refusal {
            return Err(metric);
        }
        charge(windows, Unit::Images, i128::from(ask.images), now);
        if settings.charge == Charge::Before {
            charge(windows, Unit::Tokens, i128::from(ask.tokens), now);
        }
        Ok(())
    }

    /// Charges the tokens really used, or the difference to what was charged before.
    pub(super) fn settle(&mut self, who: &(String, String), ask: Ask, tokens: u64, charge_at: Charge, now: Duration) {
        let Some(windows) = self.0.get_mut(who) else {
            return;
        };
        let held = if charge_at == Charge::Before { i128::from(ask.tokens) } else { 0 };
        charge(windows, Unit::Tokens, i128::from(tokens) - held, now);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn open_windows(settings: &LimitSettings) -> HashMap<&'static str, Window> {
    METRICS
        .iter()
        .map(|(metric, _, minutes)| (*metric, Window::new(settings.rule, settings.minute * *minutes)))
        .collect()
}

fn is_full(
    window: Option<&mut Window>,
    unit: Unit,
    ask: Ask,
    limit: u64,
    settings: &LimitSettings,
    now: Duration,
) -> bool {
    let used = window.map_or(0, |window| window.used(now, limit));
    match unit {
        Unit::Requests => used + 1 > limit,
        Unit::Images => ask.images > 0 && used + ask.images > limit,
        Unit::Tokens if settings.charge == Charge::Before => used.saturating_add(ask.tokens) > limit,
        Unit::Tokens => used >= limit,
    }
}

fn charge(windows: &mut HashMap<&'static str, Window>, unit: Unit, amount: i128, now: Duration) {
    if amount == 0 {
        return;
    }
    for (metric, own, _) in METRICS {
        if let Some(window) = windows.get_mut(metric).filter(|_| own == unit) {
            window.charge(now, amount);
        }
    }
}
