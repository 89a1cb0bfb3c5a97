//! A whole chat answer as the stream the caller asked for, where a model's own stream is broken.

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// The events of `answer`: for each choice the message, then its end; usage last when asked; `[DONE]`.
/// `None` when `answer` is not a chat completion.
pub fn events(answer: &[u8], is_usage_asked: bool) -> Option<Bytes> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let choices = answer.get("choices")?.as_array()?;
    let mut out = Vec::with_capacity(1024);
    for choice in choices {
        let index = choice.get("index").cloned().unwrap_or(json!(0));
        let delta = delta(choice.get("message")?.as_object()?);
        push(&mut out, &answer, json!([{"index": index, "delta": delta, "finish_reason": null}]), None);
        let end = choice.get("finish_reason").cloned().unwrap_or(json!("stop"));
        push(&mut out, &answer, json!([{"index": index, "delta": {}, "finish_reason": end}]), None);
    }
    if let Some(usage) = answer.get("usage").filter(|usage| is_usage_asked && !usage.is_null()) {
        push(&mut out, &answer, json!([]), Some(usage));
    }
    out.extend_from_slice(b"data: [DONE]\n\n");
    Some(Bytes::from(out))
}

/// The message as one delta: tool calls get the index that streams number them by.
fn delta(message: &Map<String, Value>) -> Value {
    let mut delta = message.clone();
    delta.entry("role").or_insert_with(|| json!("assistant"));
    if let Some(calls) = delta.get_mut("tool_calls").and_then(Value::as_array_mut) {
        for (index, call) in calls.iter_mut().enumerate() {
            if let Some(call) = call.as_object_mut() {
                call.insert("index".to_owned(), json!(index));
            }
        }
    }
    Value::Object(delta)
}

fn push(out: &mut Vec<u8>, answer: &Value, choices: Value, usage: Option<&Value>) {
    let mut chunk = Map::new();
    for key in ["id", "created", "model", "system_fingerprint"] {
        if let Some(value) = answer.get(key) {
            chunk.insert(key.to_owned(), value.clone());
        }
    }
    chunk.insert("object".to_owned(), json!("chat.completion.chunk"));
    chunk.insert("choices".to_owned(), choices);
    if let Some(usage) = usage {
        chunk.insert("usage".to_owned(), usage.clone());
    }
    out.extend_from_slice(format!("data: {}\n\n", Value::Object(chunk)).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_call_becomes_a_stream() {
        let answer = json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": null,
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
        let events = events(answer.to_string().as_bytes(), true).unwrap();
        let text = String::from_utf8(events.to_vec()).unwrap();
        let chunks: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks[0]["choices"][0]["delta"]["tool_calls"][0]["index"], 0);
        assert_eq!(chunks[1]["choices"][0]["finish_reason"], "tool_calls");
        assert_eq!(chunks[2]["usage"]["total_tokens"], 3);
        assert!(text.ends_with("data: [DONE]\n\n"));
        assert!(super::events(b"{}", true).is_none());
    }
}
