//! A chat answer as one document.

use super::answer::Answer;
use super::request::ChatRequest;
use super::usage::Spent;
use crate::mock::call::Call;
use crate::mock::clock::unix_seconds;
use serde_json::{Value, json};

/// The whole answer (API reference section 2, "Response").
pub(super) fn document(call: &Call, request: &ChatRequest<'_>, answers: &[Answer], spent: &Spent) -> Value {
    let choices: Vec<Value> = answers.iter().enumerate().map(|(index, answer)| choice(index, answer)).collect();
    let mut document = json!({
        "id": call.emulator.fresh_id(32),
        "object": "chat.completion",
        "created": unix_seconds(),
        "model": request.json["model"],
        "choices": choices,
        "system_fingerprint": "",
    });
    if !call.fault_is("no-usage") {
        document["usage"] = spent.json(call);
    }
    document
}

fn choice(index: usize, answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.content});
    if !answer.reasoning.is_empty() {
        message["reasoning_content"] = json!(answer.reasoning);
    }
    if !answer.calls.is_empty() {
        message["tool_calls"] = answer
            .calls
            .iter()
            .map(|call| {
                json!({
                    "id": format!("chatcmpl-tool-{}", call.serial),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                })
            })
            .collect();
    }
    json!({"index": index, "message": message, "finish_reason": answer.finish})
}
