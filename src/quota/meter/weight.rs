//! How much room a request takes, and how long of an even minute.

use std::time::Duration;

use super::Meter;
use crate::quota::ask::Ask;
use crate::quota::metric::{Amounts, Metric};
use crate::quota::moment::Now;
use crate::quota::rule::Charge;
use crate::quota::window::Window;
use crate::quota::window::counter::Counter;

/// While less than this part of a limit is used or held nobody is slowed down (ours).
const PLENTY: f64 = 0.3;

impl Meter {
    /// How much room `ask` takes until it is over: tokens, else pictures, else itself.
    pub fn size(&self, ask: &Ask) -> u64 {
        let amounts = self.demand(ask);
        if amounts.tokens > 0 { amounts.tokens } else { amounts.images.max(1) }
    }

    /// What `ask` takes until it is over.
    pub(in crate::quota) fn demand(&self, ask: &Ask) -> Amounts {
        match self.settings.accounting.charge {
            Charge::After => ask.amounts(),
            Charge::Before => self.at_once(ask),
        }
    }

    /// How long `ask` takes of the minute's tokens if `part` of them is given out evenly. Only a window that remembers when
    /// it was filled needs that; a bucket drains evenly whatever goes in.
    pub(in crate::quota) fn slowness(&self, ask: &Ask, part: f64, now: Now) -> Duration {
        let Some(limit) = self.limits.get(Metric::Tpm).map(|limit| limit.value) else { return Duration::ZERO };
        if self.level(self.reserved(Metric::Tpm), now) < PLENTY {
            return Duration::ZERO;
        }
        let counter = self.counter(Metric::Tpm);
        if matches!(counter, Some(Counter::Bucket(_))) {
            return Duration::ZERO;
        }
        let (left, span) = match counter.and_then(|counter| counter.forgets_at(now)) {
            Some(end) => (limit.saturating_sub(self.used(Metric::Tpm, now)).max(1), end.since(now.at)),
            None => (limit, Duration::from_secs(60)),
        };
        let tokens = ask.amounts().tokens as f64;
        span.mul_f64((tokens / left as f64 / part).min(1.0))
    }

    /// The part of the minute's tokens that counts now, with `more` on top of it.
    pub(in crate::quota) fn level(&self, more: u64, now: Now) -> f64 {
        let limit = self.limits.get(Metric::Tpm).map_or(f64::INFINITY, |limit| limit.value as f64);
        self.used(Metric::Tpm, now).saturating_add(more) as f64 / limit
    }
}
