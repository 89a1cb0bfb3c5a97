//! Anthropic's protocol from socket to socket: translated to chat requests, which models, limits, ledger and faults treat as such.

mod around;
mod claude_code;
mod native;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::quota::{ANN, keyed};
use super::support::{Act, Got, MODEL, Rig, Script, Streamed, json_answer, sse};

const THINKER: &str = "Qwen/Qwen3.5-4B";

/// A request with one user message and whatever is in `more`.
fn asked(model: &str, text: &str, more: &Value) -> Value {
    let mut body = json!({"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": text}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn post(rig: &Rig, body: &Value) -> RequestBuilder {
    rig.post("/v1/messages?beta=true", body.to_string())
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14")
}

fn weather() -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    json!([{"name": "get_weather", "description": "Weather of a city", "input_schema": schema}])
}

/// The types of the events of a stream, runs of one type as one.
fn shape(got: &Streamed) -> Vec<String> {
    let mut shape: Vec<String> = got.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    shape.dedup();
    shape
}

/// The chat request that the emulator received last.
fn received(rig: &Rig) -> Value {
    let requests = rig.mock().control().requests();
    let last = requests.last().unwrap();
    assert_eq!(last.path, "/v1/chat/completions");
    let strangers = ["anthropic-beta", "anthropic-version"];
    assert!(last.headers.iter().all(|(name, _)| !strangers.contains(&name.as_str())), "{:?}", last.headers);
    serde_json::from_str(last.body.as_deref().unwrap()).unwrap()
}

#[tokio::test]
async fn a_message_is_answered() {
    let rig = Rig::mocked("").await;
    let body = asked(MODEL, "[[say=Blue.]]", &json!({"metadata": {"user_id": "u"}, "stop_sequences": ["END"]}));
    let got = Got::of(post(&rig, &body)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let answer = got.json();
    assert_eq!(answer["content"], json!([{"type": "text", "text": "Blue."}]));
    assert_eq!(
        (&answer["type"], &answer["role"], &answer["stop_reason"]),
        (&json!("message"), &json!("assistant"), &json!("end_turn"))
    );
    assert_eq!(answer["model"], MODEL);
    assert!(
        answer["usage"]["input_tokens"].as_u64().unwrap() > 0 && answer["usage"]["output_tokens"].as_u64().unwrap() > 0
    );
    assert_eq!(got.header("x-flowgate-edits"), Some("messages-as-chat, without-metadata, without-thinking"));
    assert_eq!(got.header("request-id"), got.header("x-request-id"));
    assert!(answer["id"].as_str().unwrap().starts_with("msg_"));
    let chat = received(&rig);
    assert_eq!(chat["stop"], json!(["END"]));
    assert_eq!(chat["enable_thinking"], false, "who does not ask for thinking wants none");
    assert!(chat.get("metadata").is_none());
    rig.metric_becomes("flowgate_requests_total", &["route=\"/messages\"", "code=\"200\""], 1.0).await;
    rig.metric_becomes("flowgate_usage_total", &["exact"], 1.0).await;
}

#[tokio::test]
async fn a_stream_thinks_and_speaks() {
    let rig = Rig::mocked("").await;
    let more = json!({"stream": true, "thinking": {"type": "adaptive"}, "context_management": {"edits": []}});
    let got = Streamed::of(post(&rig, &asked(THINKER, "Why?", &more))).await;
    assert!(got.is_clean && !got.is_done(), "{}", got.text);
    let block = ["content_block_start", "content_block_delta", "content_block_stop"];
    let expected = [&["message_start", "ping"], &block[..], &block[..], &["message_delta", "message_stop"]].concat();
    assert_eq!(shape(&got), expected);
    let events = got.events();
    let blocks: Vec<&Value> = events.iter().filter(|event| event["type"] == "content_block_start").collect();
    assert_eq!(
        (&blocks[0]["content_block"]["type"], &blocks[1]["content_block"]["type"]),
        (&json!("thinking"), &json!("text"))
    );
    let (start, end) = (&events[0]["message"]["usage"], &events[events.len() - 2]["usage"]);
    assert!(start["input_tokens"].as_u64().unwrap() > 0, "an estimate, for the upstream says it last");
    assert!(end["output_tokens"].as_u64().unwrap() > 0 && end["cache_read_input_tokens"].is_u64());
    let billed = rig.mock().control().billed().total;
    assert_eq!(
        end["input_tokens"].as_u64().unwrap() + end["cache_read_input_tokens"].as_u64().unwrap(),
        billed.prompt_tokens
    );
    assert_eq!(end["output_tokens"], billed.completion_tokens);
    assert!(received(&rig).get("enable_thinking").is_none(), "an adaptive model is left as it is set");
    rig.metric_becomes("flowgate_tokens_total", &["output"], billed.completion_tokens as f64).await;
}

#[tokio::test]
async fn tools_are_called_and_their_answers_told() {
    let rig = Rig::mocked("").await;
    let mut body = asked(THINKER, "The weather in Paris and Tokyo?", &json!({"tools": weather(), "stream": true}));
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    let got = Streamed::of(post(&rig, &body)).await;
    let events = got.events();
    let blocks: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "content_block_start")
        .map(|event| &event["content_block"])
        .collect();
    let calls: Vec<&&Value> = blocks.iter().filter(|block| block["type"] == "tool_use").collect();
    assert_eq!(calls.len(), 2, "{}", got.text);
    let inputs: String = events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    assert_eq!(inputs, r#"{"city":"Paris"}{"city":"Tokyo"}"#);
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "tool_use");
    let thinking: String = events.iter().filter_map(|event| event["delta"]["thinking"].as_str()).collect();
    let signature = events.iter().find_map(|event| event["delta"]["signature"].as_str()).unwrap();
    let mut said = vec![json!({"type": "thinking", "thinking": thinking, "signature": signature})];
    let mut results = Vec::new();
    for (call, city) in calls.iter().zip(["Paris", "Tokyo"]) {
        said.push(json!({"type": "tool_use", "id": call["id"], "name": "get_weather", "input": {"city": city}}));
        results
            .push(json!({"type": "tool_result", "tool_use_id": call["id"], "content": format!("{city}: 4 degrees")}));
    }
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": said}));
    messages.push(json!({"role": "user", "content": results}));
    body["stream"] = json!(false);
    let got = Got::of(post(&rig, &body)).await;
    assert!(got.status == 200 && got.text().contains("4 degrees"), "{}", got.text());
    let chat = received(&rig);
    assert_eq!(chat["messages"][1]["reasoning_content"], *thinking, "it was thought between the calls");
    assert_eq!(
        (&chat["messages"][3]["role"], &chat["messages"][3]["content"]),
        (&json!("tool"), &json!("Tokyo: 4 degrees"))
    );
}

/// A model whose streamed tool calls are broken goes without streaming, and its caller does not notice.
#[tokio::test]
async fn broken_streamed_tools_are_streamed_again() {
    let rig = Rig::mocked("").await;
    let body = asked("THUDM/GLM-4-9B-0414", "The weather in Oslo?", &json!({"tools": weather(), "stream": true}));
    let got = Streamed::of(post(&rig, &body)).await;
    assert!(
        got.text.contains("\"name\":\"get_weather\"") && got.text.ends_with("{\"type\":\"message_stop\"}\n\n"),
        "{}",
        got.text
    );
    assert_eq!(got.headers["content-type"], "text/event-stream");
}

#[tokio::test]
async fn a_stream_that_breaks_says_so() {
    let rig = Rig::mocked("").await;
    for fault in ["reset", "cut", "bad-json", "error"] {
        let body = asked(&format!("fault/{fault}:3"), "hello", &json!({"stream": true}));
        let got = Streamed::of(post(&rig, &body)).await;
        if got.status != 200 {
            continue;
        }
        let last = got.events().pop().unwrap();
        assert!(!got.is_clean && last["type"] == "error" && last["error"]["type"].is_string(), "{fault}: {}", got.text);
        assert!(got.text.contains("event: error\n") && !got.text.contains("message_stop"), "{fault}: {}", got.text);
    }
    rig.is_idle().await;
}

#[tokio::test]
async fn a_stream_that_was_reset_is_settled() {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    let script = Script::always(vec![sse(event), Act::Reset]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Streamed::of(post(&rig, &asked(MODEL, "x", &json!({"stream": true})))).await;
    let events = got.events();
    assert_eq!(
        (&events[0]["type"], &events[events.len() - 1]["error"]["type"]),
        (&json!("message_start"), &json!("api_error"))
    );
    rig.metric_becomes("flowgate_upstream_errors_total", &["stream_broken"], 1.0).await;
}

/// The upstream's 429 is a wait; its caller gets the answer.
#[tokio::test]
async fn a_429_is_waited_for() {
    let refused =
        json!({"code": 50602, "message": "Request was rejected due to rate limiting. Details: RPM limit reached."});
    let refusal = format!(
        "HTTP/1.1 429 X\r\nretry-after: 1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{refused}",
        refused.to_string().len()
    );
    let count = std::sync::atomic::AtomicUsize::new(0);
    let script = Script::new(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => vec![Act::Say(refusal.clone().into_bytes())],
        _ => vec![super::support::ok_chat()],
    })
    .await;
    let rig = Rig::before(&script.base_url(), &super::quota::limited("rpm = 50")).await;
    let got = Got::of(post(&rig, &asked(MODEL, "x", &json!({})))).await;
    assert_eq!((got.status, &got.json()["type"]), (200, &json!("message")), "{}", got.text());
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn names_of_other_models_lead_to_ours() {
    let rig =
        Rig::mocked("[models.alias]\n\"claude-*\" = \"Qwen/Qwen3-8B\"\n\"claude-haiku-*\" = \"Qwen/Qwen3.5-4B\"\n")
            .await;
    for (asked_for, model) in [("claude-sonnet-4-5-20250929", MODEL), ("claude-haiku-4-5", THINKER)] {
        let got = Got::of(post(&rig, &asked(asked_for, "x", &json!({})))).await;
        assert_eq!(got.header("x-flowgate-model"), Some(model), "{}", got.text());
        assert_eq!((&received(&rig)["model"], &got.json()["model"]), (&json!(model), &json!(model)));
    }
}

/// What cannot be carried is refused before anything is sent.
#[tokio::test]
async fn what_cannot_be_carried_is_refused() {
    let rig = Rig::mocked("").await;
    for (more, param) in [
        (json!({"stop_sequences": ["a", "b", "c", "d", "e"]}), "stop_sequences"),
        (json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "tools.0"),
        (json!({"mcp_servers": [{"url": "https://example.org"}]}), "mcp_servers"),
        (json!({"messages": "x"}), "messages"),
        (json!({"messages": [{"role": "robot", "content": "x"}]}), "messages.0.role"),
    ] {
        let got = Got::of(post(&rig, &asked(MODEL, "x", &more))).await;
        let answer = got.json();
        assert_eq!(
            (got.status, &answer["type"], &answer["error"]["type"]),
            (400, &json!("error"), &json!("invalid_request_error"))
        );
        assert!(answer["error"]["message"].as_str().unwrap().contains(param), "{answer}");
        assert_eq!(got.header("x-should-retry"), Some("false"), "tools would come again with the same");
    }
    for body in ["", "[]", "{\"model\":\"a\",\"model\":\"b\"}", "{\"messages\":[]}"] {
        let got = Got::of(rig.post("/v1/messages", body)).await;
        assert_eq!((got.status, &got.json()["type"]), (400, &json!("error")), "{body}");
    }
    assert!(rig.mock().control().requests().is_empty());
}

/// A wrong key, a limit, an overloaded model, a prompt that is too long: Anthropic's words for each.
#[tokio::test]
async fn errors_are_anthropics() {
    let rig = Rig::mocked(&keyed("rpm = 1")).await;
    let wrong = Got::of(post(&rig, &asked(MODEL, "x", &json!({}))).header("x-api-key", "sk-wrong")).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["type"]), (401, &json!("authentication_error")));
    assert_eq!(
        (wrong.header("x-should-retry"), wrong.header("request-id")),
        (Some("false"), wrong.header("x-request-id"))
    );
    assert_eq!(wrong.json()["request_id"].as_str(), wrong.header("request-id"));
    let first = Got::of(post(&rig, &asked(MODEL, "x", &json!({}))).header("x-api-key", ANN)).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let again = post(&rig, &asked(MODEL, "x", &json!({}))).header("x-api-key", ANN).header("x-flowgate-max-wait", "0");
    let again = Got::of(again).await;
    assert_eq!((again.status, &again.json()["error"]["type"]), (429, &json!("rate_limit_error")));
    assert!(again.header("retry-after").is_some());
    let long =
        json!({"code": 20015, "message": "length of prompt_tokens (200000) must be less than max_seq_len (131072)."});
    for (status, body, expected, says) in [
        (503, json!({"code": 50505, "message": "Model service overloaded."}), (529, "overloaded_error"), "overloaded"),
        (400, long, (400, "invalid_request_error"), "prompt is too long"),
        (404, json!("404 page not found"), (404, "not_found_error"), "found"),
        (500, json!({}), (502, "api_error"), ""),
        (401, json!("Invalid token"), (502, "api_error"), "key"),
    ] {
        let script = Script::always(vec![json_answer(status, body.to_string())]).await;
        let rig = Rig::before(&script.base_url(), "[upstream]\nretries = 0\n").await;
        let got = Got::of(post(&rig, &asked(MODEL, "x", &json!({})))).await;
        let answer = got.json();
        assert_eq!((got.status, answer["error"]["type"].as_str().unwrap()), expected, "{status}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(says), "{answer}");
    }
}

/// An answer that is none is the upstream's mistake, not the caller's.
#[tokio::test]
async fn an_answer_that_is_none_is_told() {
    let script = Script::always(vec![json_answer(200, b"{\"id\":\"x\",\"object\":\"list\"}")]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Got::of(post(&rig, &asked(MODEL, "x", &json!({})))).await;
    assert_eq!((got.status, &got.json()["error"]["type"]), (502, &json!("api_error")), "{}", got.text());
}

/// A caller who asked for signs of life gets Anthropic's own.
#[tokio::test]
async fn signs_of_life_are_pings() {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"late\"}}]}\n\ndata: [DONE]\n\n";
    let wait = Act::Wait(std::time::Duration::from_millis(2500));
    let script = Script::new(move |seen| match seen.body.windows(4).any(|word| word == b"fail") {
        false => vec![wait.clone(), sse(event), Act::Close],
        true => vec![wait.clone(), json_answer(400, b"{\"code\":20015,\"message\":\"no\"}")],
    })
    .await;
    let rig = Rig::before(&script.base_url(), "").await;
    let ask = |text| post(&rig, &asked(MODEL, text, &json!({"stream": true}))).header("x-flowgate-keep-alive", "1s");
    let got = Streamed::of(ask("x")).await;
    assert!(got.text.starts_with("event: ping\ndata: {\"type\":\"ping\"}\n\nevent: ping\n"), "{}", got.text);
    assert!(got.text.contains("late") && got.is_clean && got.headers.contains_key("request-id"));
    let got = Streamed::of(ask("fail")).await;
    let last = got.events().pop().unwrap();
    assert!(
        !got.is_clean && got.text.contains("event: error\ndata: {") && last["error"]["type"] == "invalid_request_error",
        "{}",
        got.text
    );
}
