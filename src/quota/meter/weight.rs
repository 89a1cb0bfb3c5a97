//! How much room a request takes, and how long of an even minute.

use std::time::Duration;

use super::Meter;
use crate::quota::ask::Ask;
use crate::quota::metric::Metric;
use crate::quota::moment::Now;
use crate::quota::rule::Charge;

/// While less than this part of a limit is used or held nobody is slowed down (ours).
const PLENTY: f64 = 0.3;
impl Meter {
    /// How much room `ask` takes until it is over: tokens, else pictures, else itself.
    pub fn size(&self, ask: &Ask) -> u64 {
        let amounts = match self.settings.accounting.charge {
            Charge::After => ask.amounts(),
            Charge::Before => self.at_once(ask),
        };
        if amounts.tokens > 0 { amounts.tokens } else { amounts.images.max(1) }
    }

    /// How long `ask` takes of the minute's tokens if `part` of them is given out evenly.
    pub(in crate::quota) fn slowness(&self, ask: &Ask, part: f64, now: Now) -> Duration {
        let Some(limit) = self.limits.get(Metric::Tpm).map(|limit| limit.value as f64) else { return Duration::ZERO };
        if self.level(now) + self.reserved(Metric::Tpm) as f64 / limit < PLENTY {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(60.0 * ask.amounts().tokens as f64 / limit / part)
    }

    /// The part of the minute's tokens that counts now.
    pub(in crate::quota) fn level(&self, now: Now) -> f64 {
        let limit = self.limits.get(Metric::Tpm).map_or(f64::INFINITY, |limit| limit.value as f64);
        self.used(Metric::Tpm, now) as f64 / limit
    }
}
