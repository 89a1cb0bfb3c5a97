//! What one chunk of a chat stream says, or a whole chat answer: texts stay as the bytes they came in.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::write::inner;

/// A chunk.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) choices: Vec<Choice<'a>>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
}

/// One answer of a chunk (`delta`), or of a whole completion (`message`).
#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Option<u64>,
    #[serde(borrow, default, alias = "message")]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    logprobs: Option<Logprobs<'a>>,
}

#[derive(Debug, Deserialize)]
struct Logprobs<'a> {
    #[serde(borrow, default)]
    content: Option<Vec<&'a RawValue>>,
}

/// What was added.
#[derive(Debug, Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
}

/// A piece of a tool call.
#[derive(Debug, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(default)]
    pub(super) index: Option<u64>,
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) function: Option<Function<'a>>,
}

/// A piece of what is called.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl Choice<'_> {
    /// Probabilities of its tokens (JSON).
    pub(super) fn logprobs(&self) -> Vec<&str> {
        let content = self.logprobs.as_ref().and_then(|logprobs| logprobs.content.as_ref());
        content.map(|content| content.iter().map(|token| token.get()).collect()).unwrap_or_default()
    }
}

impl Delta<'_> {
    /// What was said (the inside of a literal).
    pub(super) fn said(&self) -> &str {
        text(self.content)
    }

    /// What was thought (the inside of a literal).
    pub(super) fn thought(&self) -> &str {
        text(self.reasoning_content)
    }
}

impl Function<'_> {
    /// A piece of its arguments (the inside of a literal).
    pub(super) fn arguments(&self) -> &str {
        text(self.arguments)
    }
}

fn text(value: Option<&RawValue>) -> &str {
    value.and_then(|value| inner(value.get())).unwrap_or_default()
}
