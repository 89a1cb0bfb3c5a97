//! Limits of the account and of keys, as callers meet them: a wait, or an honest refusal at the door.

use std::time::Duration;

use serde_json::json;

use flowgate::mock::{LimitSettings, Limits, MockSettings, Rule};
use reqwest::RequestBuilder;

use super::support::{Act, Got, MODEL, Rig, Script, chat, ok_chat};

/// Smooth limits of the account for the model that most tests ask for.
pub(super) fn limited(limits: &str) -> String {
    format!("[[account]]\nname = \"main\"\nrule = \"bucket\"\n[account.limits.\"{MODEL}\"]\n{limits}\n")
}

/// The key `ann`, and an account without limits.
pub(super) fn keyed(limits: &str) -> String {
    let keys = ["ann", "bob"].map(|name| {
        let limits = if name == "ann" { limits } else { "" };
        format!("[[key]]\nname = \"{name}\"\nsecret = {{ env = \"KEY_{}\" }}\n{limits}\n", name.to_uppercase())
    });
    keys.concat()
}

pub(super) const ANN: &str = "sk-ann-canary-1";
pub(super) const BOB: &str = "sk-bob-canary-2";

pub(super) fn ask(rig: &Rig, text: &str) -> RequestBuilder {
    rig.post("/v1/chat/completions", chat(MODEL, text).to_string())
}

/// The same by somebody who does not wait.
pub(super) fn at_once(rig: &Rig, text: &str) -> RequestBuilder {
    ask(rig, text).header("x-flowgate-max-wait", "0")
}

/// Milliseconds until the caller may come again, after looking at what every such refusal says.
pub(super) fn retry_after(got: &Got) -> u64 {
    let number = |name: &str| got.header(name).unwrap_or_else(|| panic!("no {name}")).parse::<u64>().unwrap();
    let (seconds, millis) = (number("retry-after"), number("retry-after-ms"));
    assert_eq!(seconds, millis.div_ceil(1000));
    assert_eq!(got.header("x-should-retry"), Some(if millis <= 60_000 { "true" } else { "false" }));
    millis
}

async fn good(request: RequestBuilder) -> Got {
    let got = Got::of(request).await;
    assert_eq!(got.status, 200, "{}", got.text());
    got
}

/// One every two seconds, and as many at once as fit into the bucket: two more than that.
#[tokio::test]
async fn the_surplus_waits_and_the_upstream_never_refuses() {
    let per_model = [(MODEL.to_owned(), Limits { rpm: Some(30), ..Limits::default() })].into();
    let limits = LimitSettings { rule: Rule::Bucket, per_model, ..LimitSettings::default() };
    // Connections are made first, so what is sent first may be long on its way.
    let config = limited("rpm = 30").replace("rule =", "margin = \"1s\"\nrule =");
    let rig = Rig::mocked_with(&config, MockSettings { limits, ..MockSettings::default() }).await;
    let all = futures_util::future::join_all((0..32).map(|_| good(ask(&rig, "hello")))).await;
    let waits: Vec<u64> = all.iter().map(|got| got.header("x-flowgate-wait-ms").unwrap().parse().unwrap()).collect();
    assert!(waits.iter().any(|wait| *wait > 0), "{waits:?}");
    let total = rig.mock().control().billed().total;
    assert_eq!((total.requests, total.refused), (32, 0));
    rig.is_idle().await;
}

#[tokio::test]
async fn who_does_not_wait_is_told_when_to_come() {
    let rig = Rig::mocked(&limited("rpm = 2")).await;
    good(ask(&rig, "a")).await;
    good(ask(&rig, "b")).await;
    let got = Got::of(at_once(&rig, "c")).await;
    assert_eq!(got.error(), "429 requests/rate_limit_exceeded");
    let wait = retry_after(&got);
    assert!((15_000..=31_000).contains(&wait), "one every 30 s, not {wait} ms");
    let message = got.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("RPM limit of the account") && message.contains(MODEL), "{message}");
    // The first one's place is taken by then: twice as long, which clients would not honour; and once more.
    let _second = Got::of(at_once(&rig, "d")).await;
    assert!(retry_after(&Got::of(at_once(&rig, "e")).await) > 60_000);
    assert_eq!(rig.mock().control().billed().total.requests, 2);
    rig.is_idle().await;
}

/// Clients wait whole seconds; the place that they were told of is kept for them.
#[tokio::test]
async fn the_moment_that_was_told_is_true() {
    let rig = Rig::mocked(&limited("rpm = 30")).await;
    futures_util::future::join_all((0..30).map(|_| good(ask(&rig, "hello")))).await;
    let refused = loop {
        let got = Got::of(at_once(&rig, "x")).await;
        if got.status == 429 {
            break got;
        }
    };
    tokio::time::sleep(Duration::from_millis(retry_after(&refused))).await;
    good(at_once(&rig, "x")).await;
}

