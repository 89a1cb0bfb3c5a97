//! One limit over one span of time, counted naively: remember every amount and add them up.
//! It must not read a clock: time is handed in. It must not know HTTP.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

/// How amounts leave a window.
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

/// What was charged in one span. All times are since any one start.
#[derive(Debug, Clone)]
pub struct Window {
    rule: Rule,
    span: Duration,
    charges: VecDeque<(Duration, i128)>,
}

impl Window {
    /// An empty window of `span`.
    #[must_use]
    pub fn new(rule: Rule, span: Duration) -> Self {
        Self { rule, span, charges: VecDeque::new() }
    }

    /// Adds `amount`; a negative one corrects an earlier charge and leaves at the same moment as one made now.
    pub fn charge(&mut self, now: Duration, amount: i128) {
        self.charges.push_back((now, amount));
    }

    /// What counts against `limit` at `now`, rounded up.
    pub fn used(&mut self, now: Duration, limit: u64) -> u64 {
        let used = match self.rule {
            Rule::Sliding => self.sum_since(|at, span| at + span > now),
            Rule::Fixed => self.sum_since(|at, span| periods(at, span) == periods(now, span)),
            Rule::Bucket => self.level(now, limit),
        };
        u64::try_from(used.max(0)).unwrap_or(u64::MAX)
    }

    fn sum_since(&mut self, counts: impl Fn(Duration, Duration) -> bool) -> i128 {
        while self.charges.front().is_some_and(|&(at, _)| !counts(at, self.span)) {
            self.charges.pop_front();
        }
        self.charges.iter().map(|&(_, amount)| amount).sum()
    }

    /// The bucket's fill in whole units, rounded up: every charge is played again, draining in between.
    fn level(&mut self, now: Duration, limit: u64) -> i128 {
        let span = self.span.as_nanos().max(1);
        let mut level: i128 = 0;
        let mut last = Duration::ZERO;
        for &(at, amount) in &self.charges {
            level = drained(level, at.saturating_sub(last), limit, span) + amount * SCALE;
            last = at;
        }
        let level = drained(level, now.saturating_sub(last), limit, span);
        if level <= 0 {
            self.charges.clear();
        }
        (level + SCALE - 1).div_euclid(SCALE)
    }
}

/// Parts of a unit the bucket is counted in.
const SCALE: i128 = 1_000_000;

fn drained(level: i128, passed: Duration, limit: u64, span: u128) -> i128 {
    let passed = i128::try_from(passed.as_nanos()).unwrap_or(i128::MAX / 2);
    let span = i128::try_from(span).unwrap_or(i128::MAX);
    let gone = (i128::from(limit) * passed).saturating_mul(SCALE) / span;
    (level - gone).max(0)
}

fn periods(at: Duration, span: Duration) -> u128 {
    at.as_nanos() / span.as_nanos().max(1)
}
