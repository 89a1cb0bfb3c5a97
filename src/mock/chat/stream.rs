//! A chat answer as a stream: API reference section 2, "Streaming", with usage where the model puts it and tool calls
//! as DeepSeek-style back ends send them (real id and name on the first delta only).

use super::answer::Answer;
use super::prose::spoken;
use super::request::ChatRequest;
use super::tools::ToolCall;
use super::usage::{self, Spent};
use crate::mock::call::Call;
use crate::mock::clock::unix_seconds;
use crate::mock::play::Frame;
use crate::mock::quirks::UsageStyle;
use crate::mock::tokens;
use serde_json::{Value, json};

/// Every event of the stream, `[DONE]` included.
pub(super) fn frames(call: &Call, request: &ChatRequest<'_>, answers: &[Answer], spent: &Spent) -> Vec<Frame> {
    let mut writer = Writer {
        call,
        style: usage::style(call, request),
        id: call.emulator.fresh_id(32),
        model: &request.json["model"],
        created: unix_seconds(),
        spent: spent.nothing_yet(),
        frames: Vec::new(),
    };
    for (index, answer) in answers.iter().enumerate() {
        writer.choice(index, answer, request);
    }
    writer.end()
}

struct Writer<'a> {
    call: &'a Call,
    style: UsageStyle,
    id: String,
    model: &'a Value,
    created: u64,
    spent: Spent,
    frames: Vec<Frame>,
}

impl Writer<'_> {
    fn choice(&mut self, index: usize, answer: &Answer, request: &ChatRequest<'_>) {
        self.delta(index, json!({"role": "assistant", "content": "", "reasoning_content": null}), 0, 0);
        for piece in spoken(&answer.reasoning) {
            self.delta(index, json!({"content": null, "reasoning_content": piece}), 1, 1);
        }
        for piece in spoken(&answer.content) {
            self.delta(index, json!({"content": piece, "reasoning_content": null}), 1, 0);
        }
        for (place, tool) in answer.calls.iter().enumerate() {
            if request.model.breaks_streamed_tool_calls() {
                self.broken_call(index, place, tool);
            } else {
                self.tool_call(index, place, tool);
            }
        }
        self.finish(index, answer.finish);
    }

    fn tool_call(&mut self, index: usize, place: usize, tool: &ToolCall) {
        let id = format!("call_{}", tool.serial);
        let first =
            json!({"index": place, "id": id, "type": "function", "function": {"name": tool.name, "arguments": ""}});
        self.delta(index, json!({"content": null, "tool_calls": [first]}), tokens::count(&tool.name), 0);
        for piece in spoken(&tool.arguments) {
            self.delta(index, json!({"content": null, "tool_calls": [nameless(place, piece)]}), 1, 0);
        }
    }

    /// GLM-4-9B-0414: the name inside the arguments, the real arguments lost. The tokens are billed all the same.
    fn broken_call(&mut self, index: usize, place: usize, tool: &ToolCall) {
        for piece in spoken(&tool.name) {
            self.delta(index, json!({"content": null, "tool_calls": [nameless(place, piece)]}), 1, 0);
        }
        let lost = json!({"content": null, "tool_calls": [nameless(place, "")]});
        self.delta(index, lost, tokens::count(&tool.arguments), 0);
    }

    fn finish(&mut self, index: usize, reason: &str) {
        let choice =
            json!({"index": index, "delta": {"content": "", "reasoning_content": null}, "finish_reason": reason});
        let on_finish = matches!(self.style, UsageStyle::Every | UsageStyle::Finish | UsageStyle::Twice);
        self.event(json!([choice]), on_finish);
    }

    fn delta(&mut self, index: usize, delta: Value, completion: u64, reasoning: u64) {
        self.spent.completion += completion;
        self.spent.reasoning += reasoning;
        let choice = json!({"index": index, "delta": delta, "finish_reason": null});
        self.event(json!([choice]), self.style == UsageStyle::Every);
    }

    fn event(&mut self, choices: Value, with_usage: bool) {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "system_fingerprint": "",
        });
        if with_usage {
            chunk["usage"] = self.spent.json(self.call);
        }
        self.frames.push(Frame::event(&chunk).billed(self.spent.bill()));
    }

    fn end(mut self) -> Vec<Frame> {
        if matches!(self.style, UsageStyle::Last | UsageStyle::Twice) {
            self.event(json!([]), true);
        }
        self.frames.push(Frame::plain("data: [DONE]\n\n"));
        self.frames
    }
}

/// An argument-only delta: `id` null, `name` empty (API reference section 0, no. 7).
fn nameless(place: usize, piece: &str) -> Value {
    json!({"index": place, "id": null, "type": "function", "function": {"name": "", "arguments": piece}})
}
