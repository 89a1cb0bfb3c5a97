//! Who may call and what of that reaches the other side: of the caller's secrets nothing goes up, of
//! the account's nothing comes down.

use reqwest::Method;
use serde_json::json;

use super::support::{Got, MODEL, Rig, Script, Streamed, UPSTREAM_KEY, chat, json_answer, ok_chat, sse};

const KEYS: &str = r#"
[[key]]
name = "ann"
secret = { env = "KEY_ANN" }
[[key]]
name = "bob"
secret = { env = "KEY_BOB" }
models = ["Qwen/Qwen3-8B", "FunAudioLLM/SenseVoiceSmall"]
[[key]]
name = "old"
secret = { env = "KEY_OLD" }
expires = 2020-01-01T00:00:00Z
"#;
const ANN: &str = "sk-ann-canary-1";
const BOB: &str = "sk-bob-canary-2";

#[tokio::test]
async fn a_key_is_found_wherever_clients_put_it() {
    let rig = Rig::mocked(KEYS).await;
    for (name, value) in [
        ("authorization", format!("Bearer {ANN}")),
        ("authorization", format!("bearer   {ANN}")),
        ("Authorization", ANN.to_owned()),
        ("x-api-key", ANN.to_owned()),
        ("api-key", ANN.to_owned()),
    ] {
        let got = Got::of(rig.post("/v1/chat/completions", chat(MODEL, "x").to_string()).header(name, &value)).await;
        assert_eq!(got.status, 200, "{name}: {value}");
    }
    assert!(rig.metric("flowgate_tokens_total", &["key=\"ann\"", "type=\"input\""]).await > 0.0);
}

#[tokio::test]
async fn wrong_and_expired_keys_read_the_same() {
    let rig = Rig::mocked(KEYS).await;
    let call = async |key: &str| Got::of(rig.post("/v1/chat/completions", "{}").bearer_auth(key)).await;
    let (wrong, expired, upstreams) = (call("sk-wrong").await, call("sk-old-canary-3").await, call(UPSTREAM_KEY).await);
    for got in [&wrong, &expired, &upstreams] {
        assert_eq!(got.error(), "401 invalid_request_error/invalid_api_key");
        assert_eq!((got.header("x-should-retry"), &got.body), (Some("false"), &wrong.body));
    }
    let missing = Got::of(rig.post("/v1/chat/completions", "{}")).await;
    assert_eq!(missing.error(), "401 invalid_request_error/null");
    assert_eq!(missing.header("x-should-retry"), Some("false"));
    assert!(rig.mock().control().requests().is_empty());
    rig.metric_becomes("flowgate_refused_total", &["bad_key"], 3.0).await;
    rig.metric_becomes("flowgate_refused_total", &["no_key"], 1.0).await;
}

#[tokio::test]
async fn a_key_sees_its_own_models_only() {
    let rig = Rig::mocked(KEYS).await;
    let other = "deepseek-ai/DeepSeek-V3.2";
    let got = Got::of(rig.post("/v1/chat/completions", chat(other, "x").to_string()).bearer_auth(BOB)).await;
    assert_eq!(got.error(), "404 invalid_request_error/model_not_found");
    let nowhere = Got::of(rig.request(Method::GET, &format!("/v1/models/{other}")).bearer_auth(BOB)).await;
    assert_eq!(nowhere.error(), "404 invalid_request_error/model_not_found");
    let list = Got::of(rig.request(Method::GET, "/v1/models").bearer_auth(BOB)).await.json();
    let mut ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["FunAudioLLM/SenseVoiceSmall", MODEL]);
    for path in ["/v1/files", "/v1/batches", "/v1/some/thing"] {
        let got = Got::of(rig.request(Method::GET, path).bearer_auth(BOB)).await;
        assert_eq!(got.error(), "403 invalid_request_error/endpoint_not_allowed", "{path}");
    }
    let called: Vec<_> = rig.mock().control().requests().into_iter().map(|seen| seen.path).collect();
    assert!(called.iter().all(|path| path.starts_with("/v1/models")), "{called:?}");
}

