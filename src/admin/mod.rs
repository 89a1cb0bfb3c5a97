//! The admin plane: metrics and health for everybody who reaches it, the page for browsers and the API for the
//! operator, on an address of its own.
//!
//! Knows the metrics, what the rest lets it ask (is it ready? what changed since the last scrape?) and the desk where keys are
//! made; nothing of requests. Start with [`router`]; everything that needs the operator's token is in `api`.

mod api;
mod error;
mod guard;
mod keys;
mod live;
mod page;
mod teams;

pub mod ledger;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde_json::{Map, Value};
use tower_http::catch_panic::CatchPanicLayer;

pub use guard::Peer;
pub use live::{AccountView, Live};

use crate::ledger::Store;
use crate::telemetry::metrics::Metrics;
use crate::tenant::{KeyError, KeyHash};

/// Whether new requests are welcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether they are.
    pub is_ready: bool,
    /// What is not as it should be, a line for each.
    pub notes: Vec<String>,
}

/// What the admin plane may ask of the rest.
#[derive(Clone)]
pub struct AdminState {
    /// What is exported.
    pub metrics: Arc<Metrics>,
    /// Whether new requests are welcome.
    pub readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// Every limit, as JSON.
    pub limits: Arc<dyn Fn() -> String + Send + Sync>,
    /// What is done now and was done lately.
    pub live: Arc<dyn Fn() -> Live + Send + Sync>,
    /// Brings gauges that nobody updates as they change up to date.
    pub refresh: Arc<dyn Fn() + Send + Sync>,
    /// Where keys are made and changed.
    pub desk: Arc<dyn KeyDesk>,
    /// What was used; `None` where nothing is kept.
    pub ledger: Option<Arc<dyn Store>>,
    /// Hash of the operator's token; without one the API is shut.
    pub token: Arc<ArcSwapOption<KeyHash>>,
}

impl std::fmt::Debug for AdminState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AdminState")
    }
}

/// Makes, changes and shows keys and teams, each as a JSON object. `fields` are as in the configuration file; null takes one
/// away. Every method blocks, and fails with [`KeyError`].
#[expect(clippy::missing_errors_doc, reason = "said once for all")]
pub trait KeyDesk: Send + Sync {
    /// Every key.
    fn keys(&self) -> Result<Vec<Value>, KeyError>;
    /// One key.
    fn key(&self, name: &str) -> Result<Value, KeyError>;
    /// Makes a key; its member `secret` is shown this once.
    fn create(&self, name: &str, fields: Map<String, Value>) -> Result<Value, KeyError>;
    /// Changes fields of a key.
    fn edit(&self, name: &str, fields: Map<String, Value>) -> Result<Value, KeyError>;
    /// Gives a key a new secret, shown this once as `secret`; the one before works for `overlap` more.
    fn rotate(&self, name: &str, overlap: Duration) -> Result<Value, KeyError>;
    /// Takes a key back.
    fn revoke(&self, name: &str) -> Result<Value, KeyError>;
    /// Every team.
    fn teams(&self) -> Result<Vec<Value>, KeyError>;
    /// One team.
    fn team(&self, name: &str) -> Result<Value, KeyError>;
    /// Makes a team, or changes fields of it.
    fn set_team(&self, name: &str, fields: Map<String, Value>) -> Result<Value, KeyError>;
    /// Forgets a team.
    fn remove_team(&self, name: &str) -> Result<(), KeyError>;
}

/// A route: its method, its path, who answers.
type Routes<S> = Vec<(&'static str, &'static str, MethodRouter<S>)>;

/// The routes of the admin plane.
pub fn router(state: AdminState) -> Router {
    let api = api::router(&state);
    open_routes()
        .into_iter()
        .fold(Router::new(), |router, (_, path, answer)| router.route(path, answer))
        .with_state(state)
        .nest("/api", api)
        // A mistake here costs one answer, not the connection of a monitor.
        .layer(CatchPanicLayer::new())
}

/// Method and path of every route of [`router`], as the document at `/api/openapi.json` has to have them.
pub fn routes() -> Vec<(&'static str, String)> {
    let open = open_routes().into_iter().map(|(method, path, _)| (method, path.to_owned()));
    open.chain(api::names()).collect()
}

/// Those that need no token.
fn open_routes() -> Routes<AdminState> {
    let mut routes = vec![
        ("get", "/healthz", get(async || "ok\n")),
        ("get", "/readyz", get(ready)),
        ("get", "/metrics", get(metrics)),
        ("get", "/limits", get(limits)),
        ("get", "/live", get(live::live)),
    ];
    routes.extend(page::routes());
    routes
}

/// 200 while requests are welcome, 503 once the gateway finishes its last streams, or while it cannot write requests down;
/// with what is not as it should be.
async fn ready(State(state): State<AdminState>) -> Response {
    let Readiness { is_ready, notes } = (state.readiness)();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let first = is_ready.then(|| "ready".to_owned());
    let page: String = first.into_iter().chain(notes).map(|line| line + "\n").collect();
    (status, page).into_response()
}

/// Every limit of every model that was used lately, and of every key.
async fn limits(State(state): State<AdminState>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], (state.limits)()).into_response()
}

/// Written beside the tasks that must not block: a page can be large.
async fn metrics(State(state): State<AdminState>) -> Response {
    match tokio::task::spawn_blocking(move || state.metrics.page(&*state.refresh)).await {
        Ok(page) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
