//! Quotas through the door: metrics, rules, charges, the calendar, and what the emulator tells of them.

use super::{Bench, CHAT, PLAIN, ask, ask_with};
use flowgate::mock::{Charge, LimitSettings, Limits, MockSettings, Rule, Tier};
use serde_json::json;
use std::time::{Duration, SystemTime};

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

/// A "minute" that does not turn while a test runs.
const LONG_MINUTE: Duration = Duration::from_secs(86_400_000);

const RULES: [Rule; 3] = [Rule::Sliding, Rule::Fixed, Rule::Bucket];

fn counted(rule: Rule, charge: Charge) -> LimitSettings {
    LimitSettings { rule, charge, minute: LONG_MINUTE, ..LimitSettings::default() }
}

#[tokio::test]
async fn tokens_charged_after_let_the_last_one_overshoot() {
    for rule in RULES {
        let bench = limited(Limits { tpm: Some(50), ..Limits::default() }, counted(rule, Charge::After)).await;
        assert_eq!(status(&bench, "[[tokens=200]]").await, 200);
        let (code, body) = bench.post(CHAT, ask(PLAIN, "again")).await;
        assert_eq!(code, 429, "{rule:?}");
        assert!(body["message"].as_str().unwrap().contains("TPM"));
        let tpm = bench.server.quota()[0].metrics["tpm"];
        assert_eq!((tpm.charged, tpm.refused), (bench.server.control().billed().total.total_tokens(), 1));
    }
}

#[tokio::test]
async fn tokens_charged_before_hold_max_tokens_and_give_back_the_rest() {
    for rule in RULES {
        let bench = limited(Limits { tpm: Some(200), ..Limits::default() }, counted(rule, Charge::Before)).await;
        let body = |most: u64| ask_with(PLAIN, "[[tokens=10]]", json!({"max_tokens": most}));
        assert_eq!(bench.post(CHAT, body(500)).await.0, 429);
        for _ in 0..3 {
            assert_eq!(bench.post(CHAT, body(100)).await.0, 200, "{rule:?}");
        }
        let tpm = bench.server.quota()[0].metrics["tpm"];
        assert_eq!(tpm.charged, bench.server.control().billed().total.total_tokens());
        assert!(tpm.peak > 100 && tpm.peak <= 200 && tpm.used == tpm.charged, "{rule:?}: {tpm:?}");
    }
}

#[tokio::test]
async fn refused_requests_count_when_the_settings_say_so() {
    for (refused_count, charged) in [(false, 1), (true, 3)] {
        let settings = LimitSettings { refused_count, ..counted(Rule::Sliding, Charge::After) };
        let bench = limited(Limits { rpm: Some(1), ..Limits::default() }, settings).await;
        let seen = [status(&bench, "a").await, status(&bench, "b").await, status(&bench, "c").await];
        assert_eq!(seen, [200, 429, 429]);
        assert_eq!(bench.server.quota()[0].metrics["rpm"].charged, charged);
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

/// How much of the present span of Shanghai's wall clock is left.
fn left_of(span: Duration) -> Duration {
    let shanghai = SystemTime::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(8 * 3600);
    let passed = u64::try_from(shanghai.as_micros() % span.as_micros()).unwrap();
    span - Duration::from_micros(passed)
}

/// Sixty short minutes, counted from a midnight in Shanghai and not from the first request, whatever the rule.
#[tokio::test]
async fn hours_turn_with_the_wall_clock() {
    let hour = Duration::from_secs(3);
    for rule in [Rule::Sliding, Rule::Bucket] {
        let settings = LimitSettings { rule, minute: hour / 60, ..LimitSettings::default() };
        let bench = limited(Limits { rph: Some(1), ..Limits::default() }, settings).await;
        if left_of(hour) < hour / 2 {
            tokio::time::sleep(left_of(hour)).await;
        }
        assert_eq!([status(&bench, "a").await, status(&bench, "b").await], [200, 429], "{rule:?}");
        tokio::time::sleep(left_of(hour) + Duration::from_millis(20)).await;
        assert_eq!(status(&bench, "c").await, 200, "{rule:?}");
    }
}

#[tokio::test]
async fn days_last_longer_than_minutes() {
    let settings = LimitSettings { minute: Duration::from_millis(50), ..LimitSettings::default() };
    let day = settings.minute * 1440;
    if left_of(day) < Duration::from_secs(2) {
        tokio::time::sleep(left_of(day)).await;
    }
    let bench = limited(Limits { rpd: Some(1), ..Limits::default() }, settings).await;
    assert_eq!(status(&bench, "a").await, 200);
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(status(&bench, "b").await, 429);
}

#[tokio::test]
async fn the_emulator_says_how_its_quotas_were_used() {
    let keys = ["sk-mock", "sk-far@other"].map(String::from).to_vec();
    let limits = LimitSettings {
        per_model: [(PLAIN.to_owned(), Limits { rpm: Some(4), tpd: Some(900), ..Limits::default() })].into(),
        ..counted(Rule::Sliding, Charge::After)
    };
    let bench = Bench::with(MockSettings { api_keys: keys, limits, ..MockSettings::default() }).await;
    assert_eq!(bench.server.quota(), []);
    for expected in [200, 200, 200, 200, 429] {
        assert_eq!(status(&bench, "[[tokens=10]]").await, expected);
    }
    bench.good(CHAT, ask("Qwen/Qwen3-14B", "not limited")).await;
    let quota = bench.server.quota();
    assert_eq!(quota.len(), 1, "{quota:?}");
    let rpm = quota[0].metrics["rpm"];
    assert_eq!((rpm.limit, rpm.used, rpm.peak, rpm.charged, rpm.refused), (4, 4, 4, 4, 1));
    assert!(rpm.share == 1.0 && rpm.average > 0.0 && rpm.average <= 1.0, "{rpm:?}");
    assert_eq!(quota[0].metrics["tpd"].refused, 0);

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(bench.url(CHAT)).bearer_auth("sk-far").json(&ask(PLAIN, "hi"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let url = |path: &str| format!("http://{}/mock/{path}", bench.server.addr());
    let shown: serde_json::Value = client.get(url("quota")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&shown[0]["account"], &shown[0]["model"]), (&json!(""), &json!(PLAIN)));
    assert_eq!((&shown[1]["account"], &shown[1]["metrics"]["rpm"]["used"]), (&json!("other"), &json!(1)));
    let fields: Vec<&str> = shown[0]["metrics"]["rpm"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["average", "charged", "limit", "peak", "refused", "share", "used"]);
    client.post(url("reset")).send().await.unwrap();
    assert_eq!(bench.server.quota(), []);
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
    let limits = Limits { rpm: Some(20), ipd: Some(3), ..Limits::default() };
    assert_eq!("rpm=20, IPD=3".parse(), Ok(limits));
    assert!("rpm=20,".parse::<Limits>().is_err() && "tps=1".parse::<Limits>().is_err());
    assert!("L9".parse::<Tier>().is_err() && "leaky".parse::<Rule>().is_err() && "now".parse::<Charge>().is_err());
}
