//! `/v1/batches` (API reference section 13): answered at once, shown when their time has come. Batches are outside
//! the online rate limits, and they are not billed here (ours: half prices are the gateway's business).

use super::{Batch, temporary};
use crate::mock::call::{Call, Caller};
use crate::mock::chat::answer_line;
use crate::mock::clock::unix_seconds;
use crate::mock::emulator::locked;
use crate::mock::play::with_kind;
use crate::mock::refusal::Refusal;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query};
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

/// `POST /v1/batches`.
pub(in crate::mock) async fn create(Extension(call): Caller) -> Result<Response, Refusal> {
    let input = call.json["input_file_id"].as_str().unwrap_or_default();
    let content = locked(&call.emulator.store)
        .files
        .get(&(call.account.clone(), input.to_owned()))
        .map(|file| file.content.clone());
    let content = content.ok_or_else(Refusal::bad_parameter)?;
    if call.json["endpoint"] != "/v1/chat/completions" || !window_fits(&call.json["completion_window"]) {
        return Err(Refusal::bad_parameter());
    }
    let (results, counts) = answered(&call, &content);
    let shown = json!({
        "id": null, "object": "batch", "endpoint": "/v1/chat/completions", "errors": null, "input_file_id": input,
        "completion_window": call.json["completion_window"], "created_at": unix_seconds(),
        "metadata": call.json["metadata"],
    });
    let batch = Batch { shown, created: call.emulator.clock.now(), cancelled: false, results, counts };
    let id = locked(&call.emulator.store).next_id("batch");
    let document = shown_now(&call, &id, &batch);
    locked(&call.emulator.store).batches.insert((call.account.clone(), id), batch);
    Ok(sent(&document))
}

/// "24h" to "336h".
fn window_fits(window: &Value) -> bool {
    let hours = window.as_str().and_then(|text| text.strip_suffix('h')).and_then(|text| text.parse().ok());
    hours.is_some_and(|hours: u32| (24..=336).contains(&hours))
}

/// A result line for every line of the file, and how many were answered and refused.
fn answered(call: &Call, content: &Bytes) -> (Bytes, (u64, u64)) {
    let (mut lines, mut counts) = (String::new(), (0, 0));
    for line in String::from_utf8_lossy(content).lines().filter(|line| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let (status, body) = match answer_line(call, &replaced(call, &line["body"])) {
            Ok(body) => (200, body),
            Err(refusal) => (refusal.status.as_u16(), refusal.body),
        };
        let count = if status == 200 { &mut counts.0 } else { &mut counts.1 };
        *count += 1;
        let result = json!({"id": call.emulator.fresh_id(16), "custom_id": line["custom_id"], "response": {"status_code": status, "body": body}, "error": null});
        lines.push_str(&format!("{result}\n"));
    }
    (lines.into(), counts)
}

/// The line's body with the batch's `replace` fields in it.
fn replaced(call: &Call, body: &Value) -> Value {
    let mut body = body.clone();
    for (name, value) in call.json["replace"].as_object().into_iter().flatten() {
        body[name.as_str()] = value.clone();
    }
    body
}

fn shown_now(call: &Call, id: &str, batch: &Batch) -> Value {
    let whole = call.emulator.settings.batch_time;
    let passed = call.emulator.clock.now().saturating_sub(batch.created);
    let status = match passed {
        _ if batch.cancelled => "cancelled",
        _ if passed >= whole => "completed",
        _ if passed >= whole * 9 / 10 => "finalizing",
        _ if passed >= whole / 3 => "in_progress",
        _ => "in_queue",
    };
    let mut shown = batch.shown.clone();
    shown["id"] = json!(id);
    shown["status"] = json!(status);
    let (good, bad) = if status == "completed" { batch.counts } else { (0, 0) };
    shown["request_counts"] = json!({"total": batch.counts.0 + batch.counts.1, "completed": good, "failed": bad});
    let lifetime = std::time::Duration::from_secs(30 * 24 * 3600);
    let url = || json!(temporary::link(call, &format!("{id}.jsonl"), lifetime));
    shown["output_file_id"] = if status == "completed" { url() } else { Value::Null };
    shown["error_file_id"] = Value::Null;
    shown
}

/// `GET /v1/batches/{id}`.
pub(in crate::mock) async fn one(Extension(call): Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    let store = locked(&call.emulator.store);
    let batch = store.batches.get(&(call.account.clone(), id.clone())).ok_or_else(Refusal::not_found)?;
    Ok(sent(&shown_now(&call, &id, batch)))
}

/// `POST /v1/batches/{id}/cancel`. A completed batch stays completed.
pub(in crate::mock) async fn cancel(Extension(call): Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    let mut store = locked(&call.emulator.store);
    let batch = store.batches.get_mut(&(call.account.clone(), id.clone())).ok_or_else(Refusal::not_found)?;
    batch.cancelled |= shown_now(&call, &id, batch)["status"] != "completed";
    Ok(sent(&shown_now(&call, &id, batch)))
}

/// Paging of the list.
#[derive(Deserialize)]
pub(in crate::mock) struct Page {
    limit: Option<usize>,
    after: Option<String>,
}

/// `GET /v1/batches`.
pub(in crate::mock) async fn list(Extension(call): Caller, Query(page): Query<Page>) -> Response {
    let store = locked(&call.emulator.store);
    let own = store
        .batches
        .iter()
        .filter(|((account, id), _)| *account == call.account && page.after.as_ref().is_none_or(|after| id > after));
    let all: Vec<Value> = own.map(|((_, id), batch)| shown_now(&call, id, batch)).collect();
    let data = &all[..all.len().min(page.limit.unwrap_or(20))];
    let id = |batch: Option<&Value>| batch.map_or(Value::Null, |batch| batch["id"].clone());
    sent(&json!({
        "object": "list", "data": data, "first_id": id(data.first()), "last_id": id(data.last()),
        "has_more": data.len() < all.len(),
    }))
}

fn sent(document: &Value) -> Response {
    with_kind("application/json; charset=utf-8", Body::from(document.to_string()))
}
