//! What a request may need, and what it did need in the end.

use std::time::Duration;

use super::metric::Amounts;

/// A number that is not known yet (tokens).
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Guess {
    /// What it will be on average.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
}

impl Guess {
    /// A number that is known.
    pub fn exactly(tokens: u64) -> Self {
        Self { mean: tokens as f64, deviation: 0.0 }
    }

    /// The sum of two that have nothing to do with each other.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { mean: self.mean + other.mean, deviation: self.deviation.hypot(other.deviation) }
    }

    /// The number that it stays below but for the risk that `caution` (standard deviations) stands for; rounded up.
    pub fn upper(self, caution: f64) -> u64 {
        // A cast from a float saturates, and takes what is no number for 0.
        (self.mean + caution * self.deviation).max(0.0).ceil() as u64
    }
}

/// What one request may need.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ask {
    /// Pictures.
    pub images: u64,
    /// Tokens of the prompt.
    pub prompt: Guess,
    /// Tokens of the answer.
    pub output: Guess,
    /// Most tokens that the answer may have: `max_tokens`, or what the model allows.
    pub max_output: u64,
    /// When it will be over, and its tokens known.
    pub duration: Duration,
}

impl Ask {
    /// Tokens of prompt and answer.
    pub fn tokens(&self) -> Guess {
        self.prompt.plus(self.output)
    }

    /// What it needs on average.
    pub fn amounts(&self) -> Amounts {
        Amounts { requests: 1, tokens: self.tokens().upper(0.0), images: self.images }
    }
}

/// What a request has cost in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Spent {
    /// It never reached the upstream.
    Nothing,
    /// This; its `requests` are not looked at: a request that was sent is a request.
    Exactly(Amounts),
    /// This at least, so that nothing is given back.
    AtLeast(Amounts),
    /// Nobody knows; what was reserved stands.
    Unknown,
}
