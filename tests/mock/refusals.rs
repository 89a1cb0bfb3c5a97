//! What SiliconFlow refuses and how it says so.

use super::{Bench, CHAT, PLAIN, ask, ask_with};
use flowgate::mock::MockSettings;
use reqwest::Method;
use serde_json::{Value, json};

async fn check(body: Value, code: u32, words: &str) {
    let bench = Bench::new().await;
    let (status, answer) = bench.post(CHAT, body).await;
    assert_eq!((status, &answer["code"]), (400, &json!(code)), "{answer}");
    assert!(answer["message"].as_str().unwrap().contains(words), "{answer}");
    assert!(answer.as_object().unwrap().contains_key("data"));
}

#[tokio::test]
async fn unknown_gone_and_foreign_models() {
    for model in ["no/such", "Qwen/QwQ-32B", "openai/gpt-oss-120b", "qwen/qwen3-8b", ""] {
        check(ask(model, "hi"), 20012, "Model does not exist").await;
    }
}

#[tokio::test]
async fn a_model_of_another_kind() {
    check(ask("BAAI/bge-m3", "hi"), 20015, "invalid").await;
}

#[tokio::test]
async fn messages_missing_empty_or_of_an_unknown_role() {
    check(json!({"model": PLAIN}), 20015, "messages").await;
    check(json!({"model": PLAIN, "messages": []}), 20015, "messages").await;
    check(json!({"model": PLAIN, "messages": [{"role": "developer", "content": "x"}]}), 20015, "developer").await;
}

#[tokio::test]
async fn thinking_where_it_is_not_supported() {
    for model in ["Qwen/Qwen2.5-7B-Instruct", "tencent/Hunyuan-MT-7B", "Qwen/Qwen3-Coder-30B-A3B-Instruct"] {
        let body = ask_with(model, "hi", json!({"enable_thinking": false}));
        check(body, 20015, "current model does not support parameter `enable_thinking`").await;
    }
}

#[tokio::test]
async fn a_thinking_budget_too_large() {
    check(ask_with(PLAIN, "hi", json!({"thinking_budget": 40_000})), 20015, "less than or equal to 32768").await;
}

#[tokio::test]
async fn json_mode_where_it_is_not_supported() {
    let format = json!({"response_format": {"type": "json_object"}});
    check(ask_with("stepfun-ai/Step-3.5-Flash", "hi", format), 20024, "Json mode").await;
}

#[tokio::test]
async fn prompts_longer_than_the_window() {
    let long = "hey ".repeat(99_000);
    check(ask("zai-org/GLM-4.5-Air", &long), 20015, "max_prompt_tokens (98304)").await;
    check(ask("THUDM/GLM-4-9B-0414", &long), 20015, "max_seq_len (32768)").await;
}

#[tokio::test]
async fn reasoning_dropped_from_a_history_with_tools() {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {}}});
    let mut messages =
        json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "", "tool_calls": [call]}]);
    let body =
        |messages: &Value| json!({"model": "deepseek-ai/DeepSeek-V4-Pro", "messages": messages, "tools": [tool]});
    check(body(&messages), 20015, "must be passed back").await;
    messages[1]["reasoning_content"] = json!("so");
    Bench::new().await.good(CHAT, body(&messages)).await;
}

#[tokio::test]
async fn values_out_of_range() {
    for more in [json!({"temperature": 3}), json!({"max_tokens": 0}), json!({"stop": ["a", "b", "c", "d", "e"]})] {
        check(ask_with(PLAIN, "hi", more), 20015, "invalid").await;
    }
}

#[tokio::test]
async fn a_body_that_is_no_json() {
    let bench = Bench::new().await;
    for path in [CHAT, "/embeddings", "/images/generations"] {
        let response = bench.request(Method::POST, path).body("{oops").send().await.unwrap();
        assert_eq!(response.status(), 400);
        assert_eq!(response.json::<Value>().await.unwrap()["code"], 20015);
    }
}

#[tokio::test]
async fn keys_that_are_wrong() {
    let bench = Bench::new().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for key in [None, Some("sk-other"), Some("")] {
        let request = client.post(bench.url(CHAT)).json(&ask(PLAIN, "hi"));
        let request = key.into_iter().fold(request, |request, key| request.bearer_auth(key));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.text().await.unwrap(), "\"Invalid token\"");
    }
    let response = client.post(bench.url(CHAT)).header("x-api-key", "sk-mock").send().await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn a_wrong_key_as_an_object_if_so_set() {
    let settings = MockSettings { token_error_object: true, api_keys: vec!["sk-x".into()], ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    let (status, answer) = bench.get("/models").await;
    assert_eq!((status, answer), (401, json!({"code": 20012, "message": "Api key is invalid"})));
}

#[tokio::test]
async fn paths_that_are_not_there() {
    let bench = Bench::new().await;
    for path in ["/responses", "/images/edits", "/messages/count_tokens", "/models/x", "/nowhere"] {
        assert_eq!(bench.post(path, json!({})).await, (404, json!("404 page not found")), "{path}");
    }
    assert_eq!(bench.get(CHAT).await.0, 404);
    assert_eq!(bench.request(Method::GET, "/user/info").send().await.unwrap().status(), 410);
}
