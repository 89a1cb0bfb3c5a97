//! The Anthropic shape.

use super::{Bench, PLAIN, THINKER};
use reqwest::Client;
use serde_json::{Value, json};

const MESSAGES: &str = "/messages";

fn body(model: &str, text: &str) -> Value {
    json!({"model": model, "max_tokens": 1000, "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn an_answer_in_blocks() {
    let bench = Bench::new().await;
    let answer = bench.good(MESSAGES, body(THINKER, "hello")).await;
    assert_eq!(answer["type"], "message");
    assert_eq!(answer["content"][0]["type"], "thinking");
    assert!(answer["content"][1]["text"].as_str().unwrap().contains("hello"));
    assert_eq!(answer["stop_reason"], "end_turn");
    assert!(answer["usage"]["input_tokens"].is_u64());
}

#[tokio::test]
async fn x_api_key_opens_this_endpoint() {
    let bench = Bench::new().await;
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.post(bench.url(MESSAGES)).header("x-api-key", "sk-mock").json(&body(PLAIN, "hi"));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn adaptive_thinking_is_refused_and_the_two_known_ones_work() {
    let bench = Bench::new().await;
    let with = |kind: &str| {
        let mut body = body(PLAIN, "hi");
        body["thinking"] = json!({"type": kind, "budget_tokens": 1024});
        body
    };
    let (status, answer) = bench.post(MESSAGES, with("adaptive")).await;
    assert_eq!((status, &answer["message"]), (400, &json!("thinking type should be enabled or disabled")));
    assert_eq!(bench.good(MESSAGES, with("enabled")).await["content"][0]["type"], "thinking");
    assert_eq!(bench.good(MESSAGES, with("disabled")).await["content"][0]["type"], "text");
}

#[tokio::test]
async fn tools_and_their_results() {
    let bench = Bench::new().await;
    let mut body = body(PLAIN, "The weather in Oslo?");
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    body["tools"] = json!([{"name": "get_weather", "input_schema": schema}]);
    body["tool_choice"] = json!({"type": "any"});
    let answer = bench.good(MESSAGES, body.clone()).await;
    assert_eq!(answer["stop_reason"], "tool_use");
    assert_eq!(answer["content"][0]["input"], json!({"city": "Oslo"}));
    let id = answer["content"][0]["id"].clone();
    body["tool_choice"] = json!({"type": "auto"});
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": answer["content"]}));
    messages
        .push(json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "4 degrees"}]}));
    let answer = bench.good(MESSAGES, body).await;
    assert!(answer["content"][0]["text"].as_str().unwrap().contains("4 degrees"));
}

#[tokio::test]
async fn a_stream_of_events() {
    let bench = Bench::new().await;
    let events = bench.stream(MESSAGES, body(PLAIN, "[[say=abcdefgh]]")).await;
    let names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected);
    assert_eq!(events[2]["delta"]["text"], "abcd");
    assert!(events[0]["message"]["usage"]["output_tokens"].is_null());
    assert_eq!(events[5]["usage"]["output_tokens"], 2);
}

#[tokio::test]
async fn errors_keep_siliconflows_shape() {
    let bench = Bench::new().await;
    let (status, answer) = bench.post(MESSAGES, body("no/such", "hi")).await;
    assert_eq!((status, &answer["code"]), (400, &json!(20012)));
}
