//! A whole chat answer as the stream the caller asked for, where a model's own stream is broken.

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// The events of `answer`: for each choice the message, each tool call by itself (some clients read only
/// the first of a delta), then its end; usage last when asked; `[DONE]`. `None` when `answer` is not a
/// completion.
pub fn events(answer: &[u8], is_usage_asked: bool) -> Option<Bytes> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let mut out = Vec::with_capacity(1024);
    for choice in answer.get("choices")?.as_array()? {
        let index = choice.get("index").cloned().unwrap_or(json!(0));
        if choice.get("text").is_some() {
            push(&mut out, &answer, json!([choice]), None);
            continue;
        }
        for delta in deltas(choice.get("message")?.as_object()?) {
            push(&mut out, &answer, json!([{"index": index, "delta": delta, "finish_reason": null}]), None);
        }
        let end = choice.get("finish_reason").cloned().unwrap_or(json!("stop"));
        push(&mut out, &answer, json!([{"index": index, "delta": {}, "finish_reason": end}]), None);
    }
    if let Some(usage) = answer.get("usage").filter(|usage| is_usage_asked && !usage.is_null()) {
        push(&mut out, &answer, json!([]), Some(usage));
    }
    out.extend_from_slice(b"data: [DONE]\n\n");
    Some(Bytes::from(out))
}

/// The message as deltas; tool calls get the index that streams number them by.
fn deltas(message: &Map<String, Value>) -> Vec<Value> {
    let mut first = message.clone();
    first.entry("role").or_insert_with(|| json!("assistant"));
    let calls = first.remove("tool_calls").and_then(|calls| calls.as_array().cloned()).unwrap_or_default();
    let numbered = calls.into_iter().enumerate().map(|(index, mut call)| {
        if let Some(call) = call.as_object_mut() {
            call.insert("index".to_owned(), json!(index));
        }
        json!({"tool_calls": [call]})
    });
    std::iter::once(Value::Object(first)).chain(numbered).collect()
}

fn push(out: &mut Vec<u8>, answer: &Value, choices: Value, usage: Option<&Value>) {
    let mut chunk = Map::new();
    for key in ["id", "created", "model", "system_fingerprint"] {
        if let Some(value) = answer.get(key) {
            chunk.insert(key.to_owned(), value.clone());
        }
    }
    let is_legacy = answer.get("object").is_some_and(|object| object == "text_completion");
    chunk.insert("object".to_owned(), json!(if is_legacy { "text_completion" } else { "chat.completion.chunk" }));
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
    fn a_legacy_completion_becomes_a_stream() {
        let answer =
            json!({"object": "text_completion", "choices": [{"index": 0, "text": "hi", "finish_reason": "stop"}]});
        let events = events(answer.to_string().as_bytes(), false).unwrap();
        assert!(events.starts_with(b"data: {") && events.ends_with(b"\n\ndata: [DONE]\n\n"));
    }

    #[test]
    fn a_tool_call_becomes_a_stream() {
        let answer = json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": null,
                "tool_calls": [{"id": "call_1", "type": "function"}, {"id": "call_2", "type": "function"}]},
                "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
        let events = events(answer.to_string().as_bytes(), true).unwrap();
        let text = String::from_utf8(events.to_vec()).unwrap();
        let chunks: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
        assert_eq!(chunks.len(), 5);
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(chunks[1]["choices"][0]["delta"]["tool_calls"][0]["id"], "call_1");
        assert_eq!(chunks[2]["choices"][0]["delta"]["tool_calls"][0]["index"], 1);
        assert_eq!(chunks[3]["choices"][0]["finish_reason"], "tool_calls");
        assert_eq!(chunks[4]["usage"]["total_tokens"], 3);
        assert!(text.ends_with("data: [DONE]\n\n"));
        assert!(super::events(b"{}", true).is_none());
    }
}
