//! `GET /live`: what the gateway does now and has done lately, in one document, for the web page and `flowgate top`.
//!
//! It tells nothing that `/metrics`, `/limits` and `/readyz` do not. Must not know where the numbers come from.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{AdminState, Readiness};
use crate::telemetry::history::{EVERY, FIELDS, Sample};
use crate::telemetry::metrics::Tally;

/// What the document is made of, but for what every gateway says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Now (milliseconds since 1970).
    pub now_ms: u64,
    /// When this process began to count (milliseconds since 1970).
    pub started_ms: u64,
    /// Sums since then.
    pub tally: Tally,
    /// Every account.
    pub accounts: Vec<AccountView>,
    /// The last minutes, the oldest first.
    pub samples: Vec<Sample>,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// Its name.
    pub name: String,
    /// Its tier, such as `L0`; none where its limits are not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<&'static str>,
    /// Whether its key is not used for a while because the upstream refused it.
    pub is_resting: bool,
}

/// Answers with the document.
pub(super) async fn live(State(state): State<AdminState>) -> Response {
    let (live, readiness) = ((state.live)(), (state.readiness)());
    let has_token = state.token.load().is_some();
    ([(header::CACHE_CONTROL, "no-store")], Json(document(&live, &readiness, has_token))).into_response()
}

fn document(live: &Live, readiness: &Readiness, has_token: bool) -> serde_json::Value {
    let Tally { totals, models, keys, errors } = &live.tally;
    serde_json::json!({
        "object": "live",
        "version": env!("CARGO_PKG_VERSION"),
        "now_ms": live.now_ms,
        "started_ms": live.started_ms,
        "is_ready": readiness.is_ready,
        "notes": readiness.notes,
        "has_token": has_token,
        "totals": totals,
        "accounts": live.accounts,
        "models": models,
        "keys": keys,
        "errors": errors,
        "history": {"every_seconds": EVERY.as_secs(), "fields": FIELDS, "samples": live.samples},
    })
}
