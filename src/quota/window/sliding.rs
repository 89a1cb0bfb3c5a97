//! Each amount counts for exactly one span after it was charged.

use std::collections::VecDeque;
use std::time::Duration;

use super::Window;
use crate::quota::moment::{Moment, Now};

/// See the module. Costs 16 bytes for each charge of the last span, and constant time on average.
#[derive(Debug, Clone)]
pub struct Sliding {
    span: Duration,
    charges: VecDeque<(Moment, u64)>,
    sum: u64,
}

impl Sliding {
    /// An empty window of `span`.
    pub fn new(span: Duration) -> Self {
        Self { span, charges: VecDeque::new(), sum: 0 }
    }

    /// What has been charged and may still count, oldest first.
    pub fn charges(&self) -> impl Iterator<Item = (Moment, u64)> {
        self.charges.iter().copied()
    }

    fn is_over(&self, charged: Moment, now: Moment) -> bool {
        charged.plus(self.span) <= now
    }

    fn forget(&mut self, now: Moment) {
        while let Some(&(charged, amount)) = self.charges.front().filter(|(charged, _)| self.is_over(*charged, now)) {
            debug_assert!(charged <= now);
            self.sum -= amount;
            self.charges.pop_front();
        }
    }
}

impl Window for Sliding {
    fn peek(&self, now: Now, _limit: u64) -> u64 {
        let over = self.charges.iter().take_while(|(charged, _)| self.is_over(*charged, now.at));
        self.sum - over.map(|(_, amount)| amount).sum::<u64>()
    }

    fn charge(&mut self, now: Now, amount: u64, _limit: u64) {
        self.forget(now.at);
        if amount == 0 {
            return;
        }
        self.sum = self.sum.saturating_add(amount);
        match self.charges.back_mut() {
            // A clock that went back must not break the order.
            Some((charged, sum)) if *charged >= now.at => *sum = sum.saturating_add(amount),
            _ => self.charges.push_back((now.at, amount)),
        }
    }

    fn refund(&mut self, taken: Now, _now: Now, amount: u64, _limit: u64) {
        let place = self.charges.partition_point(|(charged, _)| *charged < taken.at);
        if let Some((_, charged)) = self.charges.get_mut(place).filter(|(charged, _)| *charged == taken.at) {
            let back = amount.min(*charged);
            *charged -= back;
            self.sum -= back;
        }
    }

    fn clear_at(&self, now: Now, _limit: u64) -> Moment {
        self.charges.back().map_or(now.at, |(charged, _)| charged.plus(self.span).max(now.at))
    }

    fn wake_at(&self, now: Now, amount: u64, limit: u64) -> Option<Moment> {
        let room = limit.checked_sub(amount)?;
        let mut sum = self.sum;
        let mut wake = now.at;
        for &(charged, amount) in &self.charges {
            if sum <= room {
                break;
            }
            sum -= amount;
            wake = wake.max(charged.plus(self.span));
        }
        Some(wake)
    }

    fn turn(&self, now: Now, amount: u64, limit: u64) -> Moment {
        let limit = limit.max(1);
        let (whole, part) = super::spans(amount, limit);
        self.wake_at(now, part, limit).unwrap_or(now.at).plus(self.span.saturating_mul(whole))
    }
}
