//! Chat completions as a stream: chunks, and usage where each family puts it.

use super::{Bench, CHAT, GLM, PLAIN, THINKER, ask, ask_with, said, soon};
use flowgate::mock::MockSettings;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

fn with_usage(events: &[Value]) -> Vec<usize> {
    (0..events.len()).filter(|place| events[*place]["usage"].is_object()).collect()
}

#[tokio::test]
async fn a_stream_says_what_the_whole_answer_says() {
    let bench = Bench::new().await;
    let whole = bench.good(CHAT, ask(PLAIN, "Hello there")).await;
    let events = bench.stream(CHAT, ask(PLAIN, "Hello there")).await;
    assert_eq!(events[0]["object"], "chat.completion.chunk");
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(said(&events, "content"), whole["choices"][0]["message"]["content"]);
    let last = events.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["usage"]["total_tokens"], whole["usage"]["total_tokens"]);
}

#[tokio::test]
async fn most_models_send_cumulative_usage_in_every_chunk() {
    let bench = Bench::new().await;
    for model in [PLAIN, GLM] {
        let events = bench.stream(CHAT, ask(model, "[[tokens=5]]")).await;
        assert_eq!(with_usage(&events).len(), events.len());
        assert_eq!(events[0]["usage"]["completion_tokens"], 0);
        assert_eq!(events[3]["usage"]["completion_tokens"], 3);
    }
}

#[tokio::test]
async fn qwen35_sends_usage_in_one_more_chunk_without_choices() {
    let bench = Bench::new().await;
    let events = bench.stream(CHAT, ask(THINKER, "hi")).await;
    assert_eq!(with_usage(&events), [events.len() - 1]);
    assert_eq!(events.last().unwrap()["choices"], json!([]));
}

#[tokio::test]
async fn deepseek_sends_usage_on_the_finish_chunk() {
    let bench = Bench::new().await;
    let events = bench.stream(CHAT, ask("deepseek-ai/DeepSeek-V3", "hi")).await;
    assert_eq!(with_usage(&events), [events.len() - 1]);
    assert!(events.last().unwrap()["choices"][0]["finish_reason"].is_string());
}

#[tokio::test]
async fn reasoning_comes_first_and_apart() {
    let bench = Bench::new().await;
    let events = bench.stream(CHAT, ask(THINKER, "[[think=4]]")).await;
    assert_eq!(events[1]["choices"][0]["delta"]["content"], Value::Null);
    assert!(!said(&events, "reasoning_content").is_empty());
    assert!(said(&events, "content").starts_with("You said"));
    assert_eq!(events.last().unwrap()["usage"]["completion_tokens_details"]["reasoning_tokens"], 4);
}

#[tokio::test]
async fn tokens_come_at_the_speed_that_was_set() {
    let settings = MockSettings { token_interval: Duration::from_millis(10), ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    let start = tokio::time::Instant::now();
    bench.stream(CHAT, ask(PLAIN, "[[tokens=20]]")).await;
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_caller_that_leaves_is_noticed_and_billed_for_what_it_got() {
    let settings = MockSettings { token_interval: Duration::from_millis(5), ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    let body = ask_with(PLAIN, "[[tokens=5000]]", json!({"stream": true}));
    let mut stream = bench.send(CHAT, body).await.bytes_stream();
    for _ in 0..5 {
        stream.next().await.unwrap().unwrap();
    }
    let control = bench.server.control();
    assert_eq!(control.live(), 1);
    drop(stream);
    soon(|| control.live() == 0).await;
    assert!(control.requests()[0].client_gone);
    let billed = control.billed().total;
    assert!((1..1_000).contains(&billed.completion_tokens), "{billed:?}");
}

#[tokio::test]
async fn whoever_has_seen_the_end_finds_it_billed() {
    let bench = Bench::new().await;
    for round in 1..=20 {
        let body = ask_with(PLAIN, "[[tokens=5]]", json!({"stream": true}));
        let mut stream = bench.send(CHAT, body).await.bytes_stream();
        while !stream.next().await.unwrap().unwrap().ends_with(b"[DONE]\n\n") {}
        assert_eq!(bench.server.control().billed().total.completion_tokens, 5 * round);
        assert_eq!(bench.server.control().live(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_at_once() {
    let settings = MockSettings { token_interval: Duration::from_millis(20), ..MockSettings::default() };
    let bench = std::sync::Arc::new(Bench::with(settings).await);
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let bench = bench.clone();
        streams.spawn(async move { bench.stream(CHAT, ask(PLAIN, "[[tokens=20]]")).await.len() });
    }
    assert!(streams.join_all().await.into_iter().all(|events| events == 22));
    assert_eq!(bench.server.control().billed().total.completion_tokens, 4_000);
}
