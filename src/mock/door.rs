//! What happens to every request before its endpoint sees it: recorded, body read, fault looked up, key checked.
//! It must not know endpoints.

use super::call::Call;
use super::chat::script::{self, Played};
use super::emulator::{Shared, locked};
use super::fault::{self, Fault};
use super::record::{Visit, Watched};
use super::refusal::Refusal;
use super::wire::Hijack;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::TryStreamExt;
use http::request::Parts;
use serde_json::Value;
use std::sync::Arc;

/// Largest body read into memory, in bytes (ours). Forms are not held.
const BODY_BYTES: usize = 256 * 1_048_576;
const TRACE: HeaderName = HeaderName::from_static("x-siliconcloud-trace-id");

/// The layer around every endpoint under `/v1`.
pub(super) async fn enter(State(emulator): State<Shared>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(hijack) = parts.extensions.remove::<Hijack>() else {
        return Refusal::coded(500, 50000, "the emulator lost its connection").into_response();
    };
    let visit = locked(&emulator.records).open(&parts, hijack.clone());
    let response = pass(&emulator, parts, body, &visit, hijack, next).await;
    visit.status(response.status().as_u16());
    response.map(|body| Body::new(Watched::new(body, visit)))
}

async fn pass(emulator: &Shared, mut parts: Parts, body: Body, visit: &Visit, hijack: Hijack, next: Next) -> Response {
    let (bytes, body) = match read(&parts.headers, body, visit).await {
        Ok(read) => read,
        Err(refusal) => return refusal.into_response(),
    };
    let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let key = key_of(&parts.headers, parts.uri.path());
    let account = account_of(emulator, key.as_deref());
    let turn = if account.is_ok() { turn_of(emulator, parts.uri.path(), &json) } else { None };
    let fault = match fault::find(emulator, &parts.headers, &json, key.as_deref()) {
        Ok(fault) => fault.or_else(|| turn.as_ref().and_then(Played::fault)),
        Err(refusal) => return refusal.into_response(),
    };
    if let Some(fault) = &fault {
        visit.fault(&fault.written);
        if let Some(response) = fault::front::play(fault, &parts.headers, &hijack).await {
            return response;
        }
    }
    let account = match account {
        Ok(account) => account,
        Err(refusal) => return refusal.into_response(),
    };
    let call = Arc::new(Call { turn, ..call_of(emulator, &parts, account, json, fault, hijack) });
    parts.extensions.insert(call.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    // Refused by a quota or for what it says: nothing was answered yet.
    if let Some(turn) = call.turn.as_ref().filter(|_| !response.status().is_success()) {
        locked(&emulator.script).give_back(turn);
    }
    stamped(response, &call.trace)
}

/// What the script says to this request.
fn turn_of(emulator: &Shared, path: &str, json: &Value) -> Option<Played> {
    script::is_for(path).then(|| locked(&emulator.script).take(json)).flatten()
}

/// Reads the body, unless it is a form: then it is only counted as it passes.
async fn read(headers: &HeaderMap, body: Body, visit: &Visit) -> Result<(Bytes, Body), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/") {
        let count = visit.counter();
        let counted = body.into_data_stream().inspect_ok(move |piece| count(piece.len()));
        return Ok((Bytes::new(), Body::from_stream(counted)));
    }
    let bytes = to_bytes(body, BODY_BYTES).await.map_err(|_| Refusal::coded(413, 20015, "Request body too large."))?;
    visit.body(&bytes);
    Ok((bytes.clone(), Body::from(bytes)))
}

/// `Authorization: Bearer`, or `x-api-key` on `/v1/messages` (API reference section 1).
fn key_of(headers: &HeaderMap, path: &str) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let own = text("x-api-key").filter(|_| path.starts_with("/v1/messages"));
    bearer.or(own).map(str::to_owned)
}

/// The account a key belongs to.
fn account_of(emulator: &Shared, key: Option<&str>) -> Result<String, Refusal> {
    let settings = &emulator.settings;
    let known = key.and_then(|key| settings.api_keys.iter().find_map(|own| account_in(own, key)));
    match known {
        Some(account) => Ok(account),
        None if settings.api_keys.is_empty() && key.is_some() => Ok(String::new()),
        None if settings.token_error_object => Err(Refusal::bad_token_object()),
        None => Err(Refusal::bad_token()),
    }
}

fn account_in(entry: &str, key: &str) -> Option<String> {
    let (own, account) = entry.split_once('@').unwrap_or((entry, ""));
    (own == key).then(|| account.to_owned())
}

fn call_of(
    emulator: &Shared,
    parts: &Parts,
    account: String,
    json: Value,
    fault: Option<Fault>,
    hijack: Hijack,
) -> Call {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let host = || format!("http://{}", text("host").unwrap_or_else(|| "localhost".into()));
    Call {
        emulator: emulator.clone(),
        account,
        json,
        fault,
        turn: None,
        hijack,
        public_url: emulator.settings.public_url.clone().unwrap_or_else(host),
        trace: text("x-trace-id").unwrap_or_else(|| format!("ti_{}", emulator.fresh_id(18))),
    }
}

/// Adds the trace id: on successes only (section 1: raw error answers carried none).
fn stamped(mut response: Response, trace: &str) -> Response {
    if response.status().is_success()
        && let Ok(value) = HeaderValue::from_str(trace)
    {
        response.headers_mut().insert(TRACE, value);
    }
    response
}
