//! What a response repeats of its request, and the object around what the model said.

use std::borrow::Cow;

use super::write::Members;
use crate::wire::json::{self, Object};

/// Members that are repeated as the caller wrote them, with what stands there where the caller wrote nothing.
const REPEATED: &[(&str, &str)] = &[
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("safety_identifier", "null"),
    ("temperature", "null"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "null"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// A response without what the model said.
#[derive(Debug, Clone)]
pub(super) struct Echo {
    /// `resp_…`
    pub(super) id: String,
    /// Unix seconds.
    pub(super) created_at: u64,
    /// The name that the caller asked for, as a string literal.
    model: String,
    /// The repeated members, one after the other.
    repeated: String,
}

/// How far a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status<'a> {
    InProgress,
    /// At this time (unix seconds).
    Completed(u64),
    /// For this reason.
    Incomplete(&'static str),
    /// With this code and message.
    Failed(&'a str, &'a str),
}

impl Status<'_> {
    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed(_) => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(..) => "failed",
        }
    }
}

impl Echo {
    /// What `request` says, of which a response with `id` is made at `created_at`.
    pub(super) fn new(request: &Object<'_>, id: String, created_at: u64, is_kept: bool) -> Self {
        let mut repeated = Members::new();
        for (key, otherwise) in REPEATED {
            let own = request.get(key).map(|member| member.value).filter(|value| *value != "null");
            repeated.raw(key, &one_line(own.unwrap_or(otherwise)));
        }
        repeated.raw("background", "false").raw("service_tier", "\"default\"");
        repeated.raw("store", if is_kept { "true" } else { "false" });
        repeated.raw("text", &one_line(&text(request))).raw("reasoning", &one_line(&reasoning(request)));
        let model = request.get("model").map_or("\"\"", |model| model.value).to_owned();
        Self { id, created_at, model, repeated: repeated.inside().to_owned() }
    }

    /// The whole object. `model` is a literal as the upstream sent it; `output` and `usage` are JSON.
    pub(super) fn response(&self, status: Status<'_>, model: Option<&str>, output: &str, usage: &str) -> String {
        let mut response = Members::new();
        response.text("id", &self.id).raw("object", "\"response\"").raw("created_at", &self.created_at.to_string());
        response.text("status", status.word());
        let completed_at = if let Status::Completed(at) = status { at.to_string() } else { "null".to_owned() };
        response.raw("completed_at", &completed_at);
        response.raw("error", &error(status)).raw("incomplete_details", &details(status));
        response.raw("model", model.unwrap_or(&self.model)).raw("output", output).raw("usage", usage);
        format!("{{{},{}}}", response.inside(), self.repeated)
    }
}

/// A caller's JSON without its line breaks, which would end the line of an event; inside strings there are none.
fn one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], "").into() } else { json.into() }
}

fn error(status: Status<'_>) -> String {
    match status {
        Status::Failed(code, message) => Members::new().text("code", code).text("message", message).end(),
        _ => "null".to_owned(),
    }
}

fn details(status: Status<'_>) -> String {
    match status {
        Status::Incomplete(reason) => Members::new().text("reason", reason).end(),
        _ => "null".to_owned(),
    }
}

/// `text`, with the format that is meant where none is written.
fn text(request: &Object<'_>) -> String {
    let own = request.get("text").and_then(|text| Object::parse(text.value).ok()).unwrap_or_default();
    let mut text = Members::new();
    text.raw("format", own.get("format").map_or("{\"type\":\"text\"}", |format| format.value));
    text.maybe("verbosity", own.get("verbosity").map(|verbosity| verbosity.value));
    text.end()
}

/// `reasoning`, with the members that every response has.
fn reasoning(request: &Object<'_>) -> String {
    let own = request.get("reasoning").and_then(|reasoning| Object::parse(reasoning.value).ok()).unwrap_or_default();
    let value = |key: &str| own.get(key).map_or("null", |member| member.value);
    Members::new().raw("effort", value("effort")).raw("summary", value("summary")).end()
}

/// The name of a model as a literal, where it is one.
pub(super) fn model(value: &str) -> Option<&str> {
    json::string(value).filter(|name| !name.is_empty()).map(|_| value)
}
