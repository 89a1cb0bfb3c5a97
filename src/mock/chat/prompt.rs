//! The prompt as text and as a number of tokens.

use crate::mock::tokens;
use serde_json::Value;

/// The text of a message, parts joined.
pub(super) fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

/// Input tokens: messages, tools, and the two halves of a fill-in-the-middle.
pub(super) fn prompt_tokens(json: &Value, messages: &[Value], tools: &[Value]) -> u64 {
    let of_message = |message: &Value| {
        let calls =
            message["tool_calls"].as_array().map_or(0, |calls| tokens::count(&Value::from(calls.clone()).to_string()));
        let reasoning = message["reasoning_content"].as_str().map_or(0, tokens::count);
        tokens::PER_MESSAGE + tokens::count_content(&message["content"]) + calls + reasoning
    };
    let tools: u64 = tools.iter().map(|tool| tokens::count(&tool.to_string())).sum();
    let middle = ["prefix", "suffix"].iter().filter_map(|name| json[*name].as_str()).map(tokens::count).sum::<u64>();
    messages.iter().map(of_message).sum::<u64>() + tools + middle
}
