//! Budgets on the way of a request: of keys, teams and accounts, in money and in tokens.

use std::fmt::Write;
use std::time::Duration;

use flowgate::tenant;
use flowgate::upstream::hmac;
use serde_json::{Value, json};

use super::policy::{FREE, PRO};
use super::support::{Act, Got, Rig, Script, Streamed, chat, chunk, json_answer, ok_chat, soon, sse, stream};

/// A picture costs 0.10 CNY, known beforehand.
const PICTURES: &str = "Tongyi-MAI/Z-Image-Turbo";
const ANN: &str = "sk-ann-canary-1";
const BOB: &str = "sk-bob-canary-2";

/// Ann and bob with what is below `[[key]]`, and `more` of the file in front.
fn keys(ann: &str, bob: &str, more: &str) -> String {
    format!(
        "{more}\n[[key]]\nname = \"ann\"\nsecret = {{ env = \"KEY_ANN\" }}\n{ann}\n[[key]]\nname = \"bob\"\nsecret = {{ env = \"KEY_BOB\" }}\n{bob}\n"
    )
}

async fn draw(rig: &Rig, key: &str) -> Got {
    let body = json!({"model": PICTURES, "prompt": "a cat", "image_size": "512x512"});
    Got::of(rig.post("/v1/images/generations", body.to_string()).bearer_auth(key)).await
}

/// How many of `count` pictures one after the other are drawn.
async fn drawn(rig: &Rig, key: &str, count: usize) -> usize {
    let mut drawn = 0;
    for _ in 0..count {
        let got = draw(rig, key).await;
        match got.status {
            200 => drawn += 1,
            _ => assert_eq!(got.error(), "429 insufficient_quota/insufficient_quota"),
        }
    }
    drawn
}

async fn ask(rig: &Rig, key: &str, model: &str, more: Value) -> Got {
    let mut body = chat(model, "hello");
    more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    Got::of(rig.post("/v1/chat/completions", body.to_string()).bearer_auth(key)).await
}

async fn holds_nothing(rig: &Rig) {
    rig.is_idle().await;
    rig.metric_becomes("flowgate_budget_held", &[], 0.0).await;
}

