//! Answers that a test has written down beforehand.

use super::{Bench, CHAT, PLAIN, THINKER, ask, ask_with, said};
use flowgate::mock::{MockSettings, Turn};
use serde_json::{Value, json};

fn turns(list: Value) -> Vec<Turn> {
    serde_json::from_value(list).unwrap()
}

async fn bench(list: Value) -> Bench {
    let bench = Bench::new().await;
    bench.server.control().play(turns(list)).unwrap();
    bench
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap()
}

#[tokio::test]
async fn turns_are_played_in_order_and_then_the_emulator_speaks_for_itself() {
    let bench = bench(json!([{"content": "one"}, {"content": "two", "times": 2}])).await;
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(content(&bench.good(CHAT, ask(PLAIN, "hi")).await).to_owned());
    }
    assert_eq!(heard[..3], ["one", "two", "two"]);
    assert!(heard[3].starts_with("You said"), "{heard:?}");
    let used = bench.server.control().script();
    assert_eq!((used.turns, used.left, used.played), (2, 0, vec![0, 1, 1]));
}

#[tokio::test]
async fn a_turn_is_for_the_request_that_it_fits() {
    let list = json!([
        {"when": {"tool": "colour = red"}, "content": "It is red."},
        {"when": {"user": "title", "model": THINKER}, "content": "A title"},
        {"when": {"offers": "read_file"}, "calls": [{"name": "read_file", "arguments": {"path": "a"}}]},
    ]);
    let bench = bench(list).await;
    let tool = json!({"type": "function", "function": {"name": "read_file", "parameters": {"type": "object"}}});
    let mut body = ask_with(PLAIN, "What colour is it?", json!({"tools": [tool]}));
    let first = bench.good(CHAT, body.clone()).await;
    let call = &first["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "read_file", "arguments": r#"{"path":"a"}"#}));
    assert_eq!(first["choices"][0]["finish_reason"], "tool_calls");
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(first["choices"][0]["message"].clone());
    messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "colour = red"}));
    assert_eq!(content(&bench.good(CHAT, body).await), "It is red.");
    assert_ne!(content(&bench.good(CHAT, ask(PLAIN, "Give it a title")).await), "A title");
    assert_eq!(content(&bench.good(CHAT, ask(THINKER, "Give it a title")).await), "A title");
    assert_eq!(bench.server.control().script().played, [2, 0, 1]);
}

#[tokio::test]
async fn a_turn_is_streamed_counted_and_cut_like_any_answer() {
    let list = json!([
        {"reasoning": "Let me think.", "content": "All done.", "calls": [{"name": "look", "arguments": {"at": "sky"}}]},
        {"content": "one two three four", "finish": "content_filter"},
        {"content": "one two three four"},
    ]);
    let bench = bench(list).await;
    let events = bench.stream(CHAT, ask(PLAIN, "go")).await;
    assert_eq!(
        (said(&events, "reasoning_content"), said(&events, "content")),
        ("Let me think.".into(), "All done.".into())
    );
    let arguments: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str())
        .collect();
    assert_eq!(arguments, r#"{"at":"sky"}"#);
    let usage = &events.last().unwrap()["usage"];
    assert!(usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap() > 0, "{usage}");
    assert_eq!(bench.server.control().billed().total.completion_tokens, usage["completion_tokens"]);
    let whole = bench.good(CHAT, ask(PLAIN, "go")).await;
    assert_eq!(whole["choices"][0]["finish_reason"], "content_filter");
    let cut = bench.good(CHAT, ask_with(PLAIN, "go", json!({"max_tokens": 2}))).await;
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    assert_eq!(cut["usage"]["completion_tokens"], 2);
}

#[tokio::test]
async fn a_turn_may_fail_once() {
    let list = json!([{"fault": "tpm-429"}, {"content": "[one two three four five six]", "fault": "cut:3"}, {"content": "whole"}]);
    let bench = bench(list).await;
    assert_eq!(bench.send(CHAT, ask(PLAIN, "go")).await.status(), 429);
    let broken = bench.send(CHAT, ask_with(PLAIN, "go", json!({"stream": true}))).await;
    assert_eq!(broken.status(), 200);
    assert!(broken.text().await.is_err());
    assert_eq!(content(&bench.good(CHAT, ask(PLAIN, "go")).await), "whole");
}

