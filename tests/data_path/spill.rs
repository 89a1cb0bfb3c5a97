//! From the free model to its paid twin when the free quota is out, within a budget, and back.

use std::time::Duration;

use flowgate::mock::{Injection, LimitSettings, Limits, MockSettings, Rule};
use serde_json::json;
use tokio::time::Instant;

use super::policy::{FREE, PRO};
use super::support::{Got, Rig, Script, chat, ok_chat, soon};

/// A free model with `limits`, and `more` below `[models.spill]`.
fn config(limits: &str, more: &str) -> String {
    format!(
        "[[account]]\nname = \"main\"\nmargin = \"1ms\"\n{limits}\n[models]\npolicy = \"prefer-free\"\n[models.spill]\nallowed = true\n{more}\n"
    )
}

/// One every second, after a first so many at once.
fn bucket(rpm: u32) -> String {
    format!("rule = \"bucket\"\n[account.limits.\"{FREE}\"]\nrpm = {rpm}")
}

fn minute(rpm: u32) -> String {
    format!("[account.limits.\"{FREE}\"]\nrpm = {rpm}")
}

async fn ask(rig: &Rig, text: &str) -> Got {
    let got = Got::of(rig.post("/v1/chat/completions", chat(FREE, text).to_string())).await;
    assert_eq!(got.status, 200, "{}", got.text());
    got
}

fn model(got: &Got) -> &str {
    got.header("x-flowgate-model").unwrap()
}

fn waited(got: &Got) -> u64 {
    got.header("x-flowgate-wait-ms").unwrap().parse().unwrap()
}

/// How many requests the upstream saw for a model.
fn seen(rig: &Rig, model: &str) -> usize {
    rig.mock().control().requests().iter().filter(|seen| seen.json()["model"] == model).count()
}

async fn reserves_nothing(rig: &Rig) {
    rig.is_idle().await;
    rig.metric_becomes("flowgate_quota_reserved", &[], 0.0).await;
    rig.metric_becomes("flowgate_spill_reserved_cny", &[], 0.0).await;
}

/// The bar: within 50 ms of the free quota running out, also when all of them come at once. The emulator counts for
/// itself: it would refuse one free request too many.
#[tokio::test]
async fn it_spills_at_the_moment_the_free_quota_is_out() {
    let per_model = [(FREE.to_owned(), Limits { rpm: Some(5), ..Limits::default() })].into();
    let limits = LimitSettings { rule: Rule::Sliding, per_model, ..LimitSettings::default() };
    let settings = MockSettings { limits, ..MockSettings::default() };
    let rig = Rig::mocked_with(&config(&minute(5), "sticky = \"0s\""), settings).await;
    for number in 0..5 {
        let got = ask(&rig, &format!("first {number}")).await;
        assert_eq!((model(&got), got.header("x-flowgate-edits")), (FREE, Some("finish-reason")));
    }
    let began = Instant::now();
    let got = ask(&rig, "one more").await;
    assert!(model(&got) == PRO && got.header("x-flowgate-edits").unwrap().starts_with("model"), "{:?}", got.headers);
    // Time in line is exact; the whole answer has the machine's load in it.
    assert!(
        waited(&got) <= 50 && began.elapsed() < Duration::from_millis(500),
        "{} {:?}",
        waited(&got),
        began.elapsed()
    );
    reserves_nothing(&rig).await;

    let rig = Rig::mocked(&config(&minute(20), "sticky = \"0s\"")).await;
    let texts: Vec<String> = (0..100).map(|number| format!("talk {number}")).collect();
    let all = futures_util::future::join_all(texts.iter().map(|text| ask(&rig, text))).await;
    let free = all.iter().filter(|got| model(got) == FREE).count();
    assert_eq!((free, seen(&rig, FREE), seen(&rig, PRO)), (20, 20, 80));
    let slow: Vec<u64> = all.iter().map(waited).filter(|wait| *wait > 50).collect();
    assert!(slow.is_empty(), "{slow:?}");
    assert_eq!(rig.mock().control().billed().total.refused, 0);
    reserves_nothing(&rig).await;
    assert_eq!(rig.metric("flowgate_model_choices_total", &["spill"]).await, 80.0);
}

#[tokio::test]
async fn a_short_wait_is_waited_and_a_long_one_is_not() {
    // One a second: within `after` of two seconds.
    let rig = Rig::mocked(&config(&bucket(60), "sticky = \"0s\"")).await;
    let texts: Vec<String> = (0..61).map(|number| format!("talk {number}")).collect();
    let all = futures_util::future::join_all(texts.iter().map(|text| ask(&rig, text))).await;
    assert!(all.iter().all(|got| model(got) == FREE), "it was worth waiting for");
    assert!(all.iter().any(|got| waited(got) > 100));
    reserves_nothing(&rig).await;
    // The same, and whoever would wait longer than a tenth of a second goes.
    let rig = Rig::mocked(&config(&bucket(60), "sticky = \"0s\"\nafter = \"100ms\"")).await;
    let all = futures_util::future::join_all(texts.iter().map(|text| ask(&rig, text))).await;
    assert_eq!(all.iter().filter(|got| model(got) == PRO).count(), 1);
    // And back as soon as it is free again.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(model(&ask(&rig, "another").await), FREE);
    reserves_nothing(&rig).await;
}