#[tokio::test]
async fn the_wait_that_the_caller_wants_counts() {
    let rig = Rig::mocked(&limited("rpm = 2")).await;
    for _ in 0..2 {
        good(ask(&rig, "x").header("x-flowgate-max-wait", "0.5")).await;
    }
    for wish in ["0", "0s", "5", "1.5", "2500ms", "10s"] {
        let got = Got::of(ask(&rig, "x").header("x-flowgate-max-wait", wish)).await;
        assert_eq!(got.error(), "429 requests/rate_limit_exceeded", "{wish}");
    }
    for wrong in ["", "soon", "-1", "nan", "inf", "5 parsecs"] {
        let got = Got::of(ask(&rig, "x").header("x-flowgate-max-wait", wrong)).await;
        assert_eq!(got.error(), "400 invalid_request_error/null", "{wrong}");
        assert_eq!(got.json()["error"]["param"], "x-flowgate-max-wait");
        assert!(got.text().contains("`2.5`") && got.text().contains("`30s`"), "{}", got.text());
    }
    // More than the operator allows is what the operator allows.
    let rig = Rig::mocked(&format!("[queue]\nmax_wait = \"0s\"\n{}", limited("rpm = 1"))).await;
    good(ask(&rig, "x")).await;
    let got = Got::of(ask(&rig, "x").header("x-flowgate-max-wait", "300")).await;
    assert_eq!(got.error(), "429 requests/rate_limit_exceeded");
}

#[tokio::test]
async fn every_answer_says_what_is_left() {
    let rig = Rig::mocked(&limited("rpm = 6\ntpm = 100_000")).await;
    let number = |got: &Got, name: &str| got.header(name).unwrap().parse::<u64>().unwrap();
    for left in [5, 4] {
        let got = good(ask(&rig, "hello")).await;
        assert_eq!(number(&got, "x-ratelimit-limit-requests"), 6);
        // What the margin may hold is not promised.
        assert!((left - 1..=left).contains(&number(&got, "x-ratelimit-remaining-requests")), "{:?}", got.headers);
        assert_eq!(number(&got, "x-ratelimit-limit-tokens"), 100_000);
        let tokens = number(&got, "x-ratelimit-remaining-tokens");
        assert!((99_000..100_000).contains(&tokens), "{tokens}");
        let reset = got.header("x-ratelimit-reset-requests").unwrap();
        assert!(reset.ends_with('s') && !reset.ends_with("ms"), "{reset}");
        assert_eq!(got.header("x-flowgate-wait-ms"), Some("0"));
    }
    for _ in 0..4 {
        good(ask(&rig, "hello")).await;
    }
    let got = Got::of(at_once(&rig, "hello")).await;
    assert_eq!((got.status, got.header("x-ratelimit-remaining-requests")), (429, Some("0")));
}

#[tokio::test]
async fn what_can_never_fit_is_said_at_once() {
    let rig = Rig::mocked(&limited("tpm = 100")).await;
    let got = Got::of(ask(&rig, &"many words ".repeat(1000))).await;
    assert_eq!(got.error(), "400 invalid_request_error/request_too_large");
    let message = got.json()["error"]["message"].as_str().unwrap().to_owned();
    for part in ["TPM limit", "is 100", "configured", "shorten the prompt", "below 100 tokens"] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    assert_eq!((got.header("retry-after"), got.header("x-should-retry")), (None, Some("false")));
    assert_eq!(rig.mock().control().billed().total.requests, 0);
    good(ask(&rig, "short").header("x-flowgate-max-wait", "0")).await;
}

#[tokio::test]
async fn a_keys_own_limit_says_that_it_is_the_keys() {
    let rig = Rig::mocked(&keyed("rpm = 2\nweight = 3\npriority = 1\nmax_wait = \"0s\"")).await;
    for left in ["1", "0"] {
        let got = good(ask(&rig, "x").bearer_auth(ANN)).await;
        assert_eq!(got.header("x-ratelimit-limit-requests"), Some("2"));
        assert_eq!(got.header("x-ratelimit-remaining-requests"), Some(left));
    }
    let got = Got::of(ask(&rig, "x").bearer_auth(ANN)).await;
    assert_eq!(got.error(), "429 requests/rate_limit_exceeded");
    assert!(got.text().contains("RPM limit of your key") && !got.text().contains("account"), "{}", got.text());
    assert!((15_000..=30_000).contains(&retry_after(&got)));
    let got = good(ask(&rig, "x").bearer_auth(BOB)).await;
    assert_eq!(got.header("x-ratelimit-limit-requests"), None);
}

