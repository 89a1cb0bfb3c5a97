//! A response as it comes about: chat chunks in, events out, and at the end the whole object. A whole chat answer goes the same
//! way in one step, so that both say the same.
//!
//! What is thought and said is one item at a time; calls of tools stay open to the end, for a model may write several at once.

use std::sync::Arc;

use super::chunk::{self, Choice, Chunk};
use super::echo::{self, Status};
use super::events::Events;
use super::items::{self, Call, End};
use super::plan::Plan;
use super::tools::{Kind, Tool};
use super::usage;
use super::write::{Members, array, literal};
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

    fn think(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let (index, id) = self.opened(true, out);
        self.events.write(
            out,
            "response.reasoning_summary_text.delta",
            format_args!("\"item_id\":\"{id}\",\"output_index\":{index},\"summary_index\":0,\"delta\":\"{text}\""),
        );
        self.grow(text, &[]);
    }

    fn say(&mut self, text: &str, logprobs: &[&str], out: &mut Vec<u8>) {
        let (index, id) = self.opened(false, out);
        self.has_message = true;
        if text.is_empty() {
            return;
        }
        let tokens = array(logprobs);
        self.events.write(
            out,
            "response.output_text.delta",
            format_args!(
                "\"item_id\":\"{id}\",\"output_index\":{index},\"content_index\":0,\"delta\":\"{text}\",\"logprobs\":{tokens}"
            ),
        );
        self.grow(text, logprobs);
    }

    fn grow(&mut self, text: &str, logprobs: &[&str]) {
        self.held += text.len() + logprobs.iter().map(|token| token.len()).sum::<usize>();
        if let Some(open) = &mut self.open {
            open.text.push_str(text);
            open.logprobs.extend(logprobs.iter().map(|&token| token.to_owned()));
        }
    }

    /// Place and id of the item that goes on; a new one where the model has turned to something else.
    fn opened(&mut self, is_thought: bool, out: &mut Vec<u8>) -> (usize, String) {
        if let Some(open) = self.open.as_ref().filter(|open| open.is_thought == is_thought) {
            return (open.index, self.id(is_thought, open.index));
        }
        self.close(End::Completed, out);
        let index = self.place();
        let id = self.id(is_thought, index);
        let (item, kind, at, part) = if is_thought {
            (
                items::thought(&id, None, false),
                "response.reasoning_summary_part.added",
                "summary_index",
                items::summary_part(""),
            )
        } else {
            (items::message(&id, None, None), "response.content_part.added", "content_index", items::text_part("", &[]))
        };
        self.item_event(out, "added", index, &item);
        let members = format!("\"item_id\":\"{id}\",\"output_index\":{index},\"{at}\":0,\"part\":{part}");
        self.events.add(out, kind, &members);
        self.open = Some(Open { index, is_thought, text: String::new(), logprobs: Vec::new() });
        (index, id)
    }

    fn id(&self, is_thought: bool, index: usize) -> String {
        items::id(if is_thought { "rs" } else { "msg" }, &self.plan.echo.id, index)
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

    /// Closes what is being thought or said, if anything.
    fn close(&mut self, end: End, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        let (index, text) = (open.index, &open.text);
        let id = self.id(open.is_thought, index);
        let place = format!("\"item_id\":\"{id}\",\"output_index\":{index}");
        let item = if open.is_thought {
            let part = items::summary_part(text);
            let done = format!("{place},\"summary_index\":0,\"text\":{}", literal(text));
            self.events.add(out, "response.reasoning_summary_text.done", &done);
            let done = format!("{place},\"summary_index\":0,\"part\":{part}");
            self.events.add(out, "response.reasoning_summary_part.done", &done);
            items::thought(&id, Some(text), self.plan.is_reasoning_encoded)
        } else {
            let part = items::text_part(text, &open.logprobs);
            let tokens = array(&open.logprobs);
            let done = format!("{place},\"content_index\":0,\"text\":{},\"logprobs\":{tokens}", literal(text));
            self.events.add(out, "response.output_text.done", &done);
            self.events.add(out, "response.content_part.done", &format!("{place},\"content_index\":0,\"part\":{part}"));
            items::message(&id, Some(&part), Some(end))
        };
        self.item_event(out, "done", index, &item);
        self.done.push((index, item));
    }

    fn call(&mut self, number: u64, call: &chunk::Call<'_>, out: &mut Vec<u8>) {
        self.close(End::Completed, out);
        let place = match self.calls.iter().position(|known| known.number == number) {
            Some(place) => place,
            None => self.begin_call(number),
        };
        let plan = self.plan.clone();
        let Some(known) = self.calls.get_mut(place) else { return };
        if let Some(id) = call.id.as_deref().filter(|id| !id.is_empty() && !known.is_told) {
            id.clone_into(&mut known.call_id);
        }
        let mut told = String::new();
        if let Some(function) = &call.function {
            if let Some(name) = function.name.as_deref().filter(|_| !known.is_told) {
                known.name.push_str(name);
            }
            known.arguments.push_str(function.arguments());
            told.push_str(function.arguments());
            self.held += told.len();
        }
        if known.name.is_empty() {
            return;
        }
        let tool = plan.tools.called(&known.name);
        let (index, id) = (known.index, known.id(&plan.echo.id, tool));
        if !std::mem::replace(&mut known.is_told, true) {
            let item = known.item(&plan.echo.id, tool, None);
            known.arguments.clone_into(&mut told);
            self.item_event(out, "added", index, &item);
        }
        // The input of a tool with free text stands inside the arguments: it can be told only when it is whole.
        if !told.is_empty() && tool.is_none_or(|tool| tool.kind == Kind::Function) {
            self.events.write(
                out,
                "response.function_call_arguments.delta",
                format_args!("\"item_id\":\"{id}\",\"output_index\":{index},\"delta\":\"{told}\""),
            );
        }
    }

    fn begin_call(&mut self, number: u64) -> usize {
        let index = self.place();
        let base = self.plan.echo.id.strip_prefix("resp_").unwrap_or_default();
        self.calls.push(Call {
            number,
            index,
            call_id: format!("call_{base}_{index}"),
            name: String::new(),
            arguments: String::new(),
            is_told: false,
        });
        self.calls.len() - 1
    }

    fn close_all(&mut self, end: End, out: &mut Vec<u8>) {
        self.close(end, out);
        let plan = self.plan.clone();
        for call in std::mem::take(&mut self.calls) {
            let tool = plan.tools.called(&call.name);
            if !call.is_told {
                self.item_event(out, "added", call.index, &call.item(&plan.echo.id, tool, None));
            }
            self.close_call(&call, tool, end, out);
            self.calls.push(call);
        }
    }

    fn close_call(&mut self, call: &Call, tool: Option<&Tool>, end: End, out: &mut Vec<u8>) {
        let response = &self.plan.echo.id;
        let (index, item) = (call.index, call.item(response, tool, Some(end)));
        let place = format!("\"item_id\":\"{}\",\"output_index\":{index}", call.id(response, tool));
        if tool.is_some_and(|tool| tool.kind == Kind::Custom) {
            let input = call.input();
            self.events.add(out, "response.custom_tool_call_input.delta", &format!("{place},\"delta\":\"{input}\""));
            self.events.add(out, "response.custom_tool_call_input.done", &format!("{place},\"input\":\"{input}\""));
        } else {
            let name = json::quote(tool.map_or(&call.name, |tool| &tool.name));
            let done = format!("{place},\"name\":{name},\"arguments\":\"{}\"", call.arguments);
            self.events.add(out, "response.function_call_arguments.done", &done);
        }
        self.item_event(out, "done", index, &item);
        self.done.push((index, item));
    }
}
