//! The three ways to count, each with its sum at hand, so that thousands of requests a minute cost no more than one. The
//! caller makes time pass and asks afterwards; a counter must not know who charges or what is allowed.

use super::window::Rule;
use std::collections::VecDeque;
use std::time::Duration;

/// What is in a window, by rule.
#[derive(Debug, Clone)]
pub(super) enum Counter {
    Sliding(Sliding),
    Fixed(Fixed),
    Bucket(Bucket),
}

impl Counter {
    pub(super) fn new(rule: Rule, span: Duration) -> Self {
        let span = span.max(Duration::from_nanos(1));
        match rule {
            Rule::Sliding => Self::Sliding(Sliding { span, charges: VecDeque::new(), sum: 0 }),
            Rule::Fixed => Self::Fixed(Fixed { span, period: 0, sum: 0 }),
            Rule::Bucket => Self::Bucket(Bucket { span, level: 0 }),
        }
    }

    /// Lets time pass from `from` to `now`; returns what was used meanwhile, in units × seconds.
    pub(super) fn pass(&mut self, from: Duration, now: Duration, limit: u64) -> f64 {
        match self {
            Self::Sliding(counter) => counter.pass(from, now),
            Self::Fixed(counter) => counter.pass(from, now),
            Self::Bucket(counter) => counter.pass(from, now, limit),
        }
    }

    /// Adds an amount of the moment `at`, which is not later than `now`.
    pub(super) fn add(&mut self, at: Duration, amount: i128, now: Duration) {
        match self {
            Self::Sliding(counter) => counter.add(at, amount, now),
            Self::Fixed(counter) => counter.add(at, amount),
            Self::Bucket(counter) => counter.add(amount),
        }
    }

    /// What is in it.
    pub(super) fn used(&self) -> i128 {
        match self {
            Self::Sliding(counter) => counter.sum,
            Self::Fixed(counter) => counter.sum,
            Self::Bucket(counter) => (counter.level + SCALE - 1).div_euclid(SCALE),
        }
    }
}

/// Every charge with its moment, in order, and their sum.
#[derive(Debug, Clone)]
pub(super) struct Sliding {
    span: Duration,
    charges: VecDeque<(Duration, i128)>,
    sum: i128,
}

impl Sliding {
    fn pass(&mut self, mut from: Duration, now: Duration) -> f64 {
        let mut area = 0.0;
        while let Some(&(at, amount)) = self.charges.front().filter(|(at, _)| *at + self.span <= now) {
            area += area_of(self.sum, from, at + self.span);
            from = from.max(at + self.span);
            self.sum -= amount;
            self.charges.pop_front();
        }
        area + area_of(self.sum, from, now)
    }

    fn add(&mut self, at: Duration, amount: i128, now: Duration) {
        if at + self.span > now {
            let place = self.charges.partition_point(|(own, _)| *own <= at);
            self.charges.insert(place, (at, amount));
            self.sum += amount;
        }
    }
}

/// The number of the period and its sum.
#[derive(Debug, Clone)]
pub(super) struct Fixed {
    span: Duration,
    period: u128,
    sum: i128,
}

impl Fixed {
    fn period_of(&self, at: Duration) -> u128 {
        at.as_nanos() / self.span.as_nanos()
    }

    fn pass(&mut self, from: Duration, now: Duration) -> f64 {
        let period = self.period_of(now);
        if period == self.period {
            return area_of(self.sum, from, now);
        }
        let end = self.span.as_secs_f64() * (self.period + 1) as f64;
        let area = self.sum.max(0) as f64 * (end - from.as_secs_f64()).max(0.0);
        (self.period, self.sum) = (period, 0);
        area
    }

    fn add(&mut self, at: Duration, amount: i128) {
        if self.period_of(at) == self.period {
            self.sum += amount;
        }
    }
}

/// Parts of a unit the bucket is counted in: so many that looking at it a thousand times a second, each time rounded
/// down, does not slow it.
const SCALE: i128 = 1_000_000_000_000;

/// How full it is, in parts of a unit.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    span: Duration,
    level: i128,
}

impl Bucket {
    fn pass(&mut self, from: Duration, now: Duration, limit: u64) -> f64 {
        let before = self.level;
        let passed = i128::try_from((now - from).as_nanos()).unwrap_or(i128::MAX);
        let span = i128::try_from(self.span.as_nanos()).unwrap_or(i128::MAX);
        let gone = i128::from(limit).saturating_mul(passed).saturating_mul(SCALE) / span;
        self.level = (before - gone).max(0);
        // A triangle if it ran empty on the way, else a trapezium.
        let seconds = (now - from).as_secs_f64();
        let draining = if gone > before { seconds * before as f64 / gone as f64 } else { seconds };
        (before + self.level) as f64 / 2.0 / SCALE as f64 * draining
    }

    fn add(&mut self, amount: i128) {
        self.level = (self.level + amount.saturating_mul(SCALE)).max(0);
    }
}

fn area_of(sum: i128, from: Duration, until: Duration) -> f64 {
    sum.max(0) as f64 * until.saturating_sub(from).as_secs_f64()
}