#[tokio::test]
async fn a_key_spends_its_budget_and_no_more() {
    let rig = Rig::mocked(&keys("budget_per_day = \"0.35 CNY\"", "", "")).await;
    assert_eq!(drawn(&rig, ANN, 6).await, 3);
    let got = draw(&rig, ANN).await;
    let text = got.json()["error"]["message"].as_str().unwrap().to_owned();
    for part in ["of your key", "0.35 CNY a day", "0.30 CNY are spent", "may need 0.10 CNY", "begins at 2", "operator"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!((got.header("x-should-retry"), got.header("retry-after")), (Some("false"), None));
    assert_eq!(drawn(&rig, BOB, 3).await, 3, "another key's budget is none of bob's");
    // What costs nothing passes, whatever was spent.
    assert_eq!(ask(&rig, ANN, FREE, json!({})).await.status, 200);
    let anthropic = json!({"model": PRO, "max_tokens": 400_000, "messages": [{"role": "user", "content": "x"}]});
    let got = Got::of(rig.post("/v1/messages", anthropic.to_string()).bearer_auth(ANN)).await;
    assert_eq!((got.status, got.json()["error"]["type"].as_str()), (429, Some("rate_limit_error")), "{}", got.text());
    holds_nothing(&rig).await;
    let labels = ["name=\"ann\"", "period=\"day\"", "scope=\"key\"", "unit=\"cny\""];
    assert_eq!(rig.metric("flowgate_budget_spent", &labels).await, 0.3);
    assert_eq!(rig.metric("flowgate_budget_limit", &labels).await, 0.35);
    assert_eq!(rig.metric("flowgate_budget_refusals_total", &["scope=\"key\"", "period=\"day\""]).await, 5.0);
    assert_eq!(rig.metric("flowgate_refused_total", &["reason=\"budget\""]).await, 5.0);
}

#[tokio::test]
async fn keys_of_a_team_share_its_budget() {
    let team = "[[team]]\nname = \"core\"\nbudget_per_month = \"0.5 CNY\"\n";
    let rig = Rig::mocked(&keys("team = \"core\"\nbudget_per_day = \"0.3 CNY\"", "team = \"core\"", team)).await;
    assert_eq!((drawn(&rig, ANN, 4).await, drawn(&rig, BOB, 4).await), (3, 2));
    let text = draw(&rig, BOB).await.text();
    assert!(text.contains("of your team `core`") && text.contains("0.50 CNY a month"), "{text}");
    let limits = Got::of(rig.request(reqwest::Method::GET, "/v1/flowgate/limits").bearer_auth(ANN)).await.json();
    let budgets = limits["budgets"].as_array().unwrap();
    assert_eq!(budgets.len(), 2, "{limits}");
    assert_eq!(
        (&budgets[0]["name"], &budgets[0]["spent"], &budgets[0]["limit"]),
        (&json!("ann"), &json!("0.30"), &json!("0.30"))
    );
    assert_eq!((&budgets[1]["name"], &budgets[1]["used_percent"]), (&json!("core"), &json!(100)));
    assert!(budgets[1].get("spent").is_none() && budgets[1].get("limit").is_none(), "what others spent: {limits}");
    let admin = rig.client.get(format!("http://{}/limits", rig.admin)).send().await.unwrap();
    let admin: Value = admin.json().await.unwrap();
    let team = admin["budgets"].as_array().unwrap().iter().find(|budget| budget["scope"] == "team").unwrap();
    assert_eq!((&team["spent"], &team["unit"], &team["period"]), (&json!("0.50"), &json!("cny"), &json!("month")));
    holds_nothing(&rig).await;
}

#[tokio::test]
async fn an_account_has_a_budget_of_its_own() {
    let account = "[[account]]\nrule = \"off\"\nbudget_per_day = \"0.4 CNY\"\n";
    let rig = Rig::mocked(account).await;
    assert_eq!(drawn(&rig, "none", 6).await, 4);
    let text = draw(&rig, "none").await.text();
    assert!(text.contains("of the account `demo`"), "{text}");
    let limits = Got::of(rig.request(reqwest::Method::GET, "/flowgate/limits")).await.json();
    assert_eq!(limits["budgets"][0]["used_percent"], 100);
    // Where any model can run unseen, nobody could count.
    let got = Got::of(rig.post("/v1/systemone", "{}")).await;
    assert_eq!(got.error(), "403 invalid_request_error/endpoint_not_allowed");
    // A batch is counted when it is over; none begins where nothing is left.
    let batch = json!({"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let got = Got::of(rig.post("/v1/batches", batch.to_string())).await;
    assert_eq!(got.error(), "429 insufficient_quota/insufficient_quota");
    holds_nothing(&rig).await;
}

/// The bar: a budget for ten requests, two hundred at once, a hundred rounds, each with a key of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_ten_of_two_hundred_at_once() {
    const ROUNDS: usize = 100;
    let mut config = String::new();
    for round in 0..ROUNDS {
        let hash = tenant::hash(&format!("sk-{round}")).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        config += &format!("[[key]]\nname = \"k{round}\"\nhash = \"sha256:{hash}\"\nbudget_per_day = \"1 CNY\"\n");
    }
    let rig = Rig::mocked(&config).await;
    for round in 0..ROUNDS {
        let key = format!("sk-{round}");
        let all = futures_util::future::join_all((0..200).map(|_| draw(&rig, &key))).await;
        let admitted = all.iter().filter(|got| got.status == 200).count();
        assert_eq!(admitted, 10, "round {round}");
        assert!(all.iter().all(|got| got.status == 200 || got.status == 429));
    }
    assert_eq!(rig.mock().control().billed().models[PICTURES].images, 10 * ROUNDS as u64);
    holds_nothing(&rig).await;
}

/// An upstream that does not care for `max_tokens`: `tokens` of them, a few milliseconds apart.
async fn endless(tokens: usize) -> Script {
    let event = |delta: Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let event =
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]});
        format!("data: {event}\n\n")
    };
    let mut acts = vec![sse(event(json!({"role": "assistant", "content": "w "}), None).as_bytes())];
    for _ in 0..tokens {
        acts.push(Act::Say(chunk(event(json!({"content": "w "}), None).as_bytes())));
        acts.push(Act::Wait(Duration::from_millis(1)));
    }
    acts.push(Act::Say(chunk(event(json!({}), Some("stop")).as_bytes())));
    acts.push(Act::Say([chunk(b"data: [DONE]\n\n"), b"0\r\n\r\n".to_vec()].concat()));
    Script::always(acts).await
}

