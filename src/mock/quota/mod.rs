//! Quotas as SiliconFlow keeps them (API reference section 16): by account and model, seven metrics, whichever is
//! reached first refuses. It must not know HTTP; callers turn the metric's name into a 429.

mod counters;
pub(super) mod limits;
pub(super) mod meter;
#[cfg(test)]
mod tests;
pub(super) mod window;

use super::settings::LimitSettings;
use limits::Limits;
use meter::{Meter, MetricUse};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use window::{Charge, Rule};

/// What one request asks for before it is answered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask {
    /// Input plus the most output it may make.
    pub(super) tokens: u64,
    /// Pictures it will make.
    pub(super) images: u64,
}

/// A request that was let in, to be settled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admitted {
    ask: Ask,
    at: Duration,
}

/// What became of the quotas of one model for one account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuotaUse {
    /// The account; empty for keys written without one.
    pub account: String,
    /// The model as requests named it.
    pub model: String,
    /// By metric (`rpm`, `tpm`, ...), those that have a limit.
    pub metrics: BTreeMap<String, MetricUse>,
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

/// The meters of one model for one account, by metric.
type Own = HashMap<&'static str, Meter>;

/// Every meter of every account and model.
#[derive(Debug, Default)]
pub(super) struct Meters(BTreeMap<(String, String), Own>);

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
    ) -> Result<Admitted, &'static str> {
        let own = self.0.entry(who.clone()).or_default();
        set_limits(own, limits, settings, now);
        let refusal = METRICS.iter().find(|(metric, unit, _)| {
            own.get_mut(metric).is_some_and(|meter| is_full(meter, *unit, ask, settings.charge, now))
        });
        if refusal.is_none() || settings.refused_count {
            charge(own, Unit::Requests, 1, now, now);
        }
        if let Some((metric, ..)) = refusal {
            own.get_mut(metric).into_iter().for_each(Meter::refuse);
            return Err(metric);
        }
        charge(own, Unit::Images, i128::from(ask.images), now, now);
        if settings.charge == Charge::Before {
            charge(own, Unit::Tokens, i128::from(ask.tokens), now, now);
        }
        Ok(Admitted { ask, at: now })
    }

    /// Charges the tokens really used, or corrects what was charged before.
    pub(super) fn settle(
        &mut self,
        who: &(String, String),
        admitted: Admitted,
        tokens: u64,
        charge_at: Charge,
        now: Duration,
    ) {
        let Some(own) = self.0.get_mut(who) else {
            return;
        };
        match charge_at {
            Charge::After => charge(own, Unit::Tokens, i128::from(tokens), now, now),
            Charge::Before => {
                let more = i128::from(tokens) - i128::from(admitted.ask.tokens);
                charge(own, Unit::Tokens, more, admitted.at, now);
            }
        }
    }

    /// What became of every quota, by account and model; those without a limit are left out.
    pub(super) fn report(&mut self, now: Duration) -> Vec<QuotaUse> {
        let limited = self.0.iter_mut().filter(|(_, own)| !own.is_empty());
        let report = |((account, model), own): (&(String, String), &mut Own)| QuotaUse {
            account: account.clone(),
            model: model.clone(),
            metrics: own.iter_mut().map(|(metric, meter)| (metric.to_lowercase(), meter.report(now))).collect(),
        };
        limited.map(report).collect()
    }
}

/// Opens meters for new limits and forgets those whose limit was lifted.
fn set_limits(own: &mut Own, limits: &Limits, settings: &LimitSettings, now: Duration) {
    for (metric, _, minutes) in METRICS {
        match limit_for(limits, metric) {
            Some(limit) => {
                let meter = own.entry(metric).or_insert_with(|| open(minutes, settings, now));
                meter.set_limit(now, limit);
            }
            None => drop(own.remove(metric)),
        }
    }
}

/// Hours and days are those of the wall in Shanghai whatever the rule (ours); `now` counts from a midnight there.
fn open(minutes: u32, settings: &LimitSettings, now: Duration) -> Meter {
    let rule = if minutes == 1 { settings.rule } else { Rule::Fixed };
    Meter::open(rule, settings.minute * minutes, now)
}

fn is_full(meter: &mut Meter, unit: Unit, ask: Ask, charge: Charge, now: Duration) -> bool {
    let (used, limit) = (meter.used(now), meter.limit());
    match unit {
        Unit::Requests => used + 1 > limit,
        Unit::Images => ask.images > 0 && used + ask.images > limit,
        Unit::Tokens if charge == Charge::Before => used.saturating_add(ask.tokens) > limit,
        Unit::Tokens => used >= limit,
    }
}

/// Charges an amount of the moment `at` to every meter of the unit.
fn charge(own: &mut Own, unit: Unit, amount: i128, at: Duration, now: Duration) {
    for (metric, counted, _) in METRICS {
        if let Some(meter) = own.get_mut(metric).filter(|_| counted == unit) {
            meter.charge(at, amount, now);
        }
    }
}
