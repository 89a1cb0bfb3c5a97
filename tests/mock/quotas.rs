//! Quotas: the rules on the pure window with time handed in, the metrics through the door.

use super::{Bench, CHAT, PLAIN, ask, ask_with};
use flowgate::mock::{Charge, LimitSettings, Limits, MockSettings, Rule, Tier, Window};
use serde_json::json;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Amounts charged at seconds, then what is used at a second.
fn check(rule: Rule, charges: &[(u64, i128)], then: u64, used: u64) {
    let mut window = Window::new(rule, MINUTE);
    for (second, amount) in charges {
        window.charge(at(*second), *amount);
    }
    assert_eq!(window.used(at(then), 600), used, "{rule:?} {charges:?} at {then}");
}

#[test]
fn a_sliding_window_forgets_each_charge_after_one_span() {
    let charges = [(0, 100), (30, 50)];
    check(Rule::Sliding, &charges, 59, 150);
    check(Rule::Sliding, &charges, 60, 50);
    check(Rule::Sliding, &charges, 90, 0);
}

#[test]
fn a_fixed_window_forgets_all_at_the_full_minute() {
    let charges = [(50, 100), (59, 50)];
    check(Rule::Fixed, &charges, 59, 150);
    check(Rule::Fixed, &charges, 60, 0);
}

#[test]
fn a_bucket_drains_evenly() {
    let charges = [(10, 300), (20, 100)];
    check(Rule::Bucket, &charges, 20, 300); // 300 - 10 s * 10/s + 100
    check(Rule::Bucket, &charges, 40, 100);
    check(Rule::Bucket, &charges, 60, 0);
}

#[test]
fn a_correction_takes_away() {
    for rule in [Rule::Sliding, Rule::Fixed, Rule::Bucket] {
        check(rule, &[(5, 400), (5, -300)], 5, 100);
    }
}