/// The bar: ten streams at once, each longer than what was held for it, and the budget is overshot by less than one of
/// them held.
#[tokio::test]
async fn a_stream_that_outgrows_the_budget_is_ended() {
    let script = endless(1500).await;
    let config = keys("tokens_per_day = 5000", "", "");
    let rig = Rig::before(&script.base_url(), &config).await;
    let one = async || {
        let body = stream(PRO, "hello", json!({"max_tokens": 100})).to_string();
        Streamed::of(rig.post("/v1/chat/completions", body).bearer_auth(ANN)).await
    };
    let all = futures_util::future::join_all((0..10).map(|_| one())).await;
    let labels = ["name=\"ann\"", "unit=\"tokens\""];
    holds_nothing(&rig).await;
    let spent = rig.metric("flowgate_budget_spent", &labels).await;
    assert!(spent > 4000.0 && spent < 5000.0 + 100.0, "{spent}");
    for streamed in &all {
        let last = streamed.events().pop().unwrap();
        let is_told = last["error"]["code"] == "insufficient_quota";
        assert!(streamed.status == 200 && is_told && !streamed.is_done() && !streamed.is_clean, "{last}");
        let words = streamed.said().split_whitespace().count();
        assert!((100..1500).contains(&words), "{words}");
    }
    assert!(all.iter().map(|streamed| streamed.said().len() / 2).sum::<usize>() < 5000);
    assert_eq!(rig.metric("flowgate_upstream_errors_total", &[]).await, 0.0, "SiliconFlow did nothing wrong");
    // Without a bound, a piece is held at first: ten fit where one answer at its longest would not.
    let script = endless(3).await;
    let rig = Rig::before(&script.base_url(), &keys("tokens_per_day = 60000", "", "")).await;
    let one = async || {
        let body = stream(PRO, "hello", json!({})).to_string();
        Streamed::of(rig.post("/v1/chat/completions", body).bearer_auth(ANN)).await.is_done()
    };
    let all = futures_util::future::join_all((0..10).map(|_| one())).await;
    assert!(all.iter().all(|is_done| *is_done));
    // A stream within what it said is not disturbed.
    let script = endless(90).await;
    let rig = Rig::before(&script.base_url(), &config).await;
    let body = stream(PRO, "hello", json!({"max_tokens": 100})).to_string();
    let streamed = Streamed::of(rig.post("/v1/chat/completions", body).bearer_auth(ANN)).await;
    assert!(streamed.is_done() && streamed.is_clean);
}

