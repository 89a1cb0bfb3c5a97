//! What the emulator charged for, by model. A test compares it with what the gateway believes.
//! It must not know money: SiliconFlow's prices are the gateway's business.

use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Amounts billed. Every field is a sum over requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Requests that were answered and billed (refused ones are not).
    pub requests: u64,
    /// Input tokens, cache hits included.
    pub prompt_tokens: u64,
    /// Output tokens, reasoning included.
    pub completion_tokens: u64,
    /// The part of `completion_tokens` that was reasoning.
    pub reasoning_tokens: u64,
    /// The part of `prompt_tokens` that hit the prompt cache.
    pub cached_tokens: u64,
    /// Pictures made.
    pub images: u64,
    /// Seconds of audio or video, rounded up.
    pub seconds: u64,
    /// UTF-8 bytes of text spoken, or bytes of audio read.
    pub bytes: u64,
    /// Requests refused with 429 by a quota.
    pub refused: u64,
}

impl Bill {
    /// Input and output tokens together, as `usage.total_tokens`.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

impl AddAssign for Bill {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.cached_tokens += other.cached_tokens;
        self.images += other.images;
        self.seconds += other.seconds;
        self.bytes += other.bytes;
        self.refused += other.refused;
    }
}

/// Everything billed since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Billed {
    /// By model id as the request named it.
    pub models: BTreeMap<String, Bill>,
    /// Sum over the models.
    pub total: Bill,
}

impl Billed {
    pub(super) fn add(&mut self, model: &str, bill: Bill) {
        *self.models.entry(model.to_owned()).or_default() += bill;
        self.total += bill;
    }
}