/// The paid one must start earlier, or there is nothing to be paid for.
#[tokio::test]
async fn a_paid_twin_that_starts_later_is_not_called() {
    let limits =
        format!("rule = \"bucket\"\n[account.limits.\"{FREE}\"]\nrpm = 20\n[account.limits.\"{PRO}\"]\nrpm = 1");
    let rig = Rig::mocked(&config(&limits, "sticky = \"0s\"\nafter = \"10ms\"")).await;
    let texts: Vec<String> = (0..22).map(|number| format!("talk {number}")).collect();
    let all = futures_util::future::join_all(texts.iter().map(|text| ask(&rig, text))).await;
    // 20 at once, one by Pro at once, one of the free one's three seconds.
    assert_eq!(all.iter().filter(|got| model(got) == PRO).count(), 1);
    reserves_nothing(&rig).await;
}

#[tokio::test]
async fn a_conversation_stays_where_its_prompt_is_warm() {
    let rig = Rig::mocked(&config(&bucket(30), "after = \"50ms\"\nsticky = \"3s\"")).await;
    let texts: Vec<String> = (0..30).map(|number| format!("talk {number}")).collect();
    futures_util::future::join_all(texts.iter().map(|text| ask(&rig, text))).await;
    let say = async |messages: serde_json::Value, more: serde_json::Value| {
        let mut body = json!({"model": FREE, "messages": messages});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        let got = Got::of(rig.post("/v1/chat/completions", body.to_string())).await;
        model(&got).to_owned()
    };
    let user = |text: &str| json!({"role": "user", "content": text});
    let first = json!([{"role": "system", "content": "be brief"}, user("the first talk")]);
    assert_eq!(say(first.clone(), json!({})).await, PRO);
    // The free one has room again, but not for this conversation.
    tokio::time::sleep(Duration::from_millis(2200)).await;
    let mut second = first.clone();
    second.as_array_mut().unwrap().extend([json!({"role": "assistant", "content": "yes"}), user("go on")]);
    assert_eq!(say(second.clone(), json!({})).await, PRO);
    assert_eq!(say(json!([user("a new talk")]), json!({})).await, FREE);
    assert_eq!(
        say(json!([user("by its key")]), json!({"prompt_cache_key": "x"})).await,
        PRO,
        "the free one is out again"
    );
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert_eq!(say(json!([user("said otherwise")]), json!({"prompt_cache_key": "x"})).await, PRO);
    // Silent for long enough, it is like a new one.
    tokio::time::sleep(Duration::from_millis(3100)).await;
    assert_eq!(say(second, json!({})).await, FREE);
    reserves_nothing(&rig).await;
}

/// Every one of them may cost at most what `max_tokens` says: 1,000 tokens for 0.35 a million each way.
#[tokio::test]
async fn the_budget_is_never_overshot() {
    let more = "sticky = \"0s\"\nafter = \"0s\"\nbudget_per_day = \"0.01 CNY\"";
    let limits = format!("[account.limits.\"{FREE}\"]\nrpm = 1");
    let mut settings = config(&limits, more);
    settings.push_str("[queue]\nmax_wait = \"0s\"\n");
    let rig = Rig::mocked(&settings).await;
    ask(&rig, "the free one").await;
    let mut served = 0;
    loop {
        let requests = (0..40).map(|number| {
            let mut body = chat(FREE, &format!("talk {number} [[tokens=900]]"));
            body["max_tokens"] = json!(1000);
            Got::of(rig.post("/v1/chat/completions", body.to_string()))
        });
        let all = futures_util::future::join_all(requests).await;
        assert!(all.iter().all(|got| got.status == 200 || got.status == 429));
        let paid = all.iter().filter(|got| got.status == 200).count();
        served += paid;
        reserves_nothing(&rig).await;
        if paid == 0 {
            break;
        }
    }
    let spent = rig.metric("flowgate_spill_spent_cny", &[]).await;
    let billed = rig.mock().control().billed();
    let tokens = billed.models[PRO].prompt_tokens + billed.models[PRO].completion_tokens;
    let paid = tokens as f64 * 0.35e-6;
    assert!((paid - spent).abs() < 1e-5, "{paid} was billed, {spent} counted");
    assert!(paid <= 0.01 && paid > 0.009, "{paid} of 0.01 after {served}");
    assert_eq!(seen(&rig, PRO), served);
}

