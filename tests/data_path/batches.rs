//! Batches in OpenAI's shapes, with the emulator behind: statuses, results, whose they are, what they count.

use std::time::Duration;

use flowgate::mock::MockSettings;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::support::{Got, Rig, chat, soon};

const POLL: &str = "[jobs]\npoll = \"20ms\"\n";
const ANN: &str = "sk-ann-canary-1";
const BOB: &str = "sk-bob-canary-2";
/// 4 CNY a million tokens in, 12 out.
const MODEL: &str = "deepseek-ai/DeepSeek-V3.1-Terminus";

async fn rig(config: &str, batch_time: Duration) -> Rig {
    Rig::mocked_with(&format!("{POLL}{config}"), MockSettings { batch_time, ..MockSettings::default() }).await
}

async fn of(rig: &Rig, method: Method, path: &str) -> Got {
    Got::of(rig.request(method, path).bearer_auth(ANN)).await
}

fn lines(models: &[&str]) -> String {
    let line = |(number, model): (usize, &&str)| {
        let body = chat(model, "[[tokens=50]] hi");
        json!({"custom_id": format!("line-{number}"), "method": "POST", "url": "/v1/chat/completions", "body": body})
    };
    models.iter().enumerate().map(line).map(|line| format!("{line}\n")).collect()
}

async fn upload(rig: &Rig, lines: String) -> Value {
    let form = Form::new().text("purpose", "batch").part("file", Part::text(lines).file_name("a.jsonl"));
    let got = Got::of(rig.request(Method::POST, "/v1/files").multipart(form).bearer_auth(ANN)).await;
    got.json()["id"].clone()
}

fn batch(file: &Value) -> Value {
    json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h", "metadata": {"a": "b"}})
}

async fn begin(rig: &Rig, body: &Value) -> Got {
    Got::of(rig.post("/v1/batches", body.to_string()).bearer_auth(ANN)).await
}

/// Waits until the batch has this status; every one that was seen before.
async fn until(rig: &Rig, id: &str, status: &str) -> (Value, Vec<String>) {
    let (mut last, mut seen) = (Value::Null, Vec::new());
    soon(status, async || {
        last = of(rig, Method::GET, &format!("/v1/batches/{id}")).await.json();
        let now = last["status"].as_str().unwrap().to_owned();
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        last["status"] == status
    })
    .await;
    (last, seen)
}

#[tokio::test]
async fn a_batch_runs_and_its_results_are_kept() {
    let rig = rig("", Duration::from_millis(600)).await;
    let file = upload(&rig, lines(&[MODEL, "no/such", MODEL])).await;
    let got = begin(&rig, &batch(&file)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let made = got.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        (&made["object"], &made["status"], &made["metadata"]["a"]),
        (&json!("batch"), &json!("validating"), &json!("b"))
    );
    assert!(made["created_at"].is_u64() && made["output_file_id"].is_null() && made["expired_at"].is_null(), "{made}");
    let (done, seen) = until(&rig, id, "completed").await;
    assert!(seen.starts_with(&["validating".to_owned()]) && seen.contains(&"in_progress".to_owned()), "{seen:?}");
    assert_eq!(done["request_counts"], json!({"total": 3, "completed": 2, "failed": 1}));
    let output = done["output_file_id"].as_str().unwrap();
    let file = of(&rig, Method::GET, &format!("/v1/files/{output}")).await.json();
    assert_eq!((&file["id"], &file["purpose"]), (&json!(output), &json!("batch_output")));
    let content = of(&rig, Method::GET, &format!("/v1/files/{output}/content")).await;
    assert_eq!((content.status, content.header("content-type")), (200, Some("application/jsonl")));
    assert_eq!(file["bytes"], content.body.len());
    let answers: Vec<Value> = content.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((answers.len(), &answers[0]["custom_id"]), (3, &json!("line-0")));
    assert_eq!(rig.metric("flowgate_batch_lines_total", &["counted"]).await, 2.0);
    assert_eq!(rig.metric("flowgate_batch_lines_total", &["failed"]).await, 1.0);
    let output: u64 =
        answers.iter().filter_map(|answer| answer["response"]["body"]["usage"]["completion_tokens"].as_u64()).sum();
    let labels = ["model=\"deepseek-ai/DeepSeek-V3.1-Terminus\"", "type=\"output\""];
    assert!(output > 0 && rig.metric("flowgate_tokens_total", &labels).await == output as f64);
    rig.is_idle().await;
}