#[tokio::test]
async fn nothing_of_the_caller_goes_upstream() {
    let script = Script::new(|_| vec![ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), KEYS).await;
    let canaries = [
        ("x-api-key", "canary-x-api-key"),
        ("api-key", "canary-api-key"),
        ("cookie", "session=canary-cookie"),
        ("x-forwarded-for", "canary-forwarded"),
        ("x-forwarded-proto", "canary-proto"),
        ("forwarded", "for=canary-fwd"),
        ("x-real-ip", "canary-ip"),
        ("x-openwebui-user-email", "canary-mail"),
        ("x-openwebui-chat-id", "canary-chat"),
        ("proxy-authorization", "Basic canary-proxy"),
        ("referer", "http://canary-referer/"),
        ("x-anything", "canary-any"),
        ("connection", "x-anything, keep-alive"),
        ("te", "trailers, canary-te"),
    ];
    for path in ["/v1/chat/completions", "/v1/files", "/v1/audio/transcriptions", "/v1/models", "/v1/unknown"] {
        let method = if path == "/v1/models" { Method::GET } else { Method::POST };
        let body = chat("any/model", "x").to_string();
        let mut request = rig.request(method, path).bearer_auth(ANN).header("traceparent", "00-kept").body(body);
        for (name, value) in canaries {
            request = request.header(name, value);
        }
        assert_eq!(Got::of(request.header("content-type", "application/json")).await.status, 200, "{path}");
        let seen = script.seen().pop().unwrap();
        assert!(!seen.head.contains("canary-") || seen.head.matches("canary-").count() == 1, "{path}: {}", seen.head);
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}").as_str()), "{path}");
        assert!(!seen.head.contains(ANN) && seen.header("traceparent") == Some("00-kept"), "{path}: {}", seen.head);
    }
}

