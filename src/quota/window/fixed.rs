//! Everything is forgotten when the clock's next period begins: a minute, an hour, a day in Shanghai.

use std::time::Duration;

use super::Window;
use crate::quota::calendar::AHEAD;
use crate::quota::moment::{Moment, Now};

/// Where a period begins and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its length.
    pub length: Duration,
    /// How far the wall of those who count is ahead of UTC.
    pub offset: Duration,
    /// Around the change of periods it is not known which one the other side counts in: for so long before and after,
    /// amounts count in both.
    pub margin: Duration,
}

impl Period {
    /// Minutes by the clock.
    pub fn minutes(margin: Duration) -> Self {
        Self { length: Duration::from_secs(60), offset: AHEAD, margin }
    }

    /// Hours by the clock.
    pub fn hours(margin: Duration) -> Self {
        Self { length: Duration::from_secs(3600), offset: AHEAD, margin }
    }

    /// Days in Asia/Shanghai.
    pub fn days(margin: Duration) -> Self {
        Self { length: Duration::from_secs(86_400), offset: AHEAD, margin }
    }

    /// When the next period begins.
    pub fn next(self, wall: Moment) -> Moment {
        self.around(wall).1
    }

    /// When the period of `wall` began, and when the next one begins.
    fn around(self, wall: Moment) -> (Moment, Moment) {
        let length = u64::try_from(self.length.as_micros()).unwrap_or(u64::MAX).max(1);
        let index = wall.plus(self.offset).0 / length;
        let start = |index| Moment(index * length).minus(self.offset);
        (start(index), start(index + 1))
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Fixed {
    period: Period,
    /// When the period began that the amounts below belong to, and when the next one begins.
    begun: Moment,
    next: Moment,
    used: u64,
    /// The part of `used` that was charged so late that it may count in the next period.
    late: u64,
    /// What may still count of the period before.
    before: u64,
}

impl Fixed {
    /// An empty window.
    pub fn new(period: Period) -> Self {
        Self { period, begun: Moment::default(), next: Moment::default(), used: 0, late: 0, before: 0 }
    }

    /// What counts at `wall`, oldest first.
    pub fn charges(&self, wall: Moment) -> Vec<(Now, u64)> {
        let window = self.at(wall);
        let last = window.next.minus(Duration::from_micros(1));
        let charges = [
            (window.begun.minus(Duration::from_micros(1)), window.before),
            (window.begun, window.used - window.late),
            (last, window.late),
        ];
        charges.into_iter().filter(|(_, amount)| *amount > 0).map(|(at, amount)| (Now::both(at), amount)).collect()
    }

    /// This window as it is at `wall`.
    fn at(&self, wall: Moment) -> Self {
        let mut window = self.clone();
        // A wall clock that went back a little stays in the period that it has begun.
        if wall >= self.next {
            (window.begun, window.next) = self.period.around(wall);
            let is_next = window.begun == self.next;
            (window.before, window.used) = if is_next { (self.used - self.late, self.late) } else { (0, 0) };
            window.late = 0;
        }
        if wall >= window.begun.plus(self.period.margin) {
            window.before = 0;
        }
        window
    }

    fn is_late(&self, wall: Moment) -> bool {
        wall.plus(self.period.margin) >= self.next
    }
}

impl Window for Fixed {
    fn peek(&self, now: Now, _limit: u64) -> u64 {
        let window = self.at(now.wall);
        window.used.saturating_add(window.before)
    }

    fn charge(&mut self, now: Now, amount: u64, _limit: u64) {
        *self = self.at(now.wall);
        self.used = self.used.saturating_add(amount);
        if self.is_late(now.wall) {
            self.late = self.late.saturating_add(amount);
        }
    }

    fn refund(&mut self, taken: Now, now: Now, amount: u64, _limit: u64) {
        *self = self.at(now.wall);
        if (self.begun..self.next).contains(&taken.wall) {
            let back = amount.min(self.used);
            self.used -= back;
            if self.is_late(taken.wall) {
                self.late -= back.min(self.late);
            }
        }
    }

    fn wake_at(&self, now: Now, amount: u64, limit: u64) -> Option<Moment> {
        let room = limit.checked_sub(amount)?;
        let window = self.at(now.wall);
        if window.used.saturating_add(window.before) <= room {
            return Some(now.at);
        }
        let wall = if window.used <= room { window.begun } else { window.next }.plus(self.period.margin);
        Some(now.at.plus(wall.since(now.wall)))
    }

    fn turn(&self, now: Now, amount: u64, limit: u64) -> Moment {
        let window = self.at(now.wall);
        let free = limit.saturating_sub(window.used);
        if amount <= free {
            return self.wake_at(now, amount, limit).unwrap_or(now.at);
        }
        let later = (amount - free).saturating_add(window.late);
        let next = window.next.plus(self.period.margin).since(now.wall);
        now.at.plus(next).plus(self.period.length.saturating_mul(super::spans(later, limit.max(1)).0))
    }

    fn forgets_at(&self, now: Now) -> Option<Moment> {
        Some(now.at.plus(self.at(now.wall).next.since(now.wall)))
    }
}
