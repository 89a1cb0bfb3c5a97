//! Models, embeddings, rerank.

use super::Bench;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

const EMBED: &str = "/embeddings";
const BGE: &str = "BAAI/bge-m3";

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn models_with_and_without_filters() {
    let bench = Bench::new().await;
    let (_, all) = bench.get("/models").await;
    assert!(ids(&all).contains(&"Qwen/Qwen3-8B".to_owned()));
    assert!(!ids(&all).contains(&"Qwen/QwQ-32B".to_owned()));
    let (_, embeddings) = bench.get("/models?sub_type=embedding").await;
    assert!(ids(&embeddings).iter().all(|id| id.contains("bge") || id.contains("Embedding")));
    let (_, images) = bench.get("/models?type=image&sub_type=text-to-image").await;
    assert!(ids(&images).contains(&"Kwai-Kolors/Kolors".to_owned()));
    assert_eq!(all["data"][0].as_object().unwrap().len(), 4);
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|part| part.as_f64().unwrap()).collect()
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[tokio::test]
async fn vectors_are_unit_length_and_near_when_texts_are() {
    let bench = Bench::new().await;
    let input = ["the cat sat on the mat", "a cat sat on a mat", "stock prices fell sharply"];
    let answer = bench.good(EMBED, json!({"model": BGE, "input": input})).await;
    let vectors: Vec<Vec<f64>> = (0..3).map(|place| floats(&answer["data"][place]["embedding"])).collect();
    assert_eq!(vectors[0].len(), 1_024);
    assert!((product(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-3);
    assert!(product(&vectors[0], &vectors[1]) > product(&vectors[0], &vectors[2]) + 0.2);
    assert_eq!(answer["usage"]["completion_tokens"], 0);
}

#[tokio::test]
async fn base64_holds_the_same_floats() {
    let bench = Bench::new().await;
    let body = |format: &str| json!({"model": "Qwen/Qwen3-Embedding-0.6B", "input": "hi", "encoding_format": format, "dimensions": 64});
    let plain = floats(&bench.good(EMBED, body("float")).await["data"][0]["embedding"]);
    let packed = bench.good(EMBED, body("base64")).await["data"][0]["embedding"].as_str().unwrap().to_owned();
    let bytes = BASE64_STANDARD.decode(packed).unwrap();
    let unpacked: Vec<f64> =
        bytes.chunks(4).map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap()))).collect();
    assert_eq!(plain.len(), 64);
    assert!(plain.iter().zip(&unpacked).all(|(one, other)| (one - other).abs() < 1e-6));
}

#[tokio::test]
async fn embeddings_refused() {
    let bench = Bench::new().await;
    let long = "hey ".repeat(600);
    let refused = [
        json!({"model": BGE, "input": vec!["x"; 473]}),
        json!({"model": BGE, "input": []}),
        json!({"model": BGE, "input": ""}),
        json!({"model": BGE, "input": [1, 2]}),
        json!({"model": BGE, "input": "x", "encoding_format": null}),
        json!({"model": BGE, "input": "x", "encoding_format": ""}),
        json!({"model": BGE, "input": "x", "dimensions": 64}),
        json!({"model": "Qwen/Qwen3-Embedding-0.6B", "input": "x", "dimensions": 2048}),
        json!({"model": "BAAI/bge-large-zh-v1.5", "input": ["fine", long]}),
        json!({"model": "Qwen/Qwen3-8B", "input": "x"}),
    ];
    for body in refused {
        let (status, answer) = bench.post(EMBED, body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(20015)));
    }
    let (_, answer) = bench.post(EMBED, json!({"model": BGE, "input": vec!["x"; 473]})).await;
    assert_eq!(answer["message"], "input batch size 473 > maximum allowed batch size 64");
    bench.good(EMBED, json!({"model": BGE, "input": vec!["x"; 64]})).await;
}

#[tokio::test]
async fn rerank_orders_by_shared_words_and_counts_by_family() {
    let bench = Bench::new().await;
    let body = |model: &str| {
        json!({
            "model": model, "query": "ripe apple", "top_n": 2, "return_documents": true,
            "documents": ["a car", "an apple", "a ripe apple"],
        })
    };
    let answer = bench.good("/rerank", body("BAAI/bge-reranker-v2-m3")).await;
    assert_eq!(answer["results"].as_array().unwrap().len(), 2);
    assert_eq!(answer["results"][0]["index"], 2);
    assert_eq!(answer["results"][0]["document"]["text"], "a ripe apple");
    assert!(answer["meta"]["tokens"]["input_tokens"].is_u64() && answer["meta"]["billed_units"].is_object());
    assert!(answer["usage"].is_null());
    let answer = bench.good("/rerank", body("Qwen/Qwen3-Reranker-0.6B")).await;
    assert!(answer["tokens"]["input_tokens"].is_u64() && answer["meta"].is_null());
    let (status, answer) =
        bench.post("/rerank", json!({"model": "BAAI/bge-reranker-v2-m3", "query": "x", "documents": []})).await;
    assert_eq!(status, 400);
    assert_eq!(answer["message"], "List should have at least 1 item after validation");
}
