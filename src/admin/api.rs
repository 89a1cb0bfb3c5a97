//! Everything below `/api/`: needs the operator's token, speaks JSON, is described at `/api/openapi.json`.

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::guard::{Guard, guard};
use super::{AdminState, KeyDesk, Routes, keys, ledger, teams};
use crate::tenant::KeyError;

/// What the routes of keys and teams share.
pub(super) type Shared = Arc<dyn KeyDesk>;

/// The document, but for the version.
const OPENAPI: &str = include_str!("openapi.json");

/// The routes below `/api`, all behind the token.
pub(super) fn router(state: &AdminState) -> Router {
    let own = own_routes().into_iter().fold(Router::new(), |router, (_, path, answer)| router.route(path, answer));
    own.with_state(state.desk.clone())
        .merge(state.ledger.clone().map(ledger::router).unwrap_or_default())
        .fallback(async || ApiError::NoRoute)
        .method_not_allowed_fallback(async || ApiError::Method)
        .layer(middleware::map_response(private))
        .layer(middleware::from_fn_with_state(Guard::new(state), guard))
}

/// Method and path of each.
pub(super) fn names() -> impl Iterator<Item = (&'static str, String)> {
    let own = own_routes().into_iter().map(|(method, path, _)| (method, path));
    let all = own.chain(ledger::routes().into_iter().map(|(method, path, _)| (method, path)));
    all.map(|(method, path)| (method, format!("/api{path}")))
}

fn own_routes() -> Routes<Shared> {
    let mut routes: Routes<Shared> = vec![("get", "/openapi.json", get(openapi))];
    routes.extend(keys::routes());
    routes.extend(teams::routes());
    routes
}

async fn openapi() -> Result<Json<Value>, ApiError> {
    let mut document: Value = serde_json::from_str(OPENAPI).map_err(|error| ApiError::Internal(error.to_string()))?;
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    Ok(Json(document))
}

/// An answer may have a secret in it: nobody keeps it.
async fn private(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What `ask` gets from the desk, which blocks.
pub(super) async fn from_desk<T: Send + 'static>(
    desk: Shared,
    ask: impl FnOnce(&dyn KeyDesk) -> Result<T, KeyError> + Send + 'static,
) -> Result<T, ApiError> {
    let answer = tokio::task::spawn_blocking(move || ask(&*desk)).await;
    Ok(answer.map_err(|error| ApiError::Internal(error.to_string()))??)
}

/// A list in OpenAI's form.
pub(super) fn list(data: Vec<Value>) -> Response {
    Json(json!({"object": "list", "data": data})).into_response()
}

/// The members of a body; none of an empty one.
pub(super) fn members(body: Result<Bytes, BytesRejection>) -> Result<Map<String, Value>, ApiError> {
    let body = body.map_err(|rejection| ApiError::Body(rejection.body_text()))?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    // What was sent is not repeated: it may be a secret in the wrong place.
    let place = |error: serde_json::Error| format!("line {}, column {}", error.line(), error.column());
    serde_json::from_slice(&body)
        .map_err(|error| ApiError::Body(format!("The body must be one JSON object; see {}.", place(error))))
}