#[tokio::test]
async fn tokens_count_where_money_does_not() {
    let rig = Rig::mocked(&keys("tokens_per_month = 3000", "", "")).await;
    assert_eq!(ask(&rig, ANN, FREE, json!({"max_tokens": 2000})).await.status, 200);
    holds_nothing(&rig).await;
    let billed = rig.mock().control().billed().total.total_tokens();
    assert_eq!(rig.metric("flowgate_budget_spent", &["unit=\"tokens\"", "period=\"month\""]).await, billed as f64);
    let got = ask(&rig, ANN, FREE, json!({"max_tokens": 4000})).await;
    assert_eq!(got.error(), "429 insufficient_quota/insufficient_quota");
    assert!(got.text().contains("3000 tokens a month"), "{}", got.text());
    assert_eq!(drawn(&rig, ANN, 1).await, 1, "pictures have no tokens");
    // A batch that goes in several calls is held once.
    let batch = json!({"model": "BAAI/bge-m3", "input": vec!["word"; 300]});
    let got = Got::of(rig.post("/v1/embeddings", batch.to_string()).bearer_auth(ANN)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    holds_nothing(&rig).await;
    let billed = rig.mock().control().billed().total.total_tokens();
    assert_eq!(rig.metric("flowgate_budget_spent", &["unit=\"tokens\""]).await, billed as f64);
}

#[tokio::test]
async fn what_has_no_price_is_refused_where_money_is_counted() {
    let unknown = "Pro/zai-org/GLM-5";
    let rig = Rig::mocked(&keys("budget_per_day = \"5 CNY\"", "tokens_per_day = 100000", "")).await;
    let got = ask(&rig, ANN, unknown, json!({})).await;
    assert_eq!(got.error(), "403 invalid_request_error/model_price_unknown");
    assert!(got.text().contains("models.override"), "{}", got.text());
    assert!(rig.mock().control().requests().is_empty());
    assert_ne!(ask(&rig, BOB, unknown, json!({})).await.status, 403, "tokens can be counted");
    let form = |model: &str| {
        let file = reqwest::multipart::Part::bytes(vec![0; 2000]).file_name("a.wav");
        reqwest::multipart::Form::new().text("model", model.to_owned()).part("file", file)
    };
    for (model, status) in [("FunAudioLLM/SenseVoiceSmall", 200), ("acme/ears", 403)] {
        let request = rig.request(reqwest::Method::POST, "/v1/audio/transcriptions").bearer_auth(ANN);
        assert_eq!(Got::of(request.multipart(form(model))).await.status, status, "{model}");
    }
    holds_nothing(&rig).await;
}

#[tokio::test]
async fn a_paid_model_gives_way_to_a_free_one() {
    let models = "[models.alias]\n\"both\" = { models = [\"Pro/Qwen/Qwen2.5-7B-Instruct\", \"Qwen/Qwen2.5-7B-Instruct\"], policy = \"ladder\" }\n[models.fallback]\n\"deepseek-ai/DeepSeek-V3.2\" = [\"Qwen/Qwen3-8B\"]";
    let rig = Rig::mocked(&keys("budget_per_day = \"0.001 CNY\"", "", models)).await;
    let model = async |asked: &str, most: u64| {
        let got = ask(&rig, ANN, asked, json!({"max_tokens": most})).await;
        assert_eq!(got.status, 200, "{}", got.text());
        got.header("x-flowgate-model").unwrap().to_owned()
    };
    assert_eq!(model("both", 100).await, PRO);
    assert_eq!(model("both", 4000).await, FREE, "the paid one may cost more than there is");
    assert_eq!(model("deepseek-ai/DeepSeek-V3.2", 4000).await, "Qwen/Qwen3-8B");
    assert_eq!(rig.metric("flowgate_fallbacks_total", &["budget"]).await, 1.0);
    holds_nothing(&rig).await;
}

#[tokio::test]
async fn what_was_never_run_costs_nothing() {
    let script = Script::new(|seen| match seen.path() {
        path if path.contains("images") => vec![json_answer(429, r#"{"message":"IPM limit reached."}"#)],
        _ => vec![Act::Reset],
    });
    let script = script.await;
    let rig = Rig::before(&script.base_url(), &keys("budget_per_day = \"1 CNY\"", "", "")).await;
    assert_eq!(draw(&rig, ANN).await.status, 429);
    holds_nothing(&rig).await;
    assert_eq!(rig.metric("flowgate_budget_spent", &["name=\"ann\""]).await, 0.0);
    // It may have run: what was expected counts.
    assert_eq!(ask(&rig, ANN, PRO, json!({"max_tokens": 1000})).await.status, 502);
    holds_nothing(&rig).await;
    let spent = rig.metric("flowgate_budget_spent", &["name=\"ann\""]).await;
    assert!((0.000_001..0.001).contains(&spent), "{spent}");
}

#[tokio::test]
async fn callers_are_warned_and_somebody_is_told_once() {
    let receiver = Script::new({
        let is_first = std::sync::atomic::AtomicBool::new(true);
        move |_| match is_first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            true => vec![json_answer(500, "no")],
            false => vec![json_answer(200, "{}")],
        }
    });
    let receiver = receiver.await;
    let hook = format!(
        "[budget]\nwebhook = \"{}/hook?to=me\"\nwebhook_secret = {{ env = \"KEY_OLD\" }}\n",
        receiver.base_url()
    );
    let rig = Rig::mocked(&keys("budget_per_month = \"1 CNY\"\nbudget_warn_at = 0.5", "", &hook)).await;
    for number in 1..=10 {
        let got = draw(&rig, ANN).await;
        let expected = format!("key=ann; period=month; unit=cny; used={}%; limit=1.00", (number - 1) * 10);
        let warned = (number > 5).then_some(expected);
        assert_eq!(got.header("x-flowgate-budget"), warned.as_deref(), "{number}");
    }
    assert_eq!(drawn(&rig, ANN, 3).await, 0);
    soon("both are told", async || receiver.seen().len() >= 3).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = receiver.seen();
    assert_eq!(seen.len(), 3, "soft twice, for it was refused once, and hard");
    assert_eq!(seen[0].body, seen[1].body);
    for (seen, threshold, spent) in [(&seen[1], "soft", "0.50"), (&seen[2], "hard", "1.00")] {
        let message: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!((&message["event"], &message["threshold"]), (&json!("budget"), &json!(threshold)));
        let budget = &message["budget"];
        let said = (&budget["scope"], &budget["name"], &budget["period"], &budget["spent"], &budget["limit"]);
        assert_eq!(said, (&json!("key"), &json!("ann"), &json!("month"), &json!(spent), &json!("1.00")));
        assert_eq!(seen.path(), "/v1/hook?to=me");
        let signature = format!("sha256={}", hmac::hex(b"sk-old-canary-3", &seen.body));
        assert_eq!(seen.header("x-flowgate-signature"), Some(signature.as_str()));
    }
    rig.metric_becomes("flowgate_budget_webhooks_total", &["ok"], 2.0).await;
    holds_nothing(&rig).await;
}

/// Nothing is worked out for those whom no budget has a say in.
#[tokio::test]
async fn without_budgets_nothing_is_held() {
    let script = Script::always(vec![ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Got::of(rig.post("/v1/chat/completions", chat("acme/unknown", "x").to_string())).await;
    assert_eq!((got.status, got.header("x-flowgate-budget")), (200, None));
    assert!(!rig.metrics().await.contains("flowgate_budget_spent{"));
}