async fn limited(limits: Limits, settings: LimitSettings) -> Bench {
    let settings = MockSettings { limits: settings, ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    bench.server.control().set_limits(PLAIN, limits);
    bench
}

async fn status(bench: &Bench, text: &str) -> u16 {
    bench.send(CHAT, ask(PLAIN, text)).await.status().as_u16()
}

#[tokio::test]
async fn requests_a_minute() {
    let bench = limited(Limits { rpm: Some(2), ..Limits::default() }, LimitSettings::default()).await;
    assert_eq!([status(&bench, "a").await, status(&bench, "b").await], [200, 200]);
    let response = bench.send(CHAT, ask(PLAIN, "c")).await;
    assert_eq!(response.status(), 429);
    assert!(response.headers().get("retry-after").is_none());
    let body: serde_json::Value = response.json().await.unwrap();
    let expected = "Request was rejected due to rate limiting. Details: RPM limit reached.";
    assert_eq!(body, json!({"code": 50602, "message": expected, "data": null}));
    assert_eq!(bench.server.control().billed().total.refused, 1);
}

#[tokio::test]
async fn failed_requests_count_and_cost_nothing() {
    let limits = Limits { rpm: Some(1), ..Limits::default() };
    let bench = limited(limits, LimitSettings::default()).await;
    let bad = json!({"model": PLAIN, "messages": []});
    assert_eq!(bench.post(CHAT, bad).await.0, 400);
    assert_eq!(status(&bench, "a").await, 429);
    assert_eq!(bench.server.control().billed().total.requests, 0);
}

#[tokio::test]
async fn the_catalogue_limits_free_models_alike_and_paid_ones_by_tier() {
    for (tier, more) in [(Tier::L0, 429), (Tier::L5, 200)] {
        let limits = LimitSettings { enforce: true, tier, ..LimitSettings::default() };
        let bench = Bench::with(MockSettings { limits, ..MockSettings::default() }).await;
        for (model, second) in [(PLAIN, 429), ("Qwen/Qwen3-14B", more)] {
            let body = ask(model, "[[tokens=50000]]");
            assert_eq!(bench.send(CHAT, body.clone()).await.status(), 200);
            assert_eq!(bench.send(CHAT, body).await.status(), second, "{model} {tier:?}");
        }
    }
}

#[tokio::test]
async fn each_model_and_each_account_has_its_own() {
    let keys = ["sk-mock", "sk-twin", "sk-far@other"].map(String::from).to_vec();
    let settings = MockSettings { api_keys: keys, ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    bench.server.control().set_limits(PLAIN, Limits { rpm: Some(1), ..Limits::default() });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut seen = Vec::new();
    for (key, model) in [("sk-mock", PLAIN), ("sk-twin", PLAIN), ("sk-far", PLAIN), ("sk-mock", "Qwen/Qwen3-14B")] {
        let request = client.post(bench.url(CHAT)).bearer_auth(key).json(&ask(model, "hi"));
        seen.push(request.send().await.unwrap().status().as_u16());
    }
    assert_eq!(seen, [200, 429, 200, 200]);
}

#[tokio::test]
async fn tokens_charged_after_let_the_last_one_overshoot() {
    let bench = limited(Limits { tpm: Some(50), ..Limits::default() }, LimitSettings::default()).await;
    assert_eq!(status(&bench, "[[tokens=200]]").await, 200);
    let (code, body) = bench.post(CHAT, ask(PLAIN, "again")).await;
    assert_eq!(code, 429);
    assert!(body["message"].as_str().unwrap().contains("TPM"));
}

#[tokio::test]
async fn tokens_charged_before_hold_max_tokens_and_give_back_the_rest() {
    let settings = LimitSettings { charge: Charge::Before, ..LimitSettings::default() };
    let bench = limited(Limits { tpm: Some(200), ..Limits::default() }, settings).await;
    let body = |most: u64| ask_with(PLAIN, "[[tokens=10]]", json!({"max_tokens": most}));
    assert_eq!(bench.post(CHAT, body(500)).await.0, 429);
    for _ in 0..3 {
        assert_eq!(bench.post(CHAT, body(100)).await.0, 200);
    }
}

#[tokio::test]
async fn pictures_a_minute() {
    let settings = LimitSettings { enforce: true, ..LimitSettings::default() };
    let bench = Bench::with(MockSettings { limits: settings, ..MockSettings::default() }).await;
    let body = |count: u64| json!({"model": "Kwai-Kolors/Kolors", "prompt": "x", "image_size": "1024x1024", "batch_size": count});
    assert_eq!(bench.post("/images/generations", body(3)).await.0, 429);
    assert_eq!(bench.post("/images/generations", body(2)).await.0, 200);
    let (status, answer) = bench.post("/images/generations", body(1)).await;
    assert_eq!((status, &answer["code"]), (429, &json!(50604)));
}

#[tokio::test]
async fn a_short_minute_passes() {
    let settings = LimitSettings { minute: Duration::from_millis(300), ..LimitSettings::default() };
    let bench = limited(Limits { rpm: Some(1), ..Limits::default() }, settings).await;
    assert_eq!(status(&bench, "a").await, 200);
    assert_eq!(status(&bench, "b").await, 429);
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(status(&bench, "c").await, 200);
}

#[tokio::test]
async fn days_and_hours_last_longer() {
    let settings = LimitSettings { minute: Duration::from_millis(50), ..LimitSettings::default() };
    for limits in [Limits { rpd: Some(1), ..Limits::default() }, Limits { rph: Some(1), ..Limits::default() }] {
        let bench = limited(limits, settings.clone()).await;
        assert_eq!(status(&bench, "a").await, 200);
        tokio::time::sleep(Duration::from_millis(80)).await;
        assert_eq!(status(&bench, "b").await, 429);
    }
}

#[tokio::test]
async fn limits_are_off_until_asked_for() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        let body = json!({"model": "Kwai-Kolors/Kolors", "prompt": "x", "image_size": "1024x1024", "batch_size": 4});
        bench.good("/images/generations", body).await;
    }
}

#[tokio::test]
async fn limits_are_set_over_http() {
    let bench = Bench::new().await;
    let url = format!("http://{}/mock/limits", bench.server.addr());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(url).json(&json!({PLAIN: {"rpm": 1}})).send().await.unwrap();
    assert_eq!([status(&bench, "a").await, status(&bench, "b").await], [200, 429]);
}

#[test]
fn names_of_the_command_line() {
    assert_eq!("l3".parse(), Ok(Tier::L3));
    assert_eq!("bucket".parse(), Ok(Rule::Bucket));
    assert_eq!("before".parse(), Ok(Charge::Before));
    assert!("L9".parse::<Tier>().is_err() && "leaky".parse::<Rule>().is_err() && "now".parse::<Charge>().is_err());
}
