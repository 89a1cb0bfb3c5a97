//! A chat answer as it is read: whole, or a chunk of a stream. Texts stay as they are written.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ending::Usage;
use super::words;

/// A completion or a chunk of one.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// What was said, and why it ended.
#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(borrow, default)]
    message: Option<Said<'a>>,
    #[serde(borrow, default)]
    delta: Option<Said<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    matched_stop: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
}

/// A message or a piece of one.
#[derive(Debug, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
}

/// The call of a tool or a piece of one.
#[derive(Debug, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Debug, Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// The inside of a text; empty where there is none.
fn text(value: Option<&RawValue>) -> &str {
    value.and_then(|value| words::inside(value.get())).unwrap_or_default()
}

impl<'a> Chunk<'a> {
    /// Reads one; `None` when it is no chunk.
    pub(super) fn read(json: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The model's name.
    pub(super) fn model(&self) -> &'a str {
        text(self.model)
    }

    /// The only choice that Anthropic's answers have.
    pub(super) fn choice(&self) -> Option<&Choice<'a>> {
        self.choices.first()
    }

    /// What was used.
    pub(super) fn usage(&self) -> Option<Usage> {
        serde_json::from_str(self.usage?.get()).ok()
    }
}

impl<'a> Choice<'a> {
    /// What was said.
    pub(super) fn said(&self) -> Option<&Said<'a>> {
        self.message.as_ref().or(self.delta.as_ref())
    }

    /// Why it ended, if it has.
    pub(super) fn finish(&self) -> &'a str {
        text(self.finish_reason)
    }

    /// What stopped it, where the server says so.
    pub(super) fn matched(&self) -> Option<&'a RawValue> {
        self.matched_stop.or(self.stop_reason)
    }
}

impl<'a> Said<'a> {
    /// Text of the answer.
    pub(super) fn content(&self) -> &'a str {
        text(self.content)
    }

    /// Text of its thinking.
    pub(super) fn reasoning(&self) -> &'a str {
        text(self.reasoning_content)
    }

    /// Calls of tools.
    pub(super) fn calls(&self) -> &[Call<'a>] {
        self.tool_calls.as_deref().unwrap_or_default()
    }
}

impl<'a> Call<'a> {
    /// Its number, if it says one.
    pub(super) fn index(&self) -> Option<u64> {
        self.index
    }

    /// Its id; `made_up` where the upstream gave none, or one that is not its own: an id must be another one in each answer.
    pub(super) fn id(&self, made_up: impl FnOnce() -> String) -> std::borrow::Cow<'a, str> {
        match text(self.id) {
            id if id.is_empty() || id.starts_with("call_flowgate_") => made_up().into(),
            id => id.into(),
        }
    }

    /// The tool's name.
    pub(super) fn name(&self) -> &'a str {
        text(self.function.as_ref().and_then(|function| function.name))
    }

    /// Its arguments: mostly a text, as the protocol says; some servers send the object itself.
    pub(super) fn arguments(&self) -> Option<&'a RawValue> {
        self.function.as_ref().and_then(|function| function.arguments)
    }
}
