//! Requests in Anthropic's protocol in the ledger: a row each, under the endpoint that was called, with the upstream's own count.

use std::time::Duration;

use serde_json::{Value, json};

use super::gateway::{Gateway, slow_emulator};
use super::program::Home;
use super::store_faults::rows;

#[tokio::test]
async fn each_message_is_a_row_and_a_count_is_none() {
    let home = Home::new();
    let emulator = slow_emulator(Duration::ZERO).await;
    let gateway = Gateway::before(&home, &emulator, "[models.alias]\n\"claude-*\" = \"Qwen/Qwen3-8B\"\n").await;
    let body = |is_streaming: bool| {
        json!({"model": "claude-x", "max_tokens": 50, "stream": is_streaming, "metadata": {"user_id": "u"},
            "messages": [{"role": "user", "content": "[[tokens=7]]"}]})
    };
    for is_streaming in [false, true] {
        let answer = gateway.post("/messages", &body(is_streaming)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap();
    }
    let counted = gateway.post("/messages/count_tokens", &body(false)).send().await.unwrap();
    assert_eq!(counted.status(), 200);
    gateway.stop().await;
    let rows = rows(&home).await;
    assert_eq!(rows.len(), 2, "{rows:#?}");
    let billed = emulator.control().billed().total;
    let sum = |name: &str| rows.iter().map(|row| row[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("input_tokens"), sum("output_tokens")), (billed.prompt_tokens, billed.completion_tokens));
    for row in &rows {
        let facts: Vec<&Value> = ["endpoint", "asked", "model", "usage"].iter().map(|name| &row[*name]).collect();
        assert_eq!(facts, ["/messages", "claude-x", "Qwen/Qwen3-8B", "exact"], "{row}");
        assert!(row["edits"].to_string().contains("without-metadata"), "{row}");
    }
}