#[tokio::test]
async fn a_keys_tokens_are_counted() {
    let rig = Rig::mocked(&keyed("tpm = 200\nmax_wait = \"0s\"")).await;
    let got = Got::of(ask(&rig, &"many words ".repeat(1000)).bearer_auth(ANN)).await;
    assert_eq!(got.error(), "400 invalid_request_error/request_too_large");
    assert!(got.text().contains("TPM limit of your key is 200"), "{}", got.text());
    good(ask(&rig, "[[tokens=300]]").bearer_auth(ANN)).await;
    rig.is_idle().await;
    let got = Got::of(ask(&rig, "x").bearer_auth(ANN)).await;
    assert_eq!(got.error(), "429 tokens/rate_limit_exceeded");
    assert!(got.text().contains("TPM limit of your key"), "{}", got.text());
    good(ask(&rig, "x").bearer_auth(BOB)).await;
}

#[tokio::test]
async fn a_keys_concurrency_is_kept() {
    let script = super::quota_gone::stalling().await;
    let rig = Rig::before(&script.base_url(), &keyed("concurrency = 1")).await;
    let first = super::quota_gone::stall(&rig, ANN).await;
    script.is_called().await;
    let got = Got::of(at_once(&rig, "x").bearer_auth(ANN)).await;
    assert_eq!(got.error(), "429 requests/rate_limit_exceeded");
    assert!(got.text().contains("your key") && got.text().contains("at the same time"), "{}", got.text());
    assert!(retry_after(&got) >= 1000, "nobody knows when: not at once");
    good(ask(&rig, "x").bearer_auth(BOB)).await;
    drop(first);
    good(ask(&rig, "x").bearer_auth(ANN)).await;
}

/// The first one's time is over when the second one's begins.
#[tokio::test]
async fn time_in_line_is_no_part_of_the_answers_time() {
    let Act::Say(whole) = ok_chat() else { unreachable!() };
    let script = Script::new(move |seen| {
        let (head, rest) = whole.split_at(whole.len() - 20);
        let slow = [Act::Say(head.to_vec()), Act::Wait(Duration::from_millis(300)), Act::Say(rest.to_vec())];
        if String::from_utf8_lossy(&seen.body).contains("stall") { vec![Act::Stall] } else { slow.to_vec() }
    })
    .await;
    let config = format!("[upstream]\ntotal_timeout = \"2s\"\n{}", keyed("concurrency = 1"));
    let rig = Rig::before(&script.base_url(), &config).await;
    let mut first = super::quota_gone::stall(&rig, ANN).await;
    script.is_called().await;
    let second = good(ask(&rig, "x").bearer_auth(ANN)).await;
    let waited: u64 = second.header("x-flowgate-wait-ms").unwrap().parse().unwrap();
    assert!(waited > 1000, "{waited}");
    assert_eq!(first.answer().await.unwrap().status, 504);
}

#[tokio::test]
async fn too_many_in_line_are_sent_away() {
    let script = super::quota_gone::stalling().await;
    let config = format!("[queue]\nmax_waiting = 1\n{}", keyed("concurrency = 1"));
    let rig = Rig::before(&script.base_url(), &config).await;
    let first = super::quota_gone::stall(&rig, ANN).await;
    script.is_called().await;
    let second = super::quota_gone::stall(&rig, ANN).await;
    rig.metric_becomes("flowgate_requests_in_flight", &[], 2.0).await;
    let mut got = Got::of(ask(&rig, "x").bearer_auth(ANN)).await;
    while got.status == 200 {
        // The second was not in line yet.
        got = Got::of(ask(&rig, "x").bearer_auth(ANN)).await;
    }
    assert_eq!(got.error(), "503 service_unavailable_error/server_is_overloaded");
    assert!(got.text().contains("queue.max_waiting"), "{}", got.text());
    assert!(retry_after(&got) >= 1000);
    drop((first, second));
    rig.is_idle().await;
}

#[tokio::test]
async fn a_batch_runs_within_the_quota() {
    let model = "BAAI/bge-m3";
    let config = format!("[[account]]\nname = \"main\"\nrule = \"bucket\"\n[account.limits.\"{model}\"]\nrpm = 30\n");
    let rig = Rig::mocked(&config).await;
    let body = |inputs: usize| json!({"model": model, "input": vec!["word"; inputs]}).to_string();
    // Four parts of 64 at most: 4 requests of 30.
    let got = good(rig.post("/v1/embeddings", body(200))).await;
    assert_eq!(got.json()["data"].as_array().unwrap().len(), 200);
    let got = good(rig.post("/v1/embeddings", body(1))).await;
    let left: u64 = got.header("x-ratelimit-remaining-requests").unwrap().parse().unwrap();
    assert!((24..=26).contains(&left), "{left}");
    // The rest and two more: they wait for the bucket.
    let got = good(rig.post("/v1/embeddings", body(64 * 28))).await;
    assert_eq!(got.json()["data"].as_array().unwrap().len(), 64 * 28);
    assert_eq!(rig.mock().control().billed().total.requests, 33);
    rig.is_idle().await;
}

/// Requests that name a model without limits are not held up and say nothing of limits.
#[tokio::test]
async fn without_limits_nothing_changes() {
    let script = Script::always(vec![ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = good(at_once(&rig, "x")).await;
    assert_eq!(got.header("x-ratelimit-limit-requests"), None);
}