#[tokio::test]
async fn batches_are_listed_and_stopped() {
    let rig = rig("", Duration::from_secs(3600)).await;
    let file = upload(&rig, lines(&[MODEL])).await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(begin(&rig, &batch(&file)).await.json()["id"].as_str().unwrap().to_owned());
    }
    let page = of(&rig, Method::GET, "/v1/batches?limit=2").await.json();
    assert_eq!(
        (page["data"].as_array().unwrap().len(), &page["has_more"], &page["data"][0]["status"]),
        (2, &json!(true), &json!("validating"))
    );
    let last = page["last_id"].as_str().unwrap();
    let rest = of(&rig, Method::GET, &format!("/v1/batches?limit=2&after={last}")).await.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (1, &json!(false)));
    let stopped = of(&rig, Method::POST, &format!("/v1/batches/{}/cancel", made[0])).await;
    assert_eq!((stopped.status, &stopped.json()["status"]), (200, &json!("cancelled")));
}

#[tokio::test]
async fn a_batch_belongs_to_its_key() {
    let keys = "[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\n[[key]]\nname = \"bob\"\nsecret = { env = \"KEY_BOB\" }\n";
    let rig = rig(keys, Duration::ZERO).await;
    let file = upload(&rig, lines(&[MODEL])).await;
    let made = begin(&rig, &batch(&file)).await.json();
    let (done, _) = until(&rig, made["id"].as_str().unwrap(), "completed").await;
    let (id, output) = (made["id"].as_str().unwrap(), done["output_file_id"].as_str().unwrap());
    let of_bob = async |method: Method, path: String| Got::of(rig.request(method, &path).bearer_auth(BOB)).await;
    for (method, path) in [
        (Method::GET, format!("/v1/batches/{id}")),
        (Method::POST, format!("/v1/batches/{id}/cancel")),
        (Method::GET, format!("/v1/files/{output}")),
        (Method::GET, format!("/v1/files/{output}/content")),
    ] {
        assert_eq!(of_bob(method, path.clone()).await.error(), "404 invalid_request_error/null", "{path}");
    }
    assert_eq!(of_bob(Method::GET, "/v1/batches".to_owned()).await.json()["data"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_before_it_is_sent() {
    let rig = rig("", Duration::ZERO).await;
    let good = batch(&json!("file-1"));
    for (name, value) in
        [("endpoint", json!("/v1/embeddings")), ("completion_window", json!("1h")), ("input_file_id", Value::Null)]
    {
        let mut body = good.clone();
        body[name] = value;
        let got = begin(&rig, &body).await;
        assert!(got.error().starts_with("400 ") && got.json()["error"]["param"] == name, "{}", got.text());
    }
    assert_eq!(rig.mock().control().requests().len(), 0);
    assert!(begin(&rig, &good).await.error().starts_with("400 "), "the upstream does not know the file");
    assert_eq!(of(&rig, Method::GET, "/v1/batches/batch-none").await.error(), "404 invalid_request_error/unknown_url");
}

/// A batch counts when it is over; where a budget is spent, none begins.
#[tokio::test]
async fn a_batch_counts_for_budgets_when_it_is_over() {
    let key = "[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\nbudget_per_day = \"0.0001 CNY\"\n";
    let rig = rig(key, Duration::from_millis(100)).await;
    let file = upload(&rig, lines(&[MODEL; 20])).await;
    let made = begin(&rig, &batch(&file)).await;
    assert_eq!(made.status, 200, "{}", made.text());
    until(&rig, made.json()["id"].as_str().unwrap(), "completed").await;
    soon("the budget is spent", async || begin(&rig, &batch(&file)).await.status == 429).await;
    let spent = rig.metric("flowgate_budget_spent", &["name=\"ann\"", "period=\"day\"", "unit=\"cny\""]).await;
    let free = Got::of(rig.post("/v1/chat/completions", chat(MODEL, "hi").to_string()).bearer_auth(ANN)).await;
    assert_eq!(free.error(), "429 insufficient_quota/insufficient_quota");
    // 20 answers of 50 tokens at half of 12 CNY a million, and the prompts.
    assert!((0.006..0.008).contains(&spent), "{spent}");
}
