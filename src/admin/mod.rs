//! The admin plane: metrics and health, on an address of its own.
//!
//! Knows the metrics and two questions it may ask (is it ready? what changed since the last scrape?),
//! nothing of requests.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

use crate::telemetry::metrics::Metrics;

/// What the admin plane may ask of the rest.
#[derive(Clone)]
pub struct AdminState {
    /// What is exported.
    pub metrics: Arc<Metrics>,
    /// Whether new requests are welcome.
    pub is_ready: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Every limit, as JSON.
    pub limits: Arc<dyn Fn() -> String + Send + Sync>,
    /// Brings gauges that nobody updates as they change up to date.
    pub refresh: Arc<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for AdminState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AdminState")
    }
}

/// The routes of the admin plane.
pub fn router(state: AdminState) -> Router {
    Router::new()
        .route("/", get(async || "flowgate admin plane: /metrics /limits /healthz /readyz\n"))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/limits", get(limits))
        // A mistake here costs one answer, not the connection of a monitor.
        .layer(CatchPanicLayer::new())
        .with_state(state)
}

/// 200 while requests are welcome, 503 once the gateway finishes its last streams.
async fn ready(State(state): State<AdminState>) -> Response {
    if (state.is_ready)() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response()
    }
}

/// Every limit of every model that was used lately, and of every key.
async fn limits(State(state): State<AdminState>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], (state.limits)()).into_response()
}

async fn metrics(State(state): State<AdminState>) -> Response {
    (state.refresh)();
    match state.metrics.render() {
        Ok(page) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
