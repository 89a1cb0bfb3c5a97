//! What went into a bucket between two moments at which it was full.

use std::time::Duration;

use crate::quota::moment::Moment;

/// Shorter than that, what was full the first time and a little more than full the second says too much (ours).
const SHORTEST: Duration = Duration::from_secs(5);
/// Longer than that it may have been empty in between (ours).
const LONGEST: Duration = Duration::from_secs(300);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refill {
    since: Moment,
    amount: u64,
    /// What was charged then and would probably be given back.
    spare: u64,
}

impl Refill {
    /// It is full now; `spare` of it will probably be given back.
    pub(super) fn begins(since: Moment, spare: u64) -> Self {
        Self { since, amount: 0, spare }
    }

    /// So much went in.
    pub(super) fn charged(&mut self, amount: u64) {
        self.amount = self.amount.saturating_add(amount);
    }

    /// So much was taken out again.
    pub(super) fn refunded(&mut self, amount: u64) {
        self.amount = self.amount.saturating_sub(amount);
    }

    /// It is full again, `spare` of it to be given back: what drains in a minute.
    pub(super) fn drained(&self, now: Moment, spare: u64) -> Option<u64> {
        let span = now.since(self.since);
        let is_told = (SHORTEST..=LONGEST).contains(&span);
        let amount = self.amount.saturating_add(self.spare).saturating_sub(spare);
        is_told.then(|| (amount as f64 * 60.0 / span.as_secs_f64()) as u64)
    }
}
