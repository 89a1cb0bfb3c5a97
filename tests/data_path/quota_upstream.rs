//! What the upstream's refusals do: those for a limit are a wait and a lesson, the others neither.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::quota::{ask, at_once, limited, retry_after};
use super::support::{Act, Got, Rig, Script, ok_chat};

/// An upstream that refuses the first `times` requests with this head and body.
async fn refusing(times: usize, head: &str, text: &str) -> Script {
    refusing_after(0, times, head, text).await
}

/// The same after so many that it answers.
async fn refusing_after(good: usize, times: usize, head: &str, text: &str) -> Script {
    let text = json!({"code": 50602, "message": text, "data": null}).to_string();
    let refusal =
        format!("HTTP/1.1 {head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}", text.len());
    let count = AtomicUsize::new(0);
    Script::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        number if (good..good.saturating_add(times)).contains(&number) => vec![Act::Say(refusal.clone().into_bytes())],
        _ => vec![ok_chat()],
    })
    .await
}

const RPM: &str = "Request was rejected due to rate limiting. Details: RPM limit reached.";
const BARE: &str = "Too many requests.";

fn number(got: &Got, name: &str) -> u64 {
    got.header(name).unwrap_or_else(|| panic!("no {name}: {:?}", got.headers)).parse().unwrap()
}

#[tokio::test]
async fn a_429_is_a_wait_and_a_lesson() {
    let script = refusing_after(10, 1, "429 X\r\nretry-after: 1", RPM).await;
    let rig = Rig::before(&script.base_url(), &limited("rpm = 50")).await;
    for _ in 0..10 {
        assert_eq!(Got::of(ask(&rig, "hello")).await.header("x-ratelimit-limit-requests"), Some("50"));
    }
    let got = Got::of(ask(&rig, "and this")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let seen = script.seen();
    assert!(seen.len() == 12 && seen[10].body == seen[11].body, "sent again as it was");
    assert!(number(&got, "x-flowgate-wait-ms") >= 900, "it rests for as long as the upstream said");
    assert!(number(&got, "x-ratelimit-limit-requests") < 50, "nothing was learned");
    rig.is_idle().await;
}

#[tokio::test]
async fn who_does_not_wait_reads_the_upstreams_refusal() {
    let script = refusing(usize::MAX, "429 X\r\nretry-after: 7", RPM).await;
    let rig = Rig::before(&script.base_url(), &limited("rpm = 50")).await;
    let got = Got::of(at_once(&rig, "hello")).await;
    assert_eq!(got.error(), "429 requests/rate_limit_exceeded");
    assert!(got.text().contains("RPM limit") && got.text().contains("SiliconFlow 429"), "{}", got.text());
    assert!((6000..=7500).contains(&retry_after(&got)), "{}", retry_after(&got));
    assert_eq!(script.seen().len(), 1);
    // The next one is not sent to learn the same.
    let got = Got::of(at_once(&rig, "hello")).await;
    assert_eq!((got.status, script.seen().len()), (429, 1));
    assert!(!got.text().contains("SiliconFlow 429"), "{}", got.text());
}

#[tokio::test]
async fn a_429_that_names_no_metric_is_a_wait_as_well() {
    let script = refusing(1, "429 X\r\nretry-after: 1", BARE).await;
    let rig = Rig::before(&script.base_url(), &limited("rpm = 50\ntpm = 50_000")).await;
    let got = Got::of(ask(&rig, "hello")).await;
    assert_eq!((got.status, script.seen().len()), (200, 2), "{}", got.text());
    assert!(number(&got, "x-flowgate-wait-ms") >= 900);
    assert_eq!(number(&got, "x-ratelimit-limit-requests"), 50, "it says nothing about requests");
    assert_eq!(number(&got, "x-ratelimit-limit-tokens"), 50_000, "nor about tokens");
}

/// With the limits of the model unknown as well, its requests rest all the same.
#[tokio::test]
async fn a_429_that_names_no_metric_is_not_hammered_at() {
    let script = refusing(usize::MAX, "429 X\r\nretry-after: 30", BARE).await;
    let rig = Rig::before(&script.base_url(), "[[account]]\nname = \"main\"\nrule = \"sliding\"\n").await;
    let speech = json!({"model": "fnlp/MOSS-TTSD-v0.5", "input": "hello", "voice": "alex"});
    let request = rig.post("/v1/audio/speech", speech.to_string()).header("x-flowgate-max-wait", "1");
    let got = Got::of(request).await;
    assert_eq!((got.status, script.seen().len()), (429, 1), "{}", got.text());
    assert!((29_000..=30_000).contains(&retry_after(&got)));
}

/// Refusals that are about the account or the model, not about how much was asked.
async fn check_no_limit(head: &str, text: &str, error: &str) {
    let script = refusing(1, head, text).await;
    let rig = Rig::before(&script.base_url(), &format!("[upstream]\nretries = 0\n{}", limited("rpm = 50"))).await;
    let got = Got::of(ask(&rig, "hello")).await;
    assert_eq!((got.error().as_str(), script.seen().len()), (error, 1), "{head}");
    let got = Got::of(at_once(&rig, "hello")).await;
    assert_eq!((got.status, number(&got, "x-flowgate-wait-ms")), (200, 0), "{head}: {}", got.text());
    assert_eq!(number(&got, "x-ratelimit-limit-requests"), 50, "{head}");
}

#[tokio::test]
async fn an_unverified_identity_is_no_rate_limit() {
    let text = "RPM limit exceeded. Please complete identity verification to lift the restriction.";
    check_no_limit("403 X", text, "503 server_error/upstream_identity_unverified").await;
}

#[tokio::test]
async fn an_overloaded_model_is_no_rate_limit() {
    let text = "Model service overloaded. Please try again later.";
    check_no_limit("503 X", text, "503 service_unavailable_error/server_is_overloaded").await;
}
