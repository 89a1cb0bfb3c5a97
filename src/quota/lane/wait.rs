//! How long a request would have to wait, and whether it may.

use std::time::Duration;

use super::{Refused, State};
use crate::quota::ask::Ask;
use crate::quota::fair::Flow;
use crate::quota::metric::{Amounts, Metric};
use crate::quota::moment::{Moment, Now};
use crate::quota::promise::plus;

/// How often a moment is moved because of promises before it (ours); then it is near enough.
const MOST_LOOKS: usize = 64;
/// How far ahead promises are looked at together (ours): moments told are wrong by no more than the last.
const FIRST_STRIDE: Duration = Duration::from_millis(1);
const LAST_STRIDE: Duration = Duration::from_millis(500);

impl State {
    /// Whether a request can ever fit.
    pub(super) fn check_size(&self, ask: &Ask) -> Result<(), Refused> {
        let Some((metric, needs)) = self.meter.never_fits(ask) else { return Ok(()) };
        self.meter.limits().get(metric).map_or(Ok(()), |limit| Err(Refused::Never { metric, limit, needs }))
    }

    /// Whether a request may wait: not if its turn comes too late, and not if too many wait.
    pub(super) fn check_wait(
        &mut self,
        now: Now,
        ask: &Ask,
        flow: &Flow,
        metric: Option<Metric>,
        patience: Duration,
    ) -> Result<(), Refused> {
        let start = self.starts_after(now, ask, self.ahead(flow));
        let wait = start.since(now.at);
        if wait > patience {
            self.promises.add(start, &flow.name, ask);
            return Err(Refused::Later { metric, wait });
        }
        if self.queue.len() >= self.bounds.most_waiting {
            return Err(Refused::Full { wait: wait.max(Duration::from_secs(1)) });
        }
        Ok(())
    }

    /// Patience is at its end: when it may come again.
    pub(super) fn too_late(&mut self, now: Now, ask: &Ask, flow: &Flow) -> Refused {
        let start = self.starts_after(now, ask, Amounts::default());
        self.promises.add(start, &flow.name, ask);
        let blocked = self.meter.check(now, ask, Amounts::default()).err();
        Refused::Later { metric: blocked.map(|blocked| blocked.metric), wait: start.since(now.at) }
    }

    /// When `ask` would start if it came last.
    pub(in crate::quota) fn starts_at(&self, now: Now, ask: &Ask) -> Moment {
        let waiting = self.queue.iter().fold(Amounts::default(), |sum, (_, waiter)| plus(sum, waiter.ask.amounts()));
        match self.meter.check(now, ask, waiting) {
            Ok(()) if self.queue.is_empty() => now.at,
            _ => self.meter.starts_at(now, ask, waiting),
        }
    }

    /// When `ask` starts if `ahead` goes before it, and whoever was told to come earlier than that.
    fn starts_after(&self, now: Now, ask: &Ask, ahead: Amounts) -> Moment {
        let mut look = self.meter.starts_at(now, ask, ahead);
        let mut stride = Duration::ZERO;
        for _ in 0..MOST_LOOKS {
            let start = self.meter.starts_at(now, ask, plus(ahead, self.promises.until(look)));
            if start <= look {
                return start;
            }
            look = start.plus(stride);
            // Many promises stand close together: not one by one.
            stride = (stride * 2 + FIRST_STRIDE).min(LAST_STRIDE);
        }
        look
    }

    /// What stands in line before a request of `flow` that comes now.
    fn ahead(&self, flow: &Flow) -> Amounts {
        let place = self.queue.place(flow);
        let before = self.queue.iter().take_while(|(other, _)| *other < place);
        before.fold(Amounts::default(), |sum, (_, waiter)| plus(sum, waiter.ask.amounts()))
    }
}
