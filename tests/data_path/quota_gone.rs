//! Callers who leave their place: in line, before the first byte, in mid-stream. The next one gets it.

use serde_json::json;

use super::quota::{ANN, ask, keyed};
use super::support::{Act, Got, MODEL, Raw, Rig, Script, chat, ok_chat, sse, stream};

/// An upstream that never answers what has the word `stall` in it.
pub(super) async fn stalling() -> Script {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    Script::new(move |seen| match String::from_utf8_lossy(&seen.body) {
        body if body.contains("stall in mid-stream") => vec![sse(event), Act::Stall],
        body if body.contains("stall") => vec![Act::Stall],
        _ => vec![ok_chat()],
    })
    .await
}

/// A request with this body by `key`, sent and not waited for.
pub(super) async fn send(rig: &Rig, key: &str, body: &str) -> Raw {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Raw::saying(rig.address, head + body).await
}

/// A request that the upstream will not answer.
pub(super) async fn stall(rig: &Rig, key: &str) -> Raw {
    send(rig, key, &chat(MODEL, "stall").to_string()).await
}

/// A rig where `ann` may have one request under way.
async fn one_at_a_time() -> (Script, Rig) {
    let script = stalling().await;
    let rig = Rig::before(&script.base_url(), &keyed("concurrency = 1")).await;
    (script, rig)
}

async fn check_passes(rig: &Rig) {
    let got = Got::of(ask(rig, "hello").bearer_auth(ANN)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    rig.is_idle().await;
}

#[tokio::test]
async fn whoever_leaves_the_line_is_never_called() {
    let (script, rig) = one_at_a_time().await;
    let first = stall(&rig, ANN).await;
    script.is_called().await;
    let mut second = Vec::new();
    for _ in 0..20 {
        second.push(stall(&rig, ANN).await);
    }
    rig.metric_becomes("flowgate_requests_in_flight", &[], 21.0).await;
    drop(second);
    rig.metric_becomes("flowgate_requests_in_flight", &[], 1.0).await;
    drop(first);
    check_passes(&rig).await;
    assert_eq!(script.seen().len(), 2, "those who left were called for");
    rig.metric_becomes("flowgate_requests_total", &["499"], 21.0).await;
}

#[tokio::test]
async fn the_next_in_line_is_served_when_one_leaves_before_the_first_byte() {
    let (script, rig) = one_at_a_time().await;
    let first = stall(&rig, ANN).await;
    script.is_called().await;
    let next = tokio::join!(check_passes(&rig), async {
        rig.metric_becomes("flowgate_requests_in_flight", &[], 2.0).await;
        assert_eq!(script.seen().len(), 1, "the second did not wait");
        drop(first);
    });
    assert_eq!((next, script.seen().len()), (((), ()), 2));
}

#[tokio::test]
async fn the_next_in_line_is_served_when_one_leaves_in_mid_stream() {
    let (script, rig) = one_at_a_time().await;
    let mut first = send(&rig, ANN, &stream(MODEL, "stall in mid-stream", json!({})).to_string()).await;
    first.has("\"delta\"").await;
    tokio::join!(check_passes(&rig), async {
        rig.metric_becomes("flowgate_requests_in_flight", &[], 2.0).await;
        drop(first);
    });
    assert_eq!(script.seen().len(), 2);
}

/// The line to a model, not to a key: its place in the window is free again, for it was never sent.
#[tokio::test]
async fn a_place_in_the_window_is_not_lost_by_leaving_the_line() {
    let script = stalling().await;
    let rig = Rig::before(&script.base_url(), &super::quota::limited("rpm = 30")).await;
    let all = (0..30).map(|_| Got::of(ask(&rig, "hello")));
    assert!(futures_util::future::join_all(all).await.iter().all(|got| got.status == 200));
    let mut left = Vec::new();
    for _ in 0..20 {
        left.push(stall(&rig, ANN).await);
    }
    // At one every two seconds they would keep the line busy for most of a minute.
    drop(left);
    rig.is_idle().await;
    let got = Got::of(ask(&rig, "hello").header("x-flowgate-max-wait", "20")).await;
    assert_eq!(got.status, 200, "{}", got.text());
}