#[tokio::test]
async fn without_permission_the_free_one_is_waited_for() {
    let forbidden = config(&bucket(60), "after = \"10ms\"").replace("allowed = true", "allowed = false");
    let rig = Rig::mocked(&forbidden).await;
    let texts: Vec<String> = (0..62).map(|number| format!("talk {number}")).collect();
    let all = futures_util::future::join_all(texts.iter().map(|text| ask(&rig, text))).await;
    assert!(all.iter().all(|got| model(got) == FREE));
    // A key may have it where the gateway has not, and the other way round.
    let keys = "[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\nspill = true\n[[key]]\nname = \"bob\"\nsecret = { env = \"KEY_BOB\" }\n";
    let minute = config(&minute(2), "sticky = \"0s\"").replace("allowed = true", "allowed = false");
    let rig = Rig::mocked(&format!("{minute}[queue]\nmax_wait = \"0s\"\n{keys}")).await;
    let of = async |key: &str, text: &str| {
        Got::of(rig.post("/v1/chat/completions", chat(FREE, text).to_string()).bearer_auth(key)).await
    };
    for text in ["a", "b"] {
        assert_eq!(model(&of("sk-bob-canary-2", text).await), FREE);
    }
    assert_eq!(of("sk-bob-canary-2", "c").await.error(), "429 requests/rate_limit_exceeded");
    assert_eq!(model(&of("sk-ann-canary-1", "d").await), PRO);
    reserves_nothing(&rig).await;
}

/// Where flowgate keeps no limits, a refusal of SiliconFlow is what tells that the free quota is out.
#[tokio::test]
async fn a_refusal_of_the_upstream_is_a_reason_as_well() {
    let rig =
        Rig::mocked("[models]\npolicy = \"prefer-free\"\n[models.spill]\nallowed = true\nsticky = \"0s\"\n").await;
    let injection = Injection { fault: "tpm-429".to_owned(), model: Some(FREE.to_owned()), ..Injection::default() };
    rig.mock().control().inject(injection).unwrap();
    assert_eq!(model(&ask(&rig, "hello").await), PRO);
    assert_eq!((seen(&rig, FREE), seen(&rig, PRO)), (1, 1));
    let injection = Injection { fault: "tpm-429".to_owned(), model: Some(PRO.to_owned()), ..Injection::default() };
    rig.mock().control().inject(injection).unwrap();
    let got = Got::of(rig.post("/v1/chat/completions", chat(FREE, "x").to_string())).await;
    assert_eq!(got.error(), "429 tokens/rate_limit_exceeded");
    assert_eq!((seen(&rig, FREE), seen(&rig, PRO)), (2, 2));
    reserves_nothing(&rig).await;
    // With limits, it is learned from.
    let rig = Rig::mocked(&config("", "sticky = \"0s\"\nafter = \"100ms\"")).await;
    rig.mock()
        .control()
        .inject(Injection { times: Some(1), model: Some(FREE.to_owned()), ..Injection::next("tpm-429", 1) })
        .unwrap();
    for text in ["a", "b", "c"] {
        assert_eq!(model(&ask(&rig, text).await), PRO, "the free one rests");
    }
    assert_eq!((seen(&rig, FREE), seen(&rig, PRO)), (1, 3));
    reserves_nothing(&rig).await;
}

/// Whoever leaves takes its money along, wherever it is by then.
#[tokio::test]
async fn callers_who_leave_hold_nothing() {
    let script = Script::new(|seen| {
        let is_paid = String::from_utf8_lossy(&seen.body).contains("Pro/");
        if is_paid { vec![super::support::Act::Stall] } else { vec![ok_chat()] }
    })
    .await;
    let rig = Rig::before(&script.base_url(), &config(&minute(1), "sticky = \"0s\"")).await;
    ask(&rig, "the free one").await;
    let mut callers = Vec::new();
    for number in 0..10 {
        let body = chat(FREE, &format!("talk {number}")).to_string();
        callers.push(super::quota_gone::send(&rig, "none", &body).await);
    }
    soon("all are upstream", async || script.seen().len() == 11).await;
    assert!(rig.metric("flowgate_spill_reserved_cny", &[]).await > 0.0);
    drop(callers);
    reserves_nothing(&rig).await;
    // They were sent, and nobody knows what they cost: the upper side counts.
    assert!(rig.metric("flowgate_spill_spent_cny", &[]).await > 0.0);
}

#[tokio::test]
async fn a_batch_of_embeddings_goes_to_one_model() {
    let model = "BAAI/bge-m3";
    let settings = config(&format!("[account.limits.\"{model}\"]\nrpm = 3"), "sticky = \"0s\"");
    let rig = Rig::mocked(&settings).await;
    let embed = async |inputs: usize| {
        let got =
            Got::of(rig.post("/v1/embeddings", json!({"model": model, "input": vec!["word"; inputs]}).to_string()))
                .await;
        assert_eq!(got.status, 200, "{}", got.text());
        got
    };
    for _ in 0..3 {
        assert_eq!(embed(1).await.header("x-flowgate-model"), Some(model));
    }
    let got = embed(300).await;
    assert_eq!(got.header("x-flowgate-model"), Some("Pro/BAAI/bge-m3"));
    assert_eq!(got.json()["data"].as_array().unwrap().len(), 300);
    assert_eq!((seen(&rig, model), seen(&rig, "Pro/BAAI/bge-m3")), (3, 5));
    reserves_nothing(&rig).await;
    let (spent, cost) = (rig.metric("flowgate_spill_spent_cny", &[]).await, got.header("x-flowgate-cost-cny").unwrap());
    assert!((spent - cost.parse::<f64>().unwrap()).abs() < 1e-6, "{spent} {cost}");
}
