//! What a request may need, and what it did need in the end.

use std::time::Duration;

use super::metric::Amounts;

pub use super::estimate::Guess;

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
    /// How much there is in it, by no scale: the same request has the same whatever was learned meanwhile. 0 where nothing
    /// was counted.
    pub content: f64,
}

impl Ask {
    /// Tokens of prompt and answer.
    pub fn tokens(&self) -> Guess {
        self.prompt.plus(self.output)
    }

    /// What it needs on average.
    pub fn amounts(&self) -> Amounts {
        Amounts { requests: 1, tokens: self.tokens().whole(), images: self.images }
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
