//! The `/mock/` side: counters, records, switches; no key needed.

use super::{Bench, CHAT, PLAIN, ask};
use flowgate::mock::{Injection, MockSettings};
use reqwest::Client;
use serde_json::{Value, json};

async fn get(bench: &Bench, path: &str) -> Value {
    let url = format!("http://{}/mock/{path}", bench.server.addr());
    Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap().json().await.unwrap()
}

async fn post(bench: &Bench, path: &str, body: Value) -> u16 {
    let url = format!("http://{}/mock/{path}", bench.server.addr());
    let client = Client::builder().no_proxy().build().unwrap();
    client.post(url).json(&body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn what_was_billed_is_what_was_said() {
    let bench = Bench::new().await;
    let whole = bench.good(CHAT, ask(PLAIN, "one")).await;
    let events = bench.stream(CHAT, ask(PLAIN, "two")).await;
    let usage = |value: &Value, field: &str| value["usage"][field].as_u64().unwrap();
    let billed = get(&bench, "billed").await;
    for field in ["prompt_tokens", "completion_tokens"] {
        let sum = usage(&whole, field) + usage(events.last().unwrap(), field);
        assert_eq!(billed["models"][PLAIN][field], sum);
        assert_eq!(billed["total"][field], sum);
    }
    assert_eq!(billed["total"]["requests"], 2);
}

#[tokio::test]
async fn requests_are_remembered_as_they_came() {
    let bench = Bench::new().await;
    let request = bench.request(reqwest::Method::POST, "/chat/completions?beta=true").header("x-extra", "yes");
    request.json(&ask(PLAIN, "remember me")).send().await.unwrap().bytes().await.unwrap();
    let requests = get(&bench, "requests").await;
    let first = &requests[0];
    assert_eq!(first["path"], "/v1/chat/completions?beta=true");
    assert_eq!((&first["method"], &first["status"]), (&json!("POST"), &json!(200)));
    assert!(first["headers"].as_array().unwrap().contains(&json!(["x-extra", "yes"])));
    assert!(first["body"].as_str().unwrap().contains("remember me"));
    assert_eq!((&first["finished"], &first["client_gone"]), (&json!(true), &json!(false)));
    assert_eq!(bench.server.control().requests()[0].header("authorization"), Some("Bearer sk-mock"));
}

#[tokio::test]
async fn a_body_that_is_no_text_is_kept_as_base64() {
    let bench = Bench::new().await;
    bench.request(reqwest::Method::POST, "/nowhere").body(vec![0xff, 0xfe]).send().await.unwrap();
    assert_eq!(get(&bench, "requests").await[0]["body_base64"], "//4=");
}

#[tokio::test]
async fn the_last_thousand_requests_are_kept() {
    let bench = Bench::new().await;
    for _ in 0..1_005 {
        bench.request(reqwest::Method::GET, "/user/info").send().await.unwrap();
    }
    assert_eq!(bench.server.control().requests().len(), 1_000);
}

#[tokio::test]
async fn reset_forgets() {
    let bench = Bench::new().await;
    bench.good(CHAT, ask(PLAIN, "hi")).await;
    assert_eq!(post(&bench, "reset", json!({})).await, 200);
    assert_eq!(get(&bench, "billed").await["total"]["requests"], 0);
    assert_eq!(get(&bench, "requests").await, json!([]));
    assert_eq!(get(&bench, "live").await, json!({"live": 0}));
}

#[tokio::test]
async fn a_stream_that_outlives_a_reset_is_billed_to_nobody() {
    let bench = Bench::new().await;
    let control = bench.server.control();
    let stream = bench.send(CHAT, json!({"model": "fault/stall:3", "stream": true, "messages": [{"role": "user", "content": "[[tokens=9]]"}]})).await;
    assert_eq!(control.live(), 1);
    control.reset();
    drop(stream);
    while control.live() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(control.billed().total.requests, 0);
    bench.good(CHAT, ask(PLAIN, "hi")).await;
    assert_eq!(control.billed().total.requests, 1);
}

#[tokio::test]
async fn faults_are_injected_by_number_model_and_key() {
    let settings = MockSettings { api_keys: vec!["sk-mock".into(), "sk-b".into()], ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    let control = bench.server.control();
    control.inject(Injection::next("overload-503", 2)).unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(bench.send(CHAT, ask(PLAIN, "hi")).await.status().as_u16());
    }
    assert_eq!(seen, [503, 503, 200]);
    assert_eq!(post(&bench, "faults", json!({"fault": "token-401", "key": "sk-b"})).await, 200);
    assert_eq!(bench.send(CHAT, ask(PLAIN, "hi")).await.status(), 200);
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.post(bench.url(CHAT)).bearer_auth("sk-b").json(&ask(PLAIN, "hi"));
    assert_eq!(request.send().await.unwrap().status(), 401);
    assert_eq!(post(&bench, "faults", json!({"fault": "nonsense"})).await, 400);
}
