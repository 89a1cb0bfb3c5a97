//! Callers who leave: the upstream's connection closes with them, and nothing of them is left behind.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::support::{Act, MODEL, Raw, Rig, Script, chat, sse, stream};

/// The product's bound on how long an upstream connection may outlive its caller.
const AT_ONCE: Duration = Duration::from_millis(100);
/// How often it is tried; the median counts, because the tests beside it may have the machine for a moment.
const TRIES: usize = 7;

fn post(path: &str, kind: &str, length: usize, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Leaves, and says how long the upstream's connection outlived that.
async fn leave(raw: Raw, script: &Script, closed: usize) -> Duration {
    let left = Instant::now();
    drop(raw);
    script.closed(closed).await.duration_since(left)
}

/// Callers leave, one after the other, once they have `seen` something (or nothing) of the answer.
async fn check_at_once(acts: Vec<Act>, seen: &str) {
    let script = Script::always(acts).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = stream(MODEL, "x", json!({})).to_string();
    let mut took = Vec::new();
    for number in 1..=TRIES {
        let request = post("/v1/chat/completions", "application/json", body.len(), &body);
        let mut raw = Raw::saying(rig.address, request).await;
        super::support::soon("the upstream is called", async || script.seen().len() == number).await;
        if !seen.is_empty() {
            raw.has(seen).await;
        }
        took.push(leave(raw, &script, number).await);
    }
    took.sort_unstable();
    assert!(took[TRIES / 2] < AT_ONCE, "the upstream's connections stayed open for {took:?}");
}

#[tokio::test]
async fn the_upstream_closes_at_once_before_the_head() {
    check_at_once(vec![Act::Stall], "").await;
}

#[tokio::test]
async fn the_upstream_closes_at_once_in_mid_stream() {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    check_at_once(vec![sse(event), Act::Stall], "\"delta\"").await;
}

/// The request is counted once and nothing of it is left.
async fn check_settled(rig: &Rig, route: &str, code: &str, certainty: &str) {
    rig.is_idle().await;
    let label = format!("code=\"{code}\"");
    rig.metric_becomes("flowgate_requests_total", &[&format!("route=\"{route}\""), &label], 1.0).await;
    assert_eq!(rig.metric("flowgate_requests_total", &[]).await, 1.0);
    assert_eq!(
        rig.metric("flowgate_usage_total", &[&format!("\"{certainty}\"")]).await,
        1.0,
        "{}",
        rig.metrics().await
    );
    assert_eq!(
        rig.metric("flowgate_upstream_errors_total", &[]).await,
        0.0,
        "the caller's leaving is not the upstream's fault"
    );
    rig.metric_becomes("flowgate_connections", &[], 0.0).await;
}

#[tokio::test]
async fn while_it_waits_for_the_head() {
    let script = Script::always(vec![Act::Stall]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = chat(MODEL, &"x".repeat(100_000)).to_string();
    let raw = Raw::saying(rig.address, post("/v1/chat/completions", "application/json", body.len(), &body)).await;
    script.is_called().await;
    leave(raw, &script, 1).await;
    check_settled(&rig, "/chat/completions", "499", "estimated").await;
}

#[tokio::test]
async fn in_mid_stream() {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1}}\n\n";
    let script = Script::always(vec![sse(event), Act::Stall]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = stream(MODEL, "x", json!({})).to_string();
    let mut raw = Raw::saying(rig.address, post("/v1/chat/completions", "application/json", body.len(), &body)).await;
    raw.has("\"delta\"").await;
    leave(raw, &script, 1).await;
    check_settled(&rig, "/chat/completions", "200", "at_least").await;
    assert_eq!(rig.metric("flowgate_tokens_total", &["input"]).await, 7.0);
}

#[tokio::test]
async fn while_it_uploads_a_body_that_is_streamed() {
    let script = Script::always(vec![Act::Stall]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let part = "--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
        --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n"
        .to_owned()
        + &"x".repeat(2_000_000);
    let raw = Raw::saying(rig.address, post("/v1/files", "multipart/form-data; boundary=b", 4_000_000, &part)).await;
    super::support::soon("a part is upstream", async || script.received() >= 1_000_000).await;
    leave(raw, &script, 1).await;
    assert!(!script.only().is_whole, "a part must not look like a whole");
    rig.is_idle().await;
    assert_eq!(rig.metric("flowgate_requests_total", &[]).await, 1.0);
    assert_eq!(rig.metric("flowgate_upstream_errors_total", &[]).await, 0.0);
}

#[tokio::test]
async fn while_it_uploads_a_body_that_is_held() {
    let script = Script::always(vec![Act::Stall]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let raw =
        Raw::saying(rig.address, post("/v1/chat/completions", "application/json", 100_000, &"x".repeat(50_000))).await;
    rig.metric_becomes("flowgate_request_body_bytes", &[], 50_000.0).await;
    drop(raw);
    rig.is_idle().await;
    assert_eq!((rig.metric("flowgate_requests_total", &[]).await, script.connections()), (1.0, 0));
}

#[tokio::test]
async fn many_at_once_leave_nothing_behind() {
    let script = Script::always(vec![Act::Stall]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = chat(MODEL, &"x".repeat(10_000)).to_string();
    let mut raws = Vec::new();
    for _ in 0..100 {
        raws.push(Raw::saying(rig.address, post("/v1/chat/completions", "application/json", body.len(), &body)).await);
    }
    super::support::soon("all are upstream", async || script.seen().len() == 100).await;
    rig.metric_becomes("flowgate_requests_in_flight", &[], 100.0).await;
    drop(raws);
    script.closed(100).await;
    rig.is_idle().await;
    rig.metric_becomes("flowgate_requests_total", &["499"], 100.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_gauge_of_held_bytes_comes_back_under_load() {
    let script = Script::always(vec![super::support::ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    for _ in 0..200 {
        let body = chat(MODEL, &"x".repeat(20_000)).to_string();
        futures_util::future::join_all(
            (0..40).map(|_| super::support::Got::of(rig.post("/v1/chat/completions", body.clone()))),
        )
        .await;
        rig.is_idle().await;
    }
}