/// What the upstream says with its key in it, in every place where it can say something.
async fn check_key_stays(answer: super::support::Act, is_streamed: bool) {
    let script = Script::always(vec![answer, super::support::Act::Close]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = json!({"model": MODEL, "messages": [], "stream": is_streamed}).to_string();
    let got = Streamed::of(rig.post("/v1/chat/completions", body)).await;
    assert!(!format!("{:?}", got.headers).contains(UPSTREAM_KEY), "{:?}", got.headers);
    for length in (8..=UPSTREAM_KEY.len()).rev() {
        assert!(!got.text.contains(&UPSTREAM_KEY[..length]), "{length} characters of the key: {}", got.text);
    }
    assert!(got.text.contains("error"), "{}", got.text);
    assert!(!rig.metrics().await.contains("canary"));
}

fn error_with(text: &str) -> String {
    json!({"code": 20015, "message": text, "data": null}).to_string()
}

#[tokio::test]
async fn a_refusal_that_quotes_the_key_is_masked() {
    check_key_stays(json_answer(400, error_with(&format!("bad Bearer {UPSTREAM_KEY}!"))), false).await;
}

#[tokio::test]
async fn a_key_at_the_cut_of_a_long_text_is_masked() {
    for before in [480, 485, 490] {
        check_key_stays(json_answer(400, error_with(&format!("{}{UPSTREAM_KEY}", "x".repeat(before)))), false).await;
    }
}

#[tokio::test]
async fn a_200_with_an_error_that_quotes_the_key_is_masked() {
    check_key_stays(json_answer(200, error_with(&format!("bad Bearer {UPSTREAM_KEY}!"))), false).await;
}

#[tokio::test]
async fn an_error_event_that_quotes_the_key_is_masked() {
    let event = format!("data: {}\n\n", error_with(&format!("bad Bearer {UPSTREAM_KEY}!")));
    check_key_stays(sse(event.as_bytes()), true).await;
}

#[tokio::test]
async fn cookies_and_unknown_headers_of_the_upstream_stay_there() {
    let head = "HTTP/1.1 200 OK\r\nset-cookie: a=canary\r\nserver: canary\r\nx-secret: canary\r\nx-siliconcloud-trace-id: ti_1\r\n\
        content-type: application/json\r\ncontent-length: 2\r\n\r\n[]";
    let script = Script::always(vec![super::support::Act::Say(head.into())]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    for path in ["/v1/rerank", "/v1/unknown", "/v1/embeddings"] {
        let got = Got::of(rig.post(path, chat("any/model", "x").to_string())).await;
        assert!(got.status == 200 && !format!("{:?}", got.headers).contains("canary"), "{path}: {:?}", got.headers);
        assert_eq!(got.header("x-siliconcloud-trace-id"), Some("ti_1"));
    }
}

#[tokio::test]
async fn an_empty_bearer_hides_no_other_key() {
    let rig = Rig::mocked(KEYS).await;
    let request = rig.post("/v1/chat/completions", chat(MODEL, "x").to_string());
    let got = Got::of(request.header("authorization", "Bearer ").header("x-api-key", ANN)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let got = Got::of(rig.post("/v1/chat/completions", "{}").header("authorization", "Bearer ")).await;
    assert_eq!(got.error(), "401 invalid_request_error/null", "no key is not a wrong key");
}

/// A program that goes on with a wrong key shuts nobody else behind its address out, and fills no log.
#[tokio::test]
async fn too_many_wrong_keys_are_throttled_and_a_right_one_passes() {
    let rig = Rig::mocked(KEYS).await;
    let call = async |key: &str| {
        Got::of(rig.post("/v1/chat/completions", chat(MODEL, "x").to_string()).bearer_auth(key)).await
    };
    for _ in 0..10 {
        assert_eq!(call("sk-wrong").await.error(), "401 invalid_request_error/invalid_api_key");
    }
    for _ in 0..3 {
        let got = call("sk-wrong").await;
        assert_eq!(got.error(), "429 invalid_request_error/too_many_attempts");
        let wait: u64 = got.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(call(ANN).await.status, 200);
    }
    assert_eq!(Got::of(rig.post("/v1/chat/completions", "{}")).await.status, 401, "no key is not a wrong one");
    rig.metric_becomes("flowgate_logins_throttled_total", &["api"], 3.0).await;
    rig.metric_becomes("flowgate_refused_total", &["throttled"], 3.0).await;
    rig.metric_becomes("flowgate_requests_total", &["401"], 11.0).await;
    rig.is_idle().await;
}

#[tokio::test]
async fn a_key_may_be_limited_to_endpoints() {
    let rig = Rig::mocked(&KEYS.replacen("name = \"bob\"", "name = \"bob\"\nendpoints = [\"/embeddings\"]", 1)).await;
    let embed = json!({"model": "BAAI/bge-m3", "input": "x"}).to_string();
    let keys = KEYS.replacen(
        "models = [\"Qwen/Qwen3-8B\", \"FunAudioLLM/SenseVoiceSmall\"]",
        "endpoints = [\"/embeddings\"]",
        1,
    );
    let limited = Rig::mocked(&keys).await;
    assert_eq!(Got::of(limited.post("/v1/embeddings", embed).bearer_auth(BOB)).await.status, 200);
    for rig in [&rig, &limited] {
        let chat = rig.post("/v1/chat/completions", chat(MODEL, "x").to_string()).bearer_auth(BOB);
        assert_eq!(Got::of(chat).await.error(), "403 invalid_request_error/endpoint_not_allowed");
        let unknown = rig.post("/v1/some/thing", "{}").bearer_auth(BOB);
        assert_eq!(Got::of(unknown).await.error(), "403 invalid_request_error/endpoint_not_allowed");
        for path in ["/v1/models", "/v1/flowgate/limits"] {
            assert_eq!(Got::of(rig.request(Method::GET, path).bearer_auth(BOB)).await.status, 200, "{path}");
        }
    }
}
