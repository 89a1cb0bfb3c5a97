//! Files and batches.

use super::{Bench, PLAIN, ask};
use flowgate::mock::MockSettings;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::time::Duration;

async fn upload(bench: &Bench, text: String) -> Value {
    let form = Form::new().text("purpose", "batch").part("file", Part::text(text).file_name("a.jsonl"));
    let request = bench.request(Method::POST, "/files").multipart(form);
    request.send().await.unwrap().json().await.unwrap()
}

fn batch(file: &Value) -> Value {
    json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"})
}

#[tokio::test]
async fn files_are_wrapped() {
    let bench = Bench::new().await;
    let answer = upload(&bench, "{}\n".into()).await;
    assert_eq!((&answer["code"], &answer["status"]), (&json!(20000), &json!(true)));
    assert_eq!((&answer["data"]["bytes"], &answer["data"]["filename"]), (&json!(3), &json!("a.jsonl")));
    let (_, list) = bench.get("/files").await;
    assert_eq!(list["data"]["data"][0], answer["data"]);
}

#[tokio::test]
async fn a_batch_is_answered_line_by_line() {
    let settings = MockSettings { batch_time: Duration::from_millis(200), ..MockSettings::default() };
    let bench = Bench::with(settings).await;
    let line = |id: &str, model: &str| json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": ask(model, "hi")});
    let lines = format!("{}\n{}\n", line("good", PLAIN), line("bad", "no/such"));
    let file = upload(&bench, lines).await["data"]["id"].clone();
    let created = bench.good("/batches", batch(&file)).await;
    assert_eq!(created["status"], "in_queue");
    tokio::time::sleep(Duration::from_millis(250)).await;
    let path = format!("/batches/{}", created["id"].as_str().unwrap());
    let (_, done) = bench.get(&path).await;
    assert_eq!(done["status"], "completed");
    assert_eq!(done["request_counts"], json!({"total": 2, "completed": 1, "failed": 1}));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let text = client.get(done["output_file_id"].as_str().unwrap()).send().await.unwrap().text().await.unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&first["custom_id"], &first["response"]["status_code"]), (&json!("good"), &json!(200)));
}

#[tokio::test]
async fn batches_are_listed_and_cancelled() {
    let bench = Bench::new().await;
    let file = upload(&bench, "{}\n".into()).await["data"]["id"].clone();
    for _ in 0..3 {
        bench.good("/batches", batch(&file)).await;
    }
    let (_, page) = bench.get("/batches?limit=2").await;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (2, &json!(true)));
    let last = page["last_id"].as_str().unwrap();
    let (_, rest) = bench.get(&format!("/batches?limit=2&after={last}")).await;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (1, &json!(false)));
    let cancelled = bench.good(&format!("/batches/{last}/cancel"), json!({})).await;
    assert_eq!(cancelled["status"], "cancelled");
}

#[tokio::test]
async fn batches_refused() {
    let bench = Bench::new().await;
    let file = upload(&bench, "{}\n".into()).await["data"]["id"].clone();
    let mut short = batch(&file);
    short["completion_window"] = json!("1h");
    let mut elsewhere = batch(&file);
    elsewhere["endpoint"] = json!("/v1/embeddings");
    for body in [batch(&json!("file-none")), short, elsewhere] {
        assert_eq!(bench.post("/batches", body).await.0, 400);
    }
    assert_eq!(bench.get("/batches/none").await.0, 404);
}
