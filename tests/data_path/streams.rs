//! Streams that come to their end: usage once or never, `[DONE]` once and last, odd wires passed, tool calls whole.

use serde_json::{Value, json};

use super::support::{Act, MODEL, Rig, Script, Streamed, chunk, sse, stream};

const SAID: &str = "one two three four five";

/// A whole stream through `fault`, with and without usage asked for.
async fn check(fault: &str) {
    let rig = Rig::mocked("").await;
    let model = if fault.is_empty() { MODEL.to_owned() } else { format!("fault/{fault}") };
    for is_asked in [false, true] {
        let more = if is_asked { json!({"stream_options": {"include_usage": true}}) } else { json!({}) };
        let got = Streamed::chat(&rig, &model, more).await;
        assert!(got.status == 200 && got.is_clean, "{fault}: {}", got.text);
        assert_eq!(got.said(), SAID, "{fault}: {}", got.text);
        assert_eq!(got.text.matches("[DONE]").count(), 1, "{fault}: {}", got.text);
        assert!(got.text.trim_end().ends_with("[DONE]"), "{fault}: {}", got.text);
        assert_eq!(got.headers["cache-control"], "no-cache");
        let events = got.events();
        let with_usage: Vec<&Value> = events.iter().filter(|event| event["usage"].is_object()).collect();
        let is_reported = fault != "no-usage";
        assert_eq!(with_usage.len(), usize::from(is_asked && is_reported), "{fault}: {}", got.text);
        if is_asked && is_reported {
            assert!(std::ptr::eq(with_usage[0], events.last().unwrap()), "usage comes last: {}", got.text);
            assert_eq!(with_usage[0]["choices"], json!([]));
        } else {
            assert!(events.iter().all(|event| event["choices"].get(0).is_some()), "{fault}: {}", got.text);
        }
        let ends: Vec<&str> = events.iter().filter_map(|event| event["choices"][0]["finish_reason"].as_str()).collect();
        assert_eq!(ends, ["stop"], "{fault}");
    }
    if fault == "no-usage" {
        return;
    }
    rig.metric_becomes("flowgate_usage_total", &["exact"], 2.0).await;
    if fault != "huge-usage" {
        let billed = rig.mock().control().billed().total;
        let counted = rig.metric("flowgate_tokens_total", &["type=\"output\""]).await;
        assert_eq!(counted, billed.completion_tokens as f64, "{fault}");
    }
}

#[tokio::test]
async fn usage_comes_once_or_never() {
    for fault in ["", "usage-every", "usage-last", "usage-finish", "usage-twice", "no-usage"] {
        check(fault).await;
    }
}

#[tokio::test]
async fn odd_wires_pass() {
    for fault in ["cr-lines", "crlf-lines", "one-byte", "all-at-once", "garbage", "event-lines", "comments"] {
        check(fault).await;
    }
}

#[tokio::test]
async fn an_end_is_put_right() {
    for fault in ["no-done", "eos"] {
        check(fault).await;
    }
}

#[tokio::test]
async fn nothing_follows_done() {
    check("after-done").await;
}

#[tokio::test]
async fn a_stream_that_is_done_ends_though_the_upstream_does_not() {
    let events = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for last in [Act::Stall, Act::Close, Act::Reset] {
        let script = Script::always(vec![sse(events), last.clone()]).await;
        let rig = Rig::before(&script.base_url(), "").await;
        let got = Streamed::chat(&rig, MODEL, json!({})).await;
        assert!(got.is_clean && got.text.ends_with("data: [DONE]\n\n"), "{last:?}: {}", got.text);
    }
}