/// Whoever tries again must hear what the first try was not told.
#[tokio::test]
async fn a_refused_request_uses_no_turn_up() {
    let bench = bench(json!([{"content": "patience"}])).await;
    let control = bench.server.control();
    control.set_limits(PLAIN, "rpm=0".parse().unwrap());
    assert_eq!(bench.send(CHAT, ask(PLAIN, "go")).await.status(), 429);
    assert_eq!(bench.send(CHAT, ask("nobody/Nothing", "go")).await.status(), 400);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let stranger = client.post(bench.url(CHAT)).bearer_auth("sk-wrong").json(&ask(PLAIN, "go"));
    assert_eq!(stranger.send().await.unwrap().status(), 401);
    assert_eq!((control.script().left, control.script().played), (1, vec![]));
    control.set_limits(PLAIN, "rpm=9".parse().unwrap());
    assert_eq!(content(&bench.good(CHAT, ask(PLAIN, "go")).await), "patience");
}

#[tokio::test]
async fn a_script_is_set_over_http_and_a_wrong_one_changes_nothing() {
    let bench = bench(json!([{"content": "old"}])).await;
    let url = format!("http://{}/mock/script", bench.server.addr());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for wrong in [
        json!([{"fault": "nonsense"}]),
        json!([{"finish": "because"}]),
        json!([{"times": 0}]),
        json!([{"fault": "flaky-429"}]),
        json!([{"answer": "x"}]),
        json!({"content": "x"}),
    ] {
        let status = client.post(&url).json(&wrong).send().await.unwrap().status();
        assert!(status.is_client_error(), "{wrong}: {status}");
    }
    assert_eq!(bench.server.control().script().left, 1);
    assert_eq!(client.post(&url).json(&json!([{"content": "new"}])).send().await.unwrap().status(), 200);
    assert_eq!(content(&bench.good(CHAT, ask(PLAIN, "go")).await), "new");
    let report: Value = client.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(report, json!({"turns": 1, "left": 0, "played": [0]}));
}

#[tokio::test]
async fn a_reset_begins_the_script_of_the_settings_again() {
    let settings = MockSettings { script: turns(json!([{"content": "first"}])), ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    for _ in 0..2 {
        assert_eq!(content(&bench.good(CHAT, ask(PLAIN, "go")).await), "first");
        bench.server.control().play(turns(json!([{"content": "other"}]))).unwrap();
        bench.server.control().reset();
    }
    let wrong = MockSettings { script: turns(json!([{"times": 0}])), ..MockSettings::default() };
    assert!(flowgate::mock::start(wrong).await.is_err_and(|error| error.to_string().contains("turn 0")));
}

/// Anthropic's shape has the same turns.
#[tokio::test]
async fn messages_are_answered_by_turns_too() {
    let list = json!([
        {"calls": [{"name": "Read", "arguments": {"path": "a"}}]},
        {"when": {"tool": "red"}, "reasoning": "Red then.", "content": "It is red."},
    ]);
    let bench = bench(list).await;
    let mut body = ask_with(PLAIN, "What colour?", json!({"max_tokens": 100}));
    let first = bench.good("/messages", body.clone()).await;
    assert_eq!((&first["content"][0]["name"], &first["stop_reason"]), (&json!("Read"), &json!("tool_use")));
    let result = json!({"type": "tool_result", "tool_use_id": first["content"][0]["id"], "content": "red"});
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": first["content"]}));
    messages.push(json!({"role": "user", "content": [result]}));
    let second = bench.good("/messages", body).await;
    assert_eq!(second["content"][0]["thinking"], "Red then.");
    assert_eq!(second["content"][1]["text"], "It is red.");
}

/// What `docs/emulator.md` shows works as it stands.
#[tokio::test]
async fn the_script_of_the_document_is_one() {
    let document = include_str!("../../docs/emulator.md");
    let (_, after) = document.split_once("```json\n[\n  {\"when\"").unwrap();
    let (list, _) = after.split_once("```").unwrap();
    let list: Value = serde_json::from_str(&format!("[\n  {{\"when\"{list}")).unwrap();
    let bench = bench(list).await;
    let tool = json!({"type": "function", "function": {"name": "read_file", "parameters": {"type": "object"}}});
    let mut body = ask_with(PLAIN, "What colour is it?", json!({"tools": [tool]}));
    assert_eq!(bench.send(CHAT, body.clone()).await.status(), 429);
    let first = bench.good(CHAT, body.clone()).await;
    assert_eq!(first["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "read_file");
    let result = json!({"role": "tool", "tool_call_id": "c", "content": "colour = red"});
    body["messages"].as_array_mut().unwrap().push(result);
    assert_eq!(content(&bench.good(CHAT, body).await), "It is red.");
    assert_eq!(bench.server.control().script().left, 0);
}
