//! Batches larger than the upstream takes: split, run, joined in order.

use base64::Engine;
use serde_json::{Value, json};

use super::support::{Act, Got, Rig, Script, json_answer};

const MODEL: &str = "BAAI/bge-m3";

fn inputs(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text number {number}")).collect()
}

async fn embed(rig: &Rig, more: Value) -> Got {
    let mut body = json!({"model": MODEL});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    Got::of(rig.post("/v1/embeddings", body.to_string())).await
}

/// A thousand inputs give what a thousand single requests would.
async fn check(format: &str) {
    let rig = Rig::mocked("").await;
    let got = embed(&rig, json!({"input": inputs(1000), "encoding_format": format, "x_unknown": 1})).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let answer = got.json();
    let data = answer["data"].as_array().unwrap();
    assert_eq!((data.len(), answer["object"].as_str(), answer["model"].as_str()), (1000, Some("list"), Some(MODEL)));
    assert!(data.iter().enumerate().all(|(index, entry)| entry["index"] == json!(index)), "in order");
    assert!(got.header("x-flowgate-edits").unwrap().contains("batch-split"));
    let parts: Vec<Value> = rig.mock().control().requests().iter().map(|seen| seen.json()).collect();
    let mut sizes: Vec<usize> = parts.iter().map(|part| part["input"].as_array().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!((sizes.len(), sizes[0], sizes[1], sizes[15]), (16, 1000 - 15 * 64, 64, 64));
    assert!(parts.iter().all(|part| part["x_unknown"] == 1 && part["encoding_format"] == format));
    let billed = rig.mock().control().billed().total;
    assert_eq!(answer["usage"]["prompt_tokens"], json!(billed.prompt_tokens));
    assert_eq!(rig.metric("flowgate_tokens_total", &["input"]).await, billed.prompt_tokens as f64);
    assert_eq!(rig.metric("flowgate_requests_total", &[]).await, 1.0);
    for index in [0, 63, 64, 500, 999] {
        let single = embed(&rig, json!({"input": [inputs(1000)[index]], "encoding_format": format})).await.json();
        assert_eq!(data[index]["embedding"], single["data"][0]["embedding"], "{index}");
    }
    if format == "base64" {
        let bytes = base64::prelude::BASE64_STANDARD.decode(data[0]["embedding"].as_str().unwrap()).unwrap();
        assert_eq!(bytes.len(), 1024 * 4);
    }
    rig.is_idle().await;
}

#[tokio::test]
async fn a_thousand_as_numbers() {
    check("float").await;
}

#[tokio::test]
async fn a_thousand_as_base64() {
    check("base64").await;
}

#[tokio::test]
async fn what_fits_is_not_split() {
    let rig = Rig::mocked("").await;
    for input in [json!(inputs(64)), json!("one text"), json!((0..1000).collect::<Vec<_>>())] {
        let got = embed(&rig, json!({"input": input})).await;
        assert_eq!(got.header("x-flowgate-edits"), None, "{}", got.text());
    }
    assert_eq!(rig.mock().control().requests().len(), 3);
}

/// The over-long input is named by its place in the caller's batch.
#[tokio::test]
async fn an_input_that_is_too_long_is_named() {
    let script = Script::new(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let input = body["input"].as_array().unwrap();
        if input.iter().any(|text| text.as_str().unwrap().len() > 1000) {
            return vec![json_answer(
                400,
                r#"{"code":20015,"message":"The parameter is invalid. Please check again.","data":null}"#,
            )];
        }
        let data: Vec<Value> = (0..input.len()).map(|index| json!({"index": index, "embedding": [0.5]})).collect();
        vec![json_answer(
            200,
            json!({"model": MODEL, "data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}}).to_string(),
        )]
    });
    let script = script.await;
    let rig = Rig::before(&script.base_url(), "").await;
    for place in [0, 70, 150] {
        let mut input = inputs(200);
        input[place] = "x".repeat(2000);
        let got = embed(&rig, json!({"input": input})).await;
        assert_eq!(got.error(), "400 invalid_request_error/null");
        assert!(got.text().contains(&format!("input[{place}]")), "{place}: {}", got.text());
    }
}

fn part_answer(seen: &super::support::script::Seen) -> Act {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    let data: Vec<Value> =
        (0..body["input"].as_array().unwrap().len()).map(|index| json!({"index": index, "embedding": [0.5]})).collect();
    json_answer(
        200,
        json!({"model": MODEL, "data": data, "usage": {"prompt_tokens": 10, "total_tokens": 10}}).to_string(),
    )
}

#[tokio::test]
async fn what_a_failed_batch_used_is_counted() {
    let script = Script::new(|seen| {
        let is_last = String::from_utf8_lossy(&seen.body).contains("number 199\"");
        let wait = std::time::Duration::from_millis(200);
        if is_last { vec![Act::Wait(wait), json_answer(500, "{}")] } else { vec![part_answer(seen)] }
    });
    let script = script.await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = embed(&rig, json!({"input": inputs(200)})).await;
    assert_eq!(got.error(), "502 server_error/upstream_error");
    rig.is_idle().await;
    assert_eq!(rig.metric("flowgate_tokens_total", &["input"]).await, 30.0, "three parts were answered and paid");
}

#[tokio::test]
async fn parts_that_come_back_late_stand_in_their_place() {
    let script = Script::new(|seen| {
        let is_first = String::from_utf8_lossy(&seen.body).contains("number 0\"");
        let wait = std::time::Duration::from_millis(if is_first { 200 } else { 0 });
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let texts = body["input"].as_array().unwrap();
        let data: Vec<Value> =
            texts.iter().enumerate().map(|(index, text)| json!({"embedding": text, "index": index})).collect();
        vec![Act::Wait(wait), json_answer(200, json!({"data": data}).to_string())]
    });
    let script = script.await;
    let rig = Rig::before(&script.base_url(), "").await;
    let answer = embed(&rig, json!({"input": inputs(130)})).await.json();
    let texts: Vec<&str> =
        answer["data"].as_array().unwrap().iter().map(|entry| entry["embedding"].as_str().unwrap()).collect();
    assert_eq!(texts, inputs(130));
}

#[tokio::test]
async fn a_caller_who_leaves_takes_all_parts_along() {
    let script = Script::always(vec![Act::Stall]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = json!({"model": MODEL, "input": inputs(1000)}).to_string();
    let request = rig.post("/v1/embeddings", body).timeout(std::time::Duration::from_millis(300));
    assert!(request.send().await.is_err());
    let parts = script.seen().len();
    assert!((2..=8).contains(&parts), "{parts} parts at once");
    script.closed(parts).await;
    rig.is_idle().await;
    rig.metric_becomes("flowgate_requests_total", &["499"], 1.0).await;
    assert_eq!(script.seen().len(), parts, "no part begins after the caller left");
}
