//! `POST /v1/messages`: the Anthropic shape over the same answers (API reference section 4). Errors keep SiliconFlow's
//! shape (PI).

use super::answer::Answer;
use super::prose::spoken;
use super::usage::Spent;
use super::{finish, prepare};
use crate::mock::call::{Call, Caller};
use crate::mock::play::{self, Frame};
use crate::mock::refusal::Refusal;
use axum::Extension;
use axum::response::Response;
use serde_json::{Value, json};

/// The handler.
pub(in crate::mock) async fn messages(Extension(call): Caller) -> Result<Response, Refusal> {
    let chat = as_chat(&call.json)?;
    let (request, answers, spent, ticket) = prepare(&call, &chat)?;
    let answer = answers.into_iter().next().unwrap_or_default();
    if request.stream {
        return Ok(play::events(&call, frames(&call, &answer, &spent), ticket).await);
    }
    let mut document = head(&call, blocks(&answer));
    document["stop_reason"] = json!(stop_reason(&answer));
    document["stop_sequence"] = json!(answer.stopped_by);
    document["usage"] = json!({"input_tokens": spent.prompt, "output_tokens": spent.completion});
    finish(&call, &document, ticket, &spent).await
}

/// The request as a chat request.
fn as_chat(json: &Value) -> Result<Value, Refusal> {
    let thinking = match json["thinking"]["type"].as_str() {
        None => Value::Null,
        Some("enabled") => json!(true),
        Some("disabled") => json!(false),
        Some(_) => {
            return Err(Refusal::parameter("thinking type should be enabled or disabled"));
        }
    };
    let system = Some(&json["system"]).filter(|system| !system.is_null());
    let system = system.map(|system| json!({"role": "system", "content": parts(system)}));
    let messages = json["messages"].as_array().into_iter().flatten().flat_map(message);
    Ok(json!({
        "model": json["model"], "stream": json["stream"], "max_tokens": json["max_tokens"],
        "temperature": json["temperature"], "top_p": json["top_p"], "stop": json["stop_sequences"],
        "enable_thinking": thinking, "thinking_budget": json["thinking"]["budget_tokens"],
        "tools": tools(&json["tools"]), "tool_choice": tool_choice(&json["tool_choice"]),
        "messages": system.into_iter().chain(messages).collect::<Value>(),
    }))
}

fn tools(tools: &Value) -> Value {
    let function = |tool: &Value| {
        let function =
            json!({"name": tool["name"], "description": tool["description"], "parameters": tool["input_schema"]});
        json!({"type": "function", "function": function})
    };
    tools.as_array().map_or(Value::Null, |tools| tools.iter().map(function).collect())
}

fn tool_choice(choice: &Value) -> Value {
    match choice["type"].as_str() {
        Some("tool") => json!({"type": "function", "function": {"name": choice["name"]}}),
        Some("any") => json!("required"),
        Some(other) => json!(other),
        None => Value::Null,
    }
}

/// A message, with tool results as messages of their own.
fn message(message: &Value) -> Vec<Value> {
    let content = &message["content"];
    let blocks = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let results = blocks.iter().filter(|block| block["type"] == "tool_result").map(tool_result);
    let mut messages: Vec<Value> = results.collect();
    let said = parts(content);
    if messages.is_empty() || said.as_array().is_some_and(|parts| !parts.is_empty()) {
        messages.insert(0, json!({"role": message["role"], "content": said}));
    }
    messages
}

fn tool_result(block: &Value) -> Value {
    json!({"role": "tool", "tool_call_id": block["tool_use_id"], "content": parts(&block["content"])})
}

/// Anthropic blocks as chat parts; thinking and tool blocks leave no part.
fn parts(content: &Value) -> Value {
    let part = |block: &Value| match block["type"].as_str() {
        Some("text") => Some(json!({"type": "text", "text": block["text"]})),
        Some("image") => Some(json!({"type": "image_url", "image_url": {"url": "data:"}})),
        Some("tool_use") => Some(json!({"type": "text", "text": block["input"].to_string()})),
        _ => None,
    };
    content.as_array().map_or_else(|| content.clone(), |blocks| blocks.iter().filter_map(part).collect())
}

fn head(call: &Call, content: Value) -> Value {
    json!({
        "id": format!("msg_{}", call.emulator.fresh_id(24)), "type": "message", "role": "assistant",
        "model": call.model_id(), "content": content, "stop_reason": null, "stop_sequence": null,
    })
}

fn stop_reason(answer: &Answer) -> &'static str {
    match answer.finish {
        _ if !answer.calls.is_empty() => "tool_use",
        "length" => "max_tokens",
        _ => "end_turn",
    }
}

fn blocks(answer: &Answer) -> Value {
    let mut blocks = Vec::new();
    if !answer.reasoning.is_empty() {
        blocks.push(json!({"type": "thinking", "thinking": answer.reasoning, "signature": "mock"}));
    }
    if !answer.content.is_empty() || answer.calls.is_empty() {
        blocks.push(json!({"type": "text", "text": answer.content}));
    }
    for call in &answer.calls {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        blocks.push(
            json!({"type": "tool_use", "id": format!("toolu_{}", call.serial), "name": call.name, "input": input}),
        );
    }
    blocks.into()
}

/// The events of a stream. Its last line is the `[DONE]` the docs claim.
fn frames(call: &Call, answer: &Answer, spent: &Spent) -> Vec<Frame> {
    let mut start = head(call, json!([]));
    start["usage"] = json!({"input_tokens": spent.prompt});
    let mut writer = Writer { so_far: spent.nothing_yet(), frames: Vec::new() };
    writer.event("message_start", json!({"message": start}), 0);
    for (index, block) in blocks(answer).as_array().into_iter().flatten().enumerate() {
        writer.block(index, block);
    }
    writer.so_far = *spent;
    let end = json!({"stop_reason": stop_reason(answer), "stop_sequence": answer.stopped_by});
    writer.event("message_delta", json!({"delta": end, "usage": {"output_tokens": spent.completion}}), 0);
    writer.event("message_stop", json!({}), 0);
    writer.frames.push(Frame::plain("data: [DONE]\n\n"));
    writer.frames
}

struct Writer {
    so_far: Spent,
    frames: Vec<Frame>,
}

impl Writer {
    fn event(&mut self, name: &str, mut data: Value, tokens: u64) {
        data["type"] = json!(name);
        self.so_far.completion += tokens;
        self.frames.push(Frame::plain(format!("event: {name}\ndata: {data}\n\n")).billed(self.so_far.bill()));
    }

    fn block(&mut self, index: usize, block: &Value) {
        let (empty, field, kind, text) = match block["type"].as_str() {
            Some("thinking") => {
                (json!({"type": "thinking", "thinking": ""}), "thinking", "thinking_delta", &block["thinking"])
            }
            Some("tool_use") => {
                let empty = json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}});
                (empty, "partial_json", "input_json_delta", &block["input"])
            }
            _ => (json!({"type": "text", "text": ""}), "text", "text_delta", &block["text"]),
        };
        let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
        self.event("content_block_start", json!({"index": index, "content_block": empty}), 0);
        for piece in spoken(&text) {
            self.event("content_block_delta", json!({"index": index, "delta": {"type": kind, field: piece}}), 1);
        }
        self.event("content_block_stop", json!({"index": index}), 0);
    }
}
