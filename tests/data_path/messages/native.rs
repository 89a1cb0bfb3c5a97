//! `messages.upstream = "native"`: SiliconFlow's own `/messages`, with what it refuses cut out.

use serde_json::json;

use super::{asked, post};
use crate::data_path::support::{Act, Got, MODEL, Rig, Script, Streamed, json_answer, sse};

const NATIVE: &str = "[messages]\nupstream = \"native\"\n";

#[tokio::test]
async fn adaptive_thinking_and_what_is_unknown_are_cut() {
    let rig = Rig::mocked(NATIVE).await;
    let more = json!({"thinking": {"type": "adaptive"}, "context_management": {"edits": []}, "output_config": {"effort": "high"},
        "metadata": {"user_id": "u"}, "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]});
    let got = Got::of(post(&rig, &asked(MODEL, "hello", &more))).await;
    assert_eq!((got.status, &got.json()["content"][0]["type"]), (200, &json!("thinking")), "{}", got.text());
    let edits =
        "without-context-management, without-metadata, without-output-config, thinking-enabled, without-cache-control";
    assert_eq!(got.header("x-flowgate-edits"), Some(edits));
    let requests = rig.mock().control().requests();
    assert_eq!(requests[0].path, "/v1/messages");
    assert!(requests[0].headers.iter().all(|(name, _)| name != "anthropic-beta"), "{:?}", requests[0].headers);
    rig.metric_becomes("flowgate_usage_total", &["exact"], 1.0).await;
}

#[tokio::test]
async fn a_stream_passes_as_it_is() {
    let rig = Rig::mocked(NATIVE).await;
    let got = Streamed::of(post(&rig, &asked(MODEL, "[[say=abcdefgh]]", &json!({"stream": true})))).await;
    assert!(
        got.text.contains("event: message_start\n") && got.text.contains("\"abcd\"") && got.is_clean,
        "{}",
        got.text
    );
    rig.metric_becomes("flowgate_usage_total", &["exact"], 1.0).await;
}

#[tokio::test]
async fn errors_have_anthropics_shape() {
    let script = Script::always(vec![json_answer(503, b"{}")]).await;
    let rig = Rig::before(&script.base_url(), &format!("{NATIVE}[upstream]\nretries = 0\n")).await;
    let got = Got::of(post(&rig, &asked(MODEL, "x", &json!({})))).await;
    assert_eq!((got.status, &got.json()["error"]["type"]), (529, &json!("overloaded_error")), "{}", got.text());
}

#[tokio::test]
async fn streams_break_off_in_their_own_shape() {
    let event = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n";
    let script = Script::always(vec![sse(event), Act::Reset]).await;
    let rig = Rig::before(&script.base_url(), NATIVE).await;
    let got = Streamed::of(post(&rig, &asked(MODEL, "x", &json!({"stream": true})))).await;
    assert!(!got.is_clean && got.text.contains("event: error\ndata: {"), "{}", got.text);
    assert_eq!(got.events().pop().unwrap()["error"]["type"], "api_error");
    rig.metric_becomes("flowgate_usage_total", &["at_least"], 1.0).await;
    rig.metric_becomes("flowgate_tokens_total", &["input"], 9.0).await;
}