#[tokio::test]
async fn the_first_event_does_not_wait_for_the_second() {
    let first = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    let script = Script::always(vec![sse(first), Act::Stall]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let request = rig.post("/v1/chat/completions", stream(MODEL, "x", json!({})).to_string());
    let mut response = request.send().await.unwrap();
    let piece = super::support::within(5, "the first event", response.chunk()).await.unwrap().unwrap();
    assert_eq!(&piece[..], first);
}

/// The tool calls of a stream, put together as clients do: text is added to text, the rest replaces.
fn calls(events: &[Value]) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for delta in events.iter().filter_map(|event| event["choices"][0]["delta"]["tool_calls"].as_array()).flatten() {
        let index = delta["index"].as_u64().unwrap() as usize;
        calls.resize(calls.len().max(index + 1), Default::default());
        let call = &mut calls[index];
        if let Some(id) = delta.get("id") {
            call.0 = id.as_str().unwrap_or("NULL").to_owned();
        }
        if let Some(name) = delta["function"].get("name") {
            call.1 = name.as_str().unwrap_or("NULL").to_owned();
        }
        call.2 += delta["function"]["arguments"].as_str().unwrap_or_default();
    }
    calls
}

#[tokio::test]
async fn tool_calls_are_whole_with_every_model() {
    let rig = Rig::mocked("").await;
    let tool = json!({"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object",
        "properties": {"city": {"type": "string"}}, "required": ["city"]}}});
    for (model, is_restreamed) in [(MODEL, false), ("Qwen/Qwen3.5-4B", false), ("THUDM/GLM-4-9B-0414", true)] {
        let more = json!({"tools": [tool], "stream_options": {"include_usage": true}, "enable_thinking": false});
        let body = stream(model, "What is the weather in Paris and Tokyo?", more);
        let got = Streamed::of(rig.post("/v1/chat/completions", body.to_string())).await;
        assert!(got.status == 200 && got.is_clean && got.text.ends_with("data: [DONE]\n\n"), "{model}: {}", got.text);
        let (events, edits) = (got.events(), got.headers["x-flowgate-edits"].to_str().unwrap());
        let calls = calls(&events);
        assert_eq!(calls.len(), 2, "{model}: {}", got.text);
        for (id, name, arguments) in calls {
            assert!(!id.is_empty() && id != "NULL" && name == "get_weather", "{model}: {id} {name}");
            assert!(serde_json::from_str::<Value>(&arguments).unwrap()["city"].is_string(), "{model}: {arguments}");
        }
        let ends: Vec<&str> = events.iter().filter_map(|event| event["choices"][0]["finish_reason"].as_str()).collect();
        assert_eq!((ends, edits.contains("restreamed-tools")), (vec!["tool_calls"], is_restreamed), "{model}");
        assert!(events.last().unwrap()["usage"].is_object(), "{model}: {}", got.text);
        assert_eq!(got.headers["content-type"].to_str().unwrap().split(';').next(), Some("text/event-stream"));
    }
}

#[tokio::test]
async fn events_arrive_whole_however_they_are_cut() {
    let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\u{4f60}\u{597d}\u{1f600}\"}}]}\r\n\r\ndata:{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"eos\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\r\rdata: [DONE]\n\n";
    for size in 1..40 {
        let mut acts = vec![sse(b": hi\n\n")];
        acts.extend(text.as_bytes().chunks(size).map(|piece| Act::Say(chunk(piece))));
        acts.push(Act::Say(b"0\r\n\r\n".to_vec()));
        let script = Script::always(acts).await;
        let rig = Rig::before(&script.base_url(), "").await;
        let got = Streamed::chat(&rig, MODEL, json!({})).await;
        assert!(got.is_clean && got.is_done(), "{size}: {}", got.text);
        assert_eq!(got.said(), "\u{4f60}\u{597d}\u{1f600}", "{size}");
        assert!(got.text.contains("\"finish_reason\":\"stop\"") && !got.text.contains("usage"), "{size}: {}", got.text);
    }
}

#[tokio::test]
async fn an_answer_that_comes_whole_is_streamed_all_the_same() {
    let script = Script::always(vec![super::support::ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Streamed::chat(&rig, MODEL, json!({"stream_options": {"include_usage": true}})).await;
    assert!(got.is_clean && got.text.ends_with("data: [DONE]\n\n"), "{}", got.text);
    assert_eq!(got.said(), "hi");
    assert_eq!(got.events().last().unwrap()["usage"]["total_tokens"], 2);
    assert!(got.headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    rig.metric_becomes("flowgate_usage_total", &["exact"], 1.0).await;
}
