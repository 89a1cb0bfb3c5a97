//! What a request has taken.

use std::time::Duration;

use crate::quota::ask::Guess;
use crate::quota::metric::Amounts;
use crate::quota::moment::Now;

/// What a request has taken, to be settled.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Taken {
    /// When.
    pub at: Now,
    /// What was charged at once.
    pub charged: Amounts,
    /// What is held of the tokens, charged in the end.
    pub held: Guess,
    /// How long it was expected to take.
    #[serde(default)]
    pub duration: Duration,
    /// Tokens a second by which its answer becomes longer than was thought while it is not over.
    #[serde(default)]
    pub pace: f64,
    /// What of the charged tokens will probably be given back.
    #[serde(default)]
    pub spare: u64,
}

impl Taken {
    /// Tokens reserved, charged or held.
    pub fn tokens(&self) -> u64 {
        self.charged.tokens.max(self.held.whole())
    }
}
