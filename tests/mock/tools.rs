//! Tool calls and their known defects.

use super::{Bench, CHAT, GLM, PLAIN, THINKER, ask_with, said};
use serde_json::{Value, json};

fn weather() -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    json!({"type": "function", "function": {"name": "get_weather", "description": "Weather now", "parameters": parameters}})
}

fn with_weather(model: &str, text: &str, more: Value) -> Value {
    let mut body = ask_with(model, text, more);
    body["tools"] = json!([weather()]);
    body
}

#[tokio::test]
async fn a_tool_is_called_when_the_question_is_about_it() {
    let bench = Bench::new().await;
    let answer = bench.good(CHAT, with_weather(PLAIN, "What is the weather in Paris?", json!({}))).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let call = &choice["message"]["tool_calls"][0];
    assert!(call["id"].as_str().unwrap().starts_with("chatcmpl-tool-"));
    assert_eq!(call["function"]["name"], "get_weather");
    assert_eq!(call["function"]["arguments"], r#"{"city":"Paris"}"#);
}

#[tokio::test]
async fn two_cities_make_two_calls_unless_parallel_calls_are_off() {
    let bench = Bench::new().await;
    let calls = |answer: Value| answer["choices"][0]["message"]["tool_calls"].as_array().unwrap().len();
    let text = "Compare the weather in Paris and Tokyo";
    assert_eq!(calls(bench.good(CHAT, with_weather(PLAIN, text, json!({}))).await), 2);
    let one = json!({"parallel_tool_calls": false});
    assert_eq!(calls(bench.good(CHAT, with_weather(PLAIN, text, one)).await), 1);
}

#[tokio::test]
async fn no_tool_is_called_without_need_or_against_the_choice() {
    let bench = Bench::new().await;
    let calls = |answer: Value| answer["choices"][0]["message"]["tool_calls"].is_array();
    assert!(!calls(bench.good(CHAT, with_weather(PLAIN, "Tell me a joke", json!({}))).await));
    let none = json!({"tool_choice": "none"});
    assert!(!calls(bench.good(CHAT, with_weather(PLAIN, "The weather in Paris?", none)).await));
    let required = json!({"tool_choice": "required"});
    assert!(calls(bench.good(CHAT, with_weather(PLAIN, "Tell me a joke", required)).await));
}

#[tokio::test]
async fn a_tool_result_is_answered_in_words() {
    let bench = Bench::new().await;
    let mut body = with_weather(PLAIN, "Weather in Paris?", json!({}));
    let call = json!({"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}});
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
    messages.push(json!({"role": "tool", "tool_call_id": "c1", "content": "18 degrees"}));
    let answer = bench.good(CHAT, body).await;
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("18 degrees"));
}

#[tokio::test]
async fn streamed_calls_carry_id_and_name_on_the_first_delta_only() {
    let bench = Bench::new().await;
    let events = bench.stream(CHAT, with_weather(PLAIN, "Weather in Paris?", json!({}))).await;
    let deltas: Vec<&Value> = events
        .iter()
        .map(|event| &event["choices"][0]["delta"]["tool_calls"][0])
        .filter(|call| call.is_object())
        .collect();
    assert!(deltas[0]["id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(deltas[0]["function"], json!({"name": "get_weather", "arguments": ""}));
    assert!(deltas[1..].iter().all(|delta| delta["id"].is_null() && delta["function"]["name"] == ""));
    let arguments: String = deltas.iter().filter_map(|delta| delta["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments, r#"{"city":"Paris"}"#);
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn glm4_streams_broken_calls_and_whole_ones_otherwise() {
    let bench = Bench::new().await;
    let body = || with_weather(GLM, "Weather in Paris?", json!({}));
    let events = bench.stream(CHAT, body()).await;
    let deltas: Vec<&Value> = events
        .iter()
        .map(|event| &event["choices"][0]["delta"]["tool_calls"][0])
        .filter(|call| call.is_object())
        .collect();
    assert!(deltas.iter().all(|delta| delta["id"].is_null() && delta["function"]["name"] == ""));
    let arguments: String = deltas.iter().filter_map(|delta| delta["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments, "get_weather");
    let answer = bench.good(CHAT, body()).await;
    assert_eq!(answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "get_weather");
}

#[tokio::test]
async fn qwen35_says_stop_although_a_forced_call_is_there() {
    let bench = Bench::new().await;
    let forced = json!({"tool_choice": {"type": "function", "function": {"name": "get_weather"}}});
    let answer = bench.good(CHAT, with_weather(THINKER, "hi", forced.clone())).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(answer["choices"][0]["message"]["tool_calls"].is_array());
    let answer = bench.good(CHAT, with_weather(GLM, "hi", forced)).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn streamed_calls_of_a_thinker_come_after_its_reasoning() {
    let bench = Bench::new().await;
    let events = bench.stream(CHAT, with_weather(THINKER, "Weather in Paris?", json!({}))).await;
    assert!(!said(&events, "reasoning_content").is_empty());
}

#[tokio::test]
async fn calls_are_cut_at_max_tokens_too() {
    let bench = Bench::new().await;
    let body = with_weather(PLAIN, "Weather in Paris?", json!({"max_tokens": 5}));
    let answer = bench.good(CHAT, body).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 5);
    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], r#"{"city":"#);
}
