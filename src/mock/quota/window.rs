//! One limit over one span of time. It must not read a clock: time is handed in. It must not know HTTP.

use super::counters::Counter;
use std::str::FromStr;
use std::time::Duration;

/// How amounts leave a minute's window. Hours and days are always [`Rule::Fixed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rule {
    /// Each amount counts for exactly one span after it was charged.
    #[default]
    Sliding,
    /// Everything is forgotten at each multiple of the span.
    Fixed,
    /// A bucket that holds the limit and drains evenly, the whole limit in one span.
    Bucket,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sliding" => Ok(Self::Sliding),
            "fixed" => Ok(Self::Fixed),
            "bucket" => Ok(Self::Bucket),
            _ => Err(format!("no rule {text:?}: expected sliding, fixed or bucket")),
        }
    }
}

/// When tokens are charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charge {
    /// When the answer is over, with the real usage; a request is admitted while anything is left.
    #[default]
    After,
    /// At admission, with input plus `max_tokens`; corrected when the answer is over.
    Before,
}

impl FromStr for Charge {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "after" => Ok(Self::After),
            "before" => Ok(Self::Before),
            _ => Err(format!("no charge {text:?}: expected after or before")),
        }
    }
}

/// What was charged in one span. All times are since any one start; those of [`Rule::Fixed`] turn at its multiples.
#[derive(Debug, Clone)]
pub struct Window {
    counter: Counter,
    /// Charged since the last look.
    pending: Vec<(Duration, i128)>,
    /// The last look.
    seen: Duration,
    area: f64,
}

impl Window {
    /// An empty window of `span`.
    #[must_use]
    pub fn new(rule: Rule, span: Duration) -> Self {
        Self { counter: Counter::new(rule, span), pending: Vec::new(), seen: Duration::ZERO, area: 0.0 }
    }

    /// Adds `amount` at a moment; a negative one corrects a charge that was made at that moment and leaves with it. A
    /// correction of what has left already changes nothing.
    pub fn charge(&mut self, at: Duration, amount: i128) {
        self.pending.push((at, amount));
    }

    /// What counts against `limit` at `now`, rounded up.
    pub fn used(&mut self, now: Duration, limit: u64) -> u64 {
        for (at, amount) in std::mem::take(&mut self.pending) {
            self.pass_until(at, limit);
            self.counter.add(at, amount, self.seen);
        }
        self.pass_until(now, limit);
        u64::try_from(self.counter.used().max(0)).unwrap_or(u64::MAX)
    }

    /// The sum over time of what was used, up to the last look: units × seconds.
    #[must_use]
    pub fn area(&self) -> f64 {
        self.area
    }

    fn pass_until(&mut self, now: Duration, limit: u64) {
        if now > self.seen {
            self.area += self.counter.pass(self.seen, now, limit);
            self.seen = now;
        }
    }
}
