//! One metric of a meter: its limit, the window that counts it, and what is known of it besides.

use super::MeterSettings;
use super::refill::Refill;
use crate::quota::metric::{Metric, Unit};
use crate::quota::moment::{Moment, Now};
use crate::quota::window::Window;
use crate::quota::window::counter::Counter;

/// See the module.
#[derive(Debug)]
pub(super) struct Gauge {
    pub(super) metric: Metric,
    /// `None` where there is none any more; what counted is kept for when there is one again.
    pub(super) limit: Option<u64>,
    /// Once something was charged.
    pub(super) window: Option<Counter>,
    /// Nothing of it until then.
    pub(super) frozen: Option<Moment>,
    /// What was charged to a bucket since it was last known to be full.
    pub(super) refill: Option<Refill>,
}

impl Gauge {
    pub(super) fn new(metric: Metric) -> Self {
        Self { metric, limit: None, window: None, frozen: None, refill: None }
    }

    pub(super) fn unit(&self) -> Unit {
        self.metric.unit()
    }

    fn most(&self) -> u64 {
        self.limit.unwrap_or(u64::MAX)
    }

    /// How much counts now.
    pub(super) fn used(&self, now: Now) -> u64 {
        self.window.as_ref().map_or(0, |window| window.peek(now, self.most()))
    }

    /// When `need` fits; `None` if it never does.
    pub(super) fn wake(&self, now: Now, need: u64) -> Option<Moment> {
        match &self.window {
            Some(window) => window.wake_at(now, need, self.most()),
            None => (need <= self.most()).then_some(now.at),
        }
    }

    /// When the last of `need` is in; see [`Window::turn`].
    pub(super) fn turn(&self, settings: &MeterSettings, now: Now, need: u64) -> Moment {
        match &self.window {
            Some(window) => window.turn(now, need, self.most()),
            None => Counter::new(self.metric, settings, now, self.most()).turn(now, need, self.most()),
        }
    }

    /// When nothing counts any more.
    pub(super) fn clear_at(&self, now: Now) -> Moment {
        self.window.as_ref().map_or(now.at, |window| window.clear_at(now, self.most()))
    }

    /// When everything is forgotten at once, if it is.
    pub(super) fn forgets_at(&self, now: Now) -> Option<Moment> {
        self.window.as_ref().and_then(|window| window.forgets_at(now))
    }

    /// Charges what is limited.
    pub(super) fn charge(&mut self, settings: &MeterSettings, now: Now, amount: u64) {
        let Some(limit) = self.limit.filter(|_| amount > 0) else { return };
        let window = self.window.get_or_insert_with(|| Counter::new(self.metric, settings, now, limit));
        window.charge(now, amount, limit);
        if let Some(refill) = &mut self.refill {
            refill.charged(amount);
        }
    }

    /// Gives back `amount` of what was charged at `taken`.
    pub(super) fn refund(&mut self, taken: Now, now: Now, amount: u64) {
        let most = self.most();
        let Some(window) = self.window.as_mut().filter(|_| amount > 0) else { return };
        window.refund(taken, now, amount, most);
        if let Some(refill) = &mut self.refill {
            refill.refunded(amount);
        }
    }

    /// A bucket that seemed to have room had none; `spare` of it will probably be given back. What other rules count is known
    /// one by one.
    pub(super) fn fill(&mut self, now: Now, spare: u64) {
        let (Some(limit), Some(window @ Counter::Bucket(_))) = (self.limit, &mut self.window) else { return };
        let left = limit.saturating_sub(window.peek(now, limit));
        window.charge(now, left, limit);
        self.refill = Some(Refill::begins(now.at, spare));
    }
}
