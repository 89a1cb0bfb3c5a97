//! `POST /v1/rerank` (API reference section 8). Relevance is the share of the query's words a document has.

use super::call::{Call, Caller};
use super::catalogue::{Kind, Model};
use super::play;
use super::quota::Ask;
use super::refusal::Refusal;
use super::seed;
use super::tokens;
use axum::Extension;
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::HashSet;

/// The handler.
pub(super) async fn rerank(Extension(call): Caller) -> Result<Response, Refusal> {
    let model = call.model(|kind| kind == Kind::Rerank)?;
    let query = call.json["query"].as_str().ok_or_else(|| Refusal::parameter("Field required: query"))?;
    let documents = documents_of(&call.json)?;
    let input = documents.iter().map(|text| tokens::count(text) + tokens::count(query)).sum();
    let mut ticket = call.admit(Ask { tokens: input, images: 0 })?;
    call.take_time(0).await;
    ticket.bill.prompt_tokens = input;
    let results = results(&call, query, &documents);
    Ok(play::document(&call, &document(&call, model, results, input), ticket))
}

fn documents_of(json: &Value) -> Result<Vec<String>, Refusal> {
    let documents = json["documents"].as_array().map(Vec::as_slice).unwrap_or_default();
    if documents.is_empty() {
        return Err(Refusal::parameter("List should have at least 1 item after validation"));
    }
    let text = |document: &Value| document.as_str().or(document["text"].as_str()).map(str::to_owned);
    documents.iter().map(text).collect::<Option<_>>().ok_or_else(Refusal::bad_parameter)
}

fn document(call: &Call, model: &Model, results: Vec<Value>, input: u64) -> Value {
    let tokens = json!({"input_tokens": input, "output_tokens": 0});
    let mut document = json!({"id": call.emulator.fresh_id(32)});
    if !call.fault_is("no-results") {
        document["results"] = results.into();
    }
    if model.reranks_with_meta() {
        document["meta"] = json!({"tokens": tokens, "billed_units": tokens});
    } else {
        document["tokens"] = tokens;
    }
    document
}

fn results(call: &Call, query: &str, documents: &[String]) -> Vec<Value> {
    let words = words(query);
    let mut scored: Vec<(usize, f64)> =
        documents.iter().enumerate().map(|(index, text)| (index, relevance(&words, text))).collect();
    scored.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    let most = call.json["top_n"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let with_text = call.json["return_documents"].as_bool().unwrap_or(false);
    scored
        .into_iter()
        .take(most)
        .map(|(index, score)| {
            let text = documents.get(index).filter(|_| with_text);
            let document = text.map_or(Value::Null, |text| json!({"text": text}));
            json!({"index": index, "relevance_score": score, "document": document})
        })
        .collect()
}

fn words(text: &str) -> HashSet<String> {
    let lower = text.to_lowercase();
    lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Between 0 and 1; the last digits differ by text, so that ties are rare.
fn relevance(query: &HashSet<String>, text: &str) -> f64 {
    let shared = words(text).intersection(query).count() as f64;
    let share = shared / query.len().max(1) as f64;
    let tail = (seed::mix(0, text) % 1_000) as f64 / 100_000.0;
    (share * 0.98 + tail).min(1.0)
}
