//! The Responses API from socket to socket: answers whole and streamed, what goes upstream for them, and what breaks.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::quota::{ANN, keyed, limited};
use super::support::{Act, Got, MODEL, Rig, Script, Streamed, ok_chat};

pub(super) const THINKING: &str = "Qwen/Qwen3.5-4B";

pub(super) async fn respond(rig: &Rig, body: Value) -> Got {
    let got = Got::of(rig.post("/v1/responses", body.to_string())).await;
    assert_eq!(got.status, 200, "{}", got.text());
    got
}

async fn streamed(rig: &Rig, mut body: Value) -> Streamed {
    body["stream"] = json!(true);
    Streamed::of(rig.post("/v1/responses", body.to_string())).await
}

/// The text of all messages.
pub(super) fn said(response: &Value) -> String {
    let items = response["output"].as_array().unwrap().iter();
    items.filter_map(|item| item["content"][0]["text"].as_str()).collect()
}

fn weather() -> Value {
    json!({"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}})
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn a_text_is_answered() {
    let rig = Rig::mocked("").await;
    for path in ["/v1/responses", "/responses", "/v1/v1/responses/"] {
        let got = Got::of(rig.post(path, json!({"model": MODEL, "input": "[[say=Hi there]]"}).to_string())).await;
        let response = got.json();
        assert_eq!((got.status, said(&response).as_str()), (200, "Hi there"), "{response}");
        assert_eq!((&response["object"], &response["status"]), (&json!("response"), &json!("completed")));
        assert!(response["id"].as_str().unwrap().starts_with("resp_") && response["completed_at"].is_u64());
        assert_eq!((got.header("x-flowgate-model"), got.header("x-flowgate-edits")), (Some(MODEL), None));
    }
    let billed = rig.mock().control().billed();
    rig.metric_becomes("flowgate_requests_total", &["route=\"/responses\"", "code=\"200\""], 3.0).await;
    assert_eq!(rig.metric("flowgate_tokens_total", &["output"]).await, billed.total.completion_tokens as f64);
    assert_eq!(rig.metric("flowgate_usage_total", &["exact"]).await, 3.0);
    rig.is_idle().await;
}

#[tokio::test]
async fn a_thought_and_a_text_are_streamed_in_order() {
    let rig = Rig::mocked("").await;
    let body = json!({"model": THINKING, "input": "[[say=one two]][[think=3]]", "reasoning": {"effort": "medium"},
        "include": ["reasoning.encrypted_content"], "service_tier": "flex"});
    let got = streamed(&rig, body).await;
    let events = got.events();
    assert!(got.is_clean && !got.is_done(), "{}", got.text);
    assert_eq!(got.headers["content-type"], "text/event-stream");
    assert_eq!(got.headers["x-flowgate-edits"], "without-service-tier");
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds(&events), expected);
    assert!(events.iter().enumerate().all(|(at, event)| event["sequence_number"] == at));
    let response = &events.last().unwrap()["response"];
    let billed = rig.mock().control().billed().total;
    let usage = &response["usage"];
    assert_eq!((said(response).as_str(), &usage["output_tokens_details"]["reasoning_tokens"]), ("one two", &json!(3)));
    assert_eq!(
        (&usage["input_tokens"], &usage["output_tokens"]),
        (&json!(billed.prompt_tokens), &json!(billed.completion_tokens))
    );
    let sent = rig.mock().control().requests()[0].json();
    assert_eq!((&sent["enable_thinking"], &sent["reasoning_effort"]), (&json!(true), &json!("medium")));
    rig.metric_becomes("flowgate_usage_total", &["exact"], 1.0).await;
}

/// Two calls at once, streamed; their results; and the answer, all by what was kept.
#[tokio::test]
async fn tools_are_called_and_the_conversation_goes_on() {
    for model in [MODEL, "THUDM/GLM-4-9B-0414"] {
        let rig = Rig::mocked("").await;
        let asked = json!({"model": model, "input": "What is the weather in Paris and Tokyo?", "tools": [weather()]});
        let got = streamed(&rig, asked).await;
        let events = got.events();
        let response = &events.last().unwrap()["response"];
        let calls = response["output"].as_array().unwrap();
        let cities: Vec<&str> = calls.iter().map(|call| call["arguments"].as_str().unwrap()).collect();
        assert_eq!(cities, [r#"{"city":"Paris"}"#, r#"{"city":"Tokyo"}"#], "{response}");
        let told = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
        assert_eq!((told("response.output_item.added"), told("response.function_call_arguments.done")), (2, 2));
        let results: Vec<Value> = calls
            .iter()
            .map(|call| json!({"type": "function_call_output", "call_id": call["call_id"], "output": "Sunny"}))
            .collect();
        let next =
            json!({"model": model, "input": results, "tools": [weather()], "previous_response_id": response["id"]});
        let answer = respond(&rig, next).await.json();
        assert_eq!(said(&answer), "According to the tool: Sunny; Sunny");
        let sent = rig.mock().control().requests()[1].json();
        let roles: Vec<&str> =
            sent["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["user", "assistant", "tool", "tool"]);
    }
}

/// A model that wants its thoughts back gets them, by whatever way they came.
#[tokio::test]
async fn thoughts_are_given_back_where_tools_are_called() {
    const WANTS: &str = "deepseek-ai/DeepSeek-V4-Pro";
    let rig = Rig::mocked("").await;
    for store in [true, false] {
        let question = json!({"role": "user", "content": "What is the weather in Paris?"});
        let asked = json!({"model": WANTS, "input": [question], "tools": [weather()], "store": store,
            "include": ["reasoning.encrypted_content"]});
        let first = respond(&rig, asked).await.json();
        let items = first["output"].as_array().unwrap();
        assert_eq!(items[0]["type"], "reasoning", "{first}");
        let result = json!({"type": "function_call_output", "call_id": items[1]["call_id"], "output": "Sunny"});
        let next = if store {
            json!({"model": WANTS, "input": [result], "tools": [weather()], "previous_response_id": first["id"]})
        } else {
            let mut thought = items[0].clone();
            thought["summary"] = json!([]);
            json!({"model": WANTS, "input": [question, thought, items[1], result], "tools": [weather()], "store": false})
        };
        assert!(said(&respond(&rig, next).await.json()).contains("Sunny"));
    }
}

#[tokio::test]
async fn structure_is_asked_for_and_given() {
    let rig = Rig::mocked("").await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let format = json!({"type": "json_schema", "name": "city", "schema": schema, "strict": true});
    let response = respond(&rig, json!({"model": MODEL, "input": "A city", "text": {"format": format}})).await.json();
    let city: Value = serde_json::from_str(&said(&response)).unwrap();
    assert!(city["city"].is_string());
    assert_eq!(response["text"]["format"]["name"], "city");
}

#[tokio::test]
async fn an_answer_that_was_cut_off_says_so() {
    let rig = Rig::mocked("").await;
    let body = json!({"model": MODEL, "input": "[[tokens=40]]", "max_output_tokens": 5});
    let whole = respond(&rig, body.clone()).await.json();
    let streamed = streamed(&rig, body).await.events().pop().unwrap();
    assert_eq!(streamed["type"], "response.incomplete");
    for response in [&whole, &streamed["response"]] {
        assert_eq!(response["status"], "incomplete");
        assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
        assert_eq!(
            (&response["output"][0]["status"], &response["usage"]["output_tokens"]),
            (&json!("incomplete"), &json!(5))
        );
    }
}

#[tokio::test]
async fn a_stream_that_breaks_fails_and_is_counted() {
    for (fault, code) in [("cut:3", "upstream_stream_broken"), ("error-event:3", "server_is_overloaded")] {
        let rig = Rig::mocked("").await;
        let got = streamed(&rig, json!({"model": format!("fault/{fault}"), "input": "[[tokens=9]]"})).await;
        let events = got.events();
        assert!(!got.is_clean && got.text.ends_with("\n\n"), "{}", got.text);
        let [.., failed, error] = &events[..] else { panic!("{}", got.text) };
        assert_eq!((&failed["type"], &failed["response"]["status"]), (&json!("response.failed"), &json!("failed")));
        assert_eq!(failed["response"]["error"]["code"], code);
        assert_eq!(
            (&error["type"], &error["code"], &error["error"]["code"]),
            (&json!("error"), &json!(code), &json!(code))
        );
        assert!(!got.text.contains("response.completed"));
        let id = failed["response"]["id"].as_str().unwrap();
        let kept = Got::of(rig.request(reqwest::Method::GET, &format!("/v1/responses/{id}"))).await;
        assert_eq!(kept.error(), "404 invalid_request_error/response_not_found");
        rig.metric_becomes("flowgate_usage_total", &["at_least"], 1.0).await;
        rig.is_idle().await;
    }
}

#[tokio::test]
async fn a_429_of_the_upstream_is_waited_out() {
    let refusal = json!({"code": 50602, "message": "Request was rejected due to rate limiting. Details: RPM limit reached.", "data": null}).to_string();
    let refusal = format!(
        "HTTP/1.1 429 X\r\nretry-after: 1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{refusal}",
        refusal.len()
    );
    let count = AtomicUsize::new(0);
    let script = Script::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => vec![Act::Say(refusal.clone().into_bytes())],
        _ => vec![ok_chat()],
    })
    .await;
    let rig = Rig::before(&script.base_url(), &limited("rpm = 50")).await;
    let got = respond(&rig, json!({"model": MODEL, "input": "hello"})).await;
    assert_eq!((said(&got.json()).as_str(), script.seen().len()), ("hi", 2));
    assert!(script.seen().iter().all(|seen| seen.path() == "/v1/chat/completions"));
}

#[tokio::test]
async fn refusals_are_openais_and_reach_nobody() {
    let rig = Rig::mocked(&keyed("endpoints = [\"/chat/completions\"]")).await;
    let ask = |body: Value| rig.post("/v1/responses", body.to_string());
    let good = json!({"model": MODEL, "input": "hello"});
    assert_eq!(
        Got::of(ask(good.clone()).bearer_auth("sk-wrong")).await.error(),
        "401 invalid_request_error/invalid_api_key"
    );
    assert_eq!(Got::of(ask(good).bearer_auth(ANN)).await.error(), "403 invalid_request_error/endpoint_not_allowed");
    let bob = |body: Value| Got::of(ask(body).bearer_auth(super::quota::BOB));
    for (body, error, param) in [
        (json!({"input": "x"}), "400 invalid_request_error/null", "model"),
        (json!({"model": MODEL}), "400 invalid_request_error/missing_required_parameter", "input"),
        (
            json!({"model": MODEL, "input": "x", "background": true}),
            "400 invalid_request_error/unsupported_parameter",
            "background",
        ),
        (
            json!({"model": MODEL, "input": "x", "conversation": "conv_1"}),
            "400 invalid_request_error/unsupported_parameter",
            "conversation",
        ),
        (
            json!({"model": MODEL, "input": "x", "previous_response_id": "resp_0"}),
            "400 invalid_request_error/previous_response_not_found",
            "previous_response_id",
        ),
        (
            json!({"model": MODEL, "input": [{"type": "item_reference", "id": "msg_0_1"}]}),
            "400 invalid_request_error/item_not_found",
            "input[0]",
        ),
        (
            json!({"model": MODEL, "input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}),
            "400 invalid_request_error/null",
            "input",
        ),
    ] {
        let got = bob(body).await;
        assert_eq!(
            (got.error().as_str(), got.json()["error"]["param"].as_str()),
            (error, Some(param)),
            "{}",
            got.text()
        );
    }
    assert_eq!(rig.mock().control().requests().len(), 0);
    rig.metric_becomes("flowgate_requests_total", &["route=\"/responses\"", "code=\"400\""], 7.0).await;
    rig.is_idle().await;
}

/// Who waits for a stream may have signs of life, as with chat.
#[tokio::test]
async fn the_wait_is_bridged_with_comments() {
    let rig = Rig::mocked("").await;
    let body = json!({"model": "fault/slow-head:1600", "input": "[[say=ok]]", "stream": true});
    let request = rig.post("/v1/responses", body.to_string()).header("x-flowgate-keep-alive", "1s");
    let got = Streamed::of(request).await;
    assert!(got.text.starts_with(':') && got.is_clean, "{}", got.text);
    assert_eq!(said(&got.events().pop().unwrap()["response"]), "ok");
}
