//! One metric of one model of one account: its window, and what came of it. It must not know which metric it is.

use super::window::{Rule, Window};
use serde::Serialize;
use std::time::Duration;

/// What became of one quota since the first request for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MetricUse {
    /// The limit in force at the last request.
    pub limit: u64,
    /// What counts against it now.
    pub used: u64,
    /// The most that ever counted against it.
    pub peak: u64,
    /// Requests that it refused.
    pub refused: u64,
    /// All that was charged, corrections included.
    pub charged: u64,
    /// `used` ÷ `limit`, averaged over the time since the first request. Under a sliding window that is kept full it is 1;
    /// a fixed one that fills evenly has a half.
    pub average: f64,
    /// `charged` ÷ what the limit allows in the time since the first request, one whole span at least. 1 is all of the
    /// quota, whatever the rule; a first span that was filled at once may make it a little more.
    pub share: f64,
}

/// Counts and remembers.
#[derive(Debug)]
pub(super) struct Meter {
    window: Window,
    span: Duration,
    limit: u64,
    opened: Duration,
    peak: u64,
    refused: u64,
    charged: i128,
}

impl Meter {
    pub(super) fn open(rule: Rule, span: Duration, now: Duration) -> Self {
        let window = Window::new(rule, span);
        Self { window, span, limit: 0, opened: now, peak: 0, refused: 0, charged: 0 }
    }

    pub(super) fn set_limit(&mut self, now: Duration, limit: u64) {
        if limit != self.limit {
            self.used(now); // what has passed drained by the old one
            self.limit = limit;
        }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn used(&mut self, now: Duration) -> u64 {
        self.window.used(now, self.limit)
    }

    /// Charges an amount of the moment `at`; one from before the meter was opened was never counted here.
    pub(super) fn charge(&mut self, at: Duration, amount: i128, now: Duration) {
        if amount == 0 || at < self.opened {
            return;
        }
        self.window.charge(at, amount);
        self.charged += amount;
        self.peak = self.peak.max(self.used(now));
    }

    pub(super) fn refuse(&mut self) {
        self.refused += 1;
    }

    pub(super) fn report(&mut self, now: Duration) -> MetricUse {
        let used = self.used(now);
        let charged = u64::try_from(self.charged.max(0)).unwrap_or(u64::MAX);
        let (limit, passed) = (self.limit.max(1) as f64, now.saturating_sub(self.opened).as_secs_f64());
        let spans = (passed / self.span.as_secs_f64()).max(1.0);
        MetricUse {
            limit: self.limit,
            used,
            peak: self.peak,
            refused: self.refused,
            charged,
            average: if passed > 0.0 { self.window.area() / limit / passed } else { used as f64 / limit },
            share: charged as f64 / limit / spans,
        }
    }
}
