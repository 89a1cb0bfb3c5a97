//! A response as it comes about: chat chunks in, events out, and at the end the whole object. A whole chat answer goes the same
//! way in one step, so that both say the same.
//!
//! What is thought and said is one item at a time; calls of tools stay open to the end, for a model may write several at once.

mod called;
mod said;

use std::sync::Arc;

use super::chunk::{Choice, Chunk};
use super::echo::{self, Status};
use super::events::Events;
use super::items::{Call, End};
use super::plan::Plan;
use super::usage;
use super::write::{Members, array};
use crate::relay::translate::Failure;
use crate::wire::json;

/// Most of one answer that is held for its last events (bytes; ours: real ones are some hundred kilobytes).
const MOST: usize = 32 * 1024 * 1024;

/// What is being thought or said.
#[derive(Debug)]
struct Open {
    index: usize,
    is_thought: bool,
    /// The inside of a literal.
    text: String,
    logprobs: Vec<String>,
}

/// One response under way.
#[derive(Debug)]
pub(super) struct Reply {
    plan: Arc<Plan>,
    events: Events,
    is_begun: bool,
    is_over: bool,
    /// The model that answers, as a literal.
    model: Option<String>,
    /// Place of the next item.
    next: usize,
    open: Option<Open>,
    calls: Vec<Call>,
    /// Items that are complete, by their places.
    done: Vec<(usize, String)>,
    has_message: bool,
    finish: Option<String>,
    usage: Option<String>,
    held: usize,
}

impl Reply {
    /// One of which nothing has come yet.
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            events: Events::default(),
            is_begun: false,
            is_over: false,
            model: None,
            next: 0,
            open: None,
            calls: Vec::new(),
            done: Vec::new(),
            has_message: false,
            finish: None,
            usage: None,
            held: 0,
        }
    }

    /// Takes a chunk, or a whole answer.
    pub(super) fn take(&mut self, chunk: &Chunk<'_>, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        if self.model.is_none() {
            self.model = chunk.model.and_then(|model| echo::model(model.get())).map(str::to_owned);
        }
        self.begin(out);
        if let Some(usage) = chunk.usage {
            self.usage = usage::response(usage.get()).or_else(|| self.usage.take());
        }
        for choice in chunk.choices.iter().filter(|choice| choice.index.unwrap_or(0) == 0) {
            self.choice(choice, out);
        }
        if self.held > MOST {
            let message = "The answer is longer than any that can be passed on as a response.";
            self.fail(&Failure { kind: "server_error", code: Some("server_error"), message }, out);
        }
    }

    /// The answer is whole: closes what is open, and returns the response's object.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Option<String> {
        if std::mem::replace(&mut self.is_over, true) {
            return None;
        }
        self.begin(out);
        let finish = self.finish.take();
        let status = match finish.as_deref() {
            Some("length") => Status::Incomplete("max_output_tokens"),
            Some("content_filter") => Status::Incomplete("content_filter"),
            Some("insufficient_system_resource") => {
                Status::Failed("server_error", "SiliconFlow had no room to finish the answer.")
            }
            _ => Status::Completed((self.plan.now)()),
        };
        let is_completed = matches!(status, Status::Completed(_));
        self.close_all(if is_completed { End::Completed } else { End::Incomplete }, out);
        if is_completed && !self.has_message && self.calls.is_empty() {
            self.say("", &[], out);
            self.close(End::Completed, out);
        }
        let response = self.response(status);
        self.events.add(out, &format!("response.{}", status.word()), &format!("\"response\":{response}"));
        if !matches!(status, Status::Failed(..)) {
            self.plan.keep(&response);
        }
        Some(response)
    }

    /// The stream broke off. Codex acts on the first of the two events, the SDKs raise at the second.
    pub(super) fn fail(&mut self, failure: &Failure<'_>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.begin(out);
        let response = self.response(Status::Failed(failure.code.unwrap_or(failure.kind), failure.message));
        self.events.add(out, "response.failed", &format!("\"response\":{response}"));
        let code = failure.code.map_or("null".to_owned(), json::quote);
        let mut error = Members::new();
        error.text("type", failure.kind).raw("code", &code).text("message", failure.message).raw("param", "null");
        let mut event = Members::new();
        event.raw("code", &code).text("message", failure.message).raw("param", "null").raw("error", &error.end());
        self.events.add(out, "error", event.inside());
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let response = format!("\"response\":{}", self.response(Status::InProgress));
        self.events.add(out, "response.created", &response);
        self.events.add(out, "response.in_progress", &response);
    }

    /// The object with the items that are complete.
    fn response(&mut self, status: Status<'_>) -> String {
        self.done.sort_unstable_by_key(|(index, _)| *index);
        let output = array(&self.done.iter().map(|(_, item)| item).collect::<Vec<_>>());
        self.plan.echo.response(status, self.model.as_deref(), &output, self.usage.as_deref().unwrap_or("null"))
    }

    fn choice(&mut self, choice: &Choice<'_>, out: &mut Vec<u8>) {
        if let Some(delta) = &choice.delta {
            self.think(delta.thought(), out);
            if !delta.said().is_empty() {
                self.say(delta.said(), &choice.logprobs(), out);
            }
            for (position, call) in delta.tool_calls.iter().flatten().enumerate() {
                self.call(call.index.unwrap_or(position as u64), call, out);
            }
        }
        if let Some(finish) = &choice.finish_reason {
            self.finish = Some(finish.to_string());
        }
    }

    fn place(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn item_event(&mut self, out: &mut Vec<u8>, what: &str, index: usize, item: &str) {
        self.events.add(
            out,
            &format!("response.output_item.{what}"),
            &format!("\"output_index\":{index},\"item\":{item}"),
        );
    }
}
