//! The window that a metric is counted with: minutes by the upstream's rule, hours and days by the clock.

use std::time::Duration;

use super::Window;
use super::bucket::Bucket;
use super::fixed::{Fixed, Period};
use super::sliding::Sliding;
use crate::quota::meter::MeterSettings;
use crate::quota::metric::{Metric, Span};
use crate::quota::moment::{Moment, Now};
use crate::quota::rule::Rule;

const MINUTE: Duration = Duration::from_secs(60);

/// One of the three windows.
#[derive(Debug)]
pub enum Counter {
    /// For exactly one span.
    Sliding(Sliding),
    /// Until the period is over.
    Fixed(Fixed),
    /// Draining evenly.
    Bucket(Box<Bucket>),
}

impl Counter {
    /// An empty window for `metric`.
    pub fn new(metric: Metric, settings: &MeterSettings, now: Now, limit: u64) -> Self {
        let margin = settings.margin;
        match (metric.span(), settings.accounting.rule) {
            (Span::Minute, Rule::Sliding) => Self::Sliding(Sliding::new(MINUTE + margin)),
            (Span::Minute, Rule::Bucket) => Self::Bucket(Box::new(Bucket::new(MINUTE, now, limit).late_by(margin))),
            (Span::Minute, Rule::Fixed) => Self::Fixed(Fixed::new(Period::minutes(margin))),
            (Span::Hour, _) => Self::Fixed(Fixed::new(Period::hours(margin))),
            (Span::Day, _) => Self::Fixed(Fixed::new(Period::days(margin))),
        }
    }

    /// What still counts, oldest first, to be charged to another window.
    pub fn charges(&self, now: Now) -> Vec<(Now, u64)> {
        match self {
            Self::Sliding(window) => window.charges().map(|(at, amount)| (Now::both(at), amount)).collect(),
            Self::Fixed(window) => window.charges(now.wall),
            Self::Bucket(window) => vec![(now, window.used(now))],
        }
    }
}

/// `ask` of whichever window it is.
macro_rules! whichever {
    ($counter:expr, $window:ident => $ask:expr) => {
        match $counter {
            Counter::Sliding($window) => $ask,
            Counter::Fixed($window) => $ask,
            Counter::Bucket($window) => $ask,
        }
    };
}

// One copy of each: a request asks some twenty times, and the code of each place that asks has to come from memory.
impl Window for Counter {
    #[inline(never)]
    fn peek(&self, now: Now, limit: u64) -> u64 {
        whichever!(self, window => window.peek(now, limit))
    }

    #[inline(never)]
    fn charge(&mut self, now: Now, amount: u64, limit: u64) {
        whichever!(self, window => window.charge(now, amount, limit));
    }

    #[inline(never)]
    fn refund(&mut self, taken: Now, now: Now, amount: u64, limit: u64) {
        whichever!(self, window => window.refund(taken, now, amount, limit));
    }

    #[inline(never)]
    fn clear_at(&self, now: Now, limit: u64) -> Moment {
        whichever!(self, window => window.clear_at(now, limit))
    }

    #[inline(never)]
    fn wake_at(&self, now: Now, amount: u64, limit: u64) -> Option<Moment> {
        whichever!(self, window => window.wake_at(now, amount, limit))
    }

    #[inline(never)]
    fn turn(&self, now: Now, amount: u64, limit: u64) -> Moment {
        whichever!(self, window => window.turn(now, amount, limit))
    }

    #[inline(never)]
    fn forgets_at(&self, now: Now) -> Option<Moment> {
        whichever!(self, window => window.forgets_at(now))
    }
}
