//! Each amount counts for exactly one span after it was charged.

use std::collections::VecDeque;
use std::time::Duration;

use super::Window;
use crate::quota::moment::{Moment, Now};

/// Charges that are remembered one by one (ours). Beyond that those of a grain are joined.
const MANY: usize = 10_000;
/// How much longer joined charges count than they should, at most (ours): so a minute has 60,000 at most.
const GRAIN: Duration = Duration::from_millis(1);

/// See the module. Costs 24 bytes for each charge of the last span, and constant time on average.
#[derive(Debug, Clone)]
pub struct Sliding {
    span: Duration,
    charges: VecDeque<Charge>,
    sum: u64,
}

/// What was charged at one moment, or at several close to each other.
#[derive(Debug, Clone, Copy)]
struct Charge {
    first: Moment,
    last: Moment,
    amount: u64,
}

impl Sliding {
    /// An empty window of `span`.
    pub fn new(span: Duration) -> Self {
        Self { span, charges: VecDeque::new(), sum: 0 }
    }

    /// What has been charged and may still count, oldest first.
    pub fn charges(&self) -> impl Iterator<Item = (Moment, u64)> {
        self.charges.iter().map(|charge| (charge.last, charge.amount))
    }

    fn is_over(&self, charge: Charge, now: Moment) -> bool {
        charge.last.plus(self.span) <= now
    }

    fn forget(&mut self, now: Moment) {
        while let Some(&charge) = self.charges.front().filter(|charge| self.is_over(**charge, now)) {
            self.sum -= charge.amount;
            self.charges.pop_front();
        }
    }

    /// The charge that one at `now` is joined with.
    fn joined(&mut self, now: Moment) -> Option<&mut Charge> {
        let grain = if self.charges.len() < MANY { Duration::ZERO } else { GRAIN };
        // A clock that went back must not break the order.
        self.charges.back_mut().filter(|last| now <= last.last || now < last.first.plus(grain))
    }
}

impl Window for Sliding {
    fn peek(&self, now: Now, _limit: u64) -> u64 {
        // Mostly nothing is: what was is forgotten with each charge.
        if self.charges.front().is_none_or(|first| !self.is_over(*first, now.at)) {
            return self.sum;
        }
        let over = self.charges.iter().take_while(|charge| self.is_over(**charge, now.at));
        self.sum - over.map(|charge| charge.amount).sum::<u64>()
    }

    fn charge(&mut self, now: Now, amount: u64, _limit: u64) {
        self.forget(now.at);
        if amount == 0 {
            return;
        }
        self.sum = self.sum.saturating_add(amount);
        match self.joined(now.at) {
            Some(charge) => {
                charge.last = charge.last.max(now.at);
                charge.amount = charge.amount.saturating_add(amount);
            }
            None => self.charges.push_back(Charge { first: now.at, last: now.at, amount }),
        }
    }

    fn refund(&mut self, taken: Now, _now: Now, amount: u64, _limit: u64) {
        let place = self.charges.partition_point(|charge| charge.last < taken.at);
        if let Some(charge) = self.charges.get_mut(place).filter(|charge| charge.first <= taken.at) {
            let back = amount.min(charge.amount);
            charge.amount -= back;
            self.sum -= back;
        }
    }

    fn clear_at(&self, now: Now, _limit: u64) -> Moment {
        self.charges.back().map_or(now.at, |charge| charge.last.plus(self.span).max(now.at))
    }

    fn wake_at(&self, now: Now, amount: u64, limit: u64) -> Option<Moment> {
        let room = limit.checked_sub(amount)?;
        if self.sum <= room {
            return Some(now.at);
        }
        let (mut sum, mut wake) = (self.sum, now.at);
        for charge in &self.charges {
            if sum <= room {
                break;
            }
            sum -= charge.amount;
            wake = wake.max(charge.last.plus(self.span));
        }
        Some(wake)
    }

    fn turn(&self, now: Now, amount: u64, limit: u64) -> Moment {
        let limit = limit.max(1);
        let (whole, part) = super::spans(amount, limit);
        self.wake_at(now, part, limit).unwrap_or(now.at).plus(self.span.saturating_mul(whole))
    }
}
