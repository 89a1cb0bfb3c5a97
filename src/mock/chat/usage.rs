//! What an answer cost, in SiliconFlow's `usage` and as a bill.

use super::answer::Answer;
use super::request::ChatRequest;
use crate::mock::billing::Bill;
use crate::mock::call::Call;
use crate::mock::quirks::UsageStyle;
use serde_json::{Value, json};

/// Tokens of a request and its answers, or of what has gone out so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) prompt: u64,
    pub(super) cached: u64,
    /// Reasoning included.
    pub(super) completion: u64,
    pub(super) reasoning: u64,
    thinks: bool,
    shows_cache: bool,
}

impl Spent {
    pub(super) fn of(request: &ChatRequest<'_>, answers: &[Answer], cached: u64) -> Self {
        Self {
            prompt: request.prompt_tokens,
            cached,
            completion: answers.iter().map(Answer::tokens).sum(),
            reasoning: answers.iter().map(|answer| answer.reasoning_tokens).sum(),
            // A script may have a model think that does not by itself.
            thinks: request.thinks || answers.iter().any(|answer| answer.reasoning_tokens > 0),
            shows_cache: request.model.reports_cache(),
        }
    }

    /// The same request before anything was said.
    pub(super) fn nothing_yet(&self) -> Self {
        Self { completion: 0, reasoning: 0, ..*self }
    }

    pub(super) fn bill(&self) -> Bill {
        Bill {
            requests: 1,
            prompt_tokens: self.prompt,
            completion_tokens: self.completion,
            reasoning_tokens: self.reasoning,
            cached_tokens: self.cached,
            ..Bill::default()
        }
    }

    /// The `usage` object (API reference section 2); under the fault `huge-usage` with absurd numbers.
    pub(super) fn json(&self, call: &Call) -> Value {
        let huge = call.fault.as_ref().filter(|fault| fault.name == "huge-usage").map(|fault| fault.number(u64::MAX));
        let completion = huge.unwrap_or(self.completion);
        let prompt = huge.unwrap_or(self.prompt);
        let total = prompt.saturating_add(completion);
        let mut usage = json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total});
        if self.thinks {
            usage["completion_tokens_details"] = json!({"reasoning_tokens": self.reasoning});
        }
        if self.shows_cache {
            usage["prompt_tokens_details"] = json!({"cached_tokens": self.cached});
            usage["prompt_cache_hit_tokens"] = json!(self.cached);
            usage["prompt_cache_miss_tokens"] = json!(self.prompt - self.cached);
        }
        usage
    }
}

/// Where this answer's stream carries usage: as the model does, unless a fault says otherwise.
pub(super) fn style(call: &Call, request: &ChatRequest<'_>) -> UsageStyle {
    match call.fault.as_ref().map(|fault| fault.name.as_str()) {
        Some("no-usage") => UsageStyle::Never,
        Some("usage-every") => UsageStyle::Every,
        Some("usage-last") => UsageStyle::Last,
        Some("usage-finish") => UsageStyle::Finish,
        Some("usage-twice") => UsageStyle::Twice,
        _ => request.model.usage_style(),
    }
}
