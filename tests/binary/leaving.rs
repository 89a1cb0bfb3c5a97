//! Callers who leave in the middle of a stream: the upstream is closed and what was seen counts, or the answer is read on
//! for its usage. Either way the row says which.

use std::time::Duration;

use flowgate::mock::MockServer;
use serde_json::Value;

use super::gateway::{Gateway, slow_emulator};
use super::program::{Home, until};
use super::store_faults::rows;

/// A gateway whose one key has `more`, and the emulator behind it.
async fn rig(home: &Home, more: &str) -> (Gateway, MockServer) {
    let emulator = slow_emulator(Duration::from_millis(10)).await;
    home.write("ann.key", "sk-ann\n");
    let key = format!("[[key]]\nname = \"ann\"\nsecret = {{ file = \"ann.key\" }}\n{more}\n");
    (Gateway::before(home, &emulator, &key).await, emulator)
}

/// Leaves a stream of 60 tokens after its first piece.
async fn leave(gateway: &Gateway) {
    let mut stream = gateway.stream(60, "sk-ann").await;
    assert!(stream.chunk().await.unwrap().is_some());
}

/// The one row that is left of it, and whether the upstream could finish.
async fn row(home: &Home, gateway: Gateway, emulator: &MockServer) -> (Value, bool) {
    gateway.stop().await;
    let mut rows = rows(home).await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    (rows.remove(0), emulator.control().requests()[0].finished)
}

#[tokio::test]
async fn what_was_seen_counts_and_the_upstream_is_closed() {
    let home = Home::new();
    let (gateway, emulator) = rig(&home, "").await;
    leave(&gateway).await;
    until("the upstream is closed", async || (emulator.control().live() == 0).then_some(())).await;
    let (row, has_finished) = row(&home, gateway, &emulator).await;
    assert_eq!((row["outcome"].as_str(), has_finished), (Some("caller_gone"), false), "{row}");
    let tokens = row["output_tokens"].as_u64().unwrap();
    assert!(tokens < 60 && (row["usage"] == "at_least" || row["usage"] == "estimated"), "{row}");
}

#[tokio::test]
async fn an_answer_is_read_on_where_the_key_says_so() {
    let home = Home::new();
    let (gateway, emulator) = rig(&home, "on_leave = \"drain\"").await;
    leave(&gateway).await;
    // Its end is waited for, as that of an open stream is.
    let (row, has_finished) = row(&home, gateway, &emulator).await;
    assert_eq!((row["outcome"].as_str(), has_finished), (Some("caller_gone"), true), "{row}");
    assert_eq!((row["usage"].as_str(), row["output_tokens"].as_u64()), (Some("exact"), Some(60)), "{row}");
    assert!(row["flags"].to_string().contains("drained"), "{row}");
}
