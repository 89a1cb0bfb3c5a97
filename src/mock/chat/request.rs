//! A chat request, read and checked as SiliconFlow would: unknown fields are ignored (PRISM), a null stands for an
//! absent field, and what is refused is refused with the texts of API reference section 15 (others are ours).

use super::checks::{check_history, check_numbers, choice_of, format_of, messages_of, stop_of, thinking_of, tools_of};
use super::prompt::{prompt_tokens, text_of};
use crate::mock::catalogue::Model;
use crate::mock::refusal::Refusal;
use crate::mock::seed;
use serde_json::Value;

/// Output tokens assumed for a request that sets no `max_tokens`, when tokens are charged before (ours).
const USUAL_OUTPUT_TOKENS: u64 = 4_096;

/// What the answer must look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Format<'a> {
    Text,
    Json,
    Schema(&'a Value),
}

/// Whether tools may or must be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    Never,
    Auto,
    Any,
    Named(&'a str),
}

/// A request that will be answered.
#[derive(Debug)]
pub(super) struct ChatRequest<'a> {
    pub(super) json: &'a Value,
    pub(super) model: &'a Model,
    pub(super) messages: &'a [Value],
    pub(super) thinks: bool,
    pub(super) stream: bool,
    pub(super) n: u64,
    pub(super) max_tokens: Option<u64>,
    pub(super) stop: Vec<&'a str>,
    pub(super) tools: &'a [Value],
    pub(super) choice: Choice<'a>,
    pub(super) format: Format<'a>,
    pub(super) prompt_tokens: u64,
}

impl<'a> ChatRequest<'a> {
    pub(super) fn read(model: &'a Model, json: &'a Value) -> Result<Self, Refusal> {
        let messages = messages_of(model, json)?;
        let tools = tools_of(model, json)?;
        let thinks = thinking_of(model, json)?;
        check_numbers(json)?;
        check_history(model, messages, thinks && !tools.is_empty())?;
        let prompt_tokens = prompt_tokens(json, messages, tools);
        if prompt_tokens > model.window_tokens() {
            return Err(Refusal::parameter(model.overflow_text(prompt_tokens)));
        }
        Ok(Self {
            json,
            model,
            messages,
            thinks,
            stream: json["stream"].as_bool().unwrap_or(false),
            n: json["n"].as_u64().unwrap_or(1),
            max_tokens: json["max_tokens"].as_u64(),
            stop: stop_of(json)?,
            tools,
            choice: choice_of(json, tools)?,
            format: format_of(model, json)?,
            prompt_tokens,
        })
    }

    /// Input and the most output, for a quota that charges before.
    pub(super) fn most_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.max_tokens.unwrap_or(USUAL_OUTPUT_TOKENS))
    }

    /// Stands for the prompt in the cache.
    pub(super) fn fingerprint(&self, model: &str) -> u64 {
        seed::mix(seed::mix(0, model), &self.json["messages"].to_string())
    }

    /// The text of the last user message.
    pub(super) fn asked(&self) -> String {
        self.messages.iter().rev().find(|message| message["role"] == "user").map(text_of).unwrap_or_default()
    }
}
