//! The emulator's other side: what a test reads and sets, as methods and, without a key, as HTTP under `/mock/`.
//! It must not answer anything SiliconFlow would.

use super::billing::Billed;
use super::chat::script::{Script, ScriptUse, Turn};
use super::emulator::{Shared, locked};
use super::fault::injection::Injection;
use super::fault::names::NAMES;
use super::quota::QuotaUse;
use super::quota::limits::Limits;
use super::record::Received;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Counters, records and switches of a running emulator. Cheap to clone; all clones are the same emulator.
#[derive(Debug, Clone)]
pub struct MockControl(Shared);

impl MockControl {
    pub(super) fn of(emulator: Shared) -> Self {
        Self(emulator)
    }

    /// What was billed since the start or the last reset. A stream is billed when it is over.
    #[must_use]
    pub fn billed(&self) -> Billed {
        self.0.billed()
    }

    /// What became of every quota since the first request for it (since the reset), by account and model.
    #[must_use]
    pub fn quota(&self) -> Vec<QuotaUse> {
        self.0.quota()
    }

    /// The last 1,000 requests under `/v1`, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        locked(&self.0.records).all()
    }

    /// Streams open now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.0.live.load(Ordering::Relaxed)
    }

    /// Forgets what was billed, recorded, counted against limits, injected and cached, and begins the script of the
    /// settings again. A stream still open is billed to nobody.
    pub fn reset(&self) {
        self.0.reset();
    }

    /// Sets a model's limits from now on, whether or not limits are enforced for others.
    pub fn set_limits(&self, model: &str, limits: Limits) {
        self.0.set_limits(model, limits);
    }

    /// Moves the clock on by which links to pictures and videos expire.
    pub fn advance(&self, time: std::time::Duration) {
        self.0.advance(time.as_secs());
    }

    /// Plays a fault on requests to come.
    ///
    /// # Errors
    /// When there is no fault of that name.
    pub fn inject(&self, injection: Injection) -> Result<(), String> {
        locked(&self.0.injections).add(injection)
    }

    /// Answers requests to come by these turns, in place of the script that was in force.
    ///
    /// # Errors
    /// What is wrong with which turn; the old script then stays.
    pub fn play(&self, turns: Vec<Turn>) -> Result<(), String> {
        *locked(&self.0.script) = Script::new(turns)?;
        Ok(())
    }

    /// What became of the script in force.
    #[must_use]
    pub fn script(&self) -> ScriptUse {
        locked(&self.0.script).report()
    }
}

/// The HTTP form of [`MockControl`].
pub(super) fn routes(emulator: Shared) -> Router {
    Router::new()
        .route("/mock/billed", get(async |State(control): State<MockControl>| Json(control.billed())))
        .route("/mock/quota", get(async |State(control): State<MockControl>| Json(control.quota())))
        .route("/mock/requests", get(async |State(control): State<MockControl>| Json(control.requests())))
        .route("/mock/live", get(async |State(control): State<MockControl>| Json(json!({"live": control.live()}))))
        .route("/mock/reset", post(reset))
        .route("/mock/limits", post(limits))
        .route("/mock/clock", post(clock))
        .route("/mock/faults", get(faults).post(inject))
        .route("/mock/script", get(async |State(control): State<MockControl>| Json(control.script())).post(play))
        .with_state(MockControl(emulator))
}

async fn reset(State(control): State<MockControl>) -> Json<Value> {
    control.reset();
    done()
}

async fn limits(State(control): State<MockControl>, Json(all): Json<BTreeMap<String, Limits>>) -> Json<Value> {
    for (model, limits) in all {
        control.set_limits(&model, limits);
    }
    done()
}

/// How far to move the clock of links on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u64,
}

async fn clock(State(control): State<MockControl>, Json(advance): Json<Advance>) -> Json<Value> {
    control.0.advance(advance.seconds);
    done()
}

async fn faults() -> Json<Value> {
    Json(NAMES.iter().map(|fault| json!({"name": fault.name, "meaning": fault.meaning})).collect())
}

async fn inject(
    State(control): State<MockControl>,
    Json(injection): Json<Injection>,
) -> Result<Json<Value>, (StatusCode, String)> {
    control.inject(injection).map_err(|error| (StatusCode::BAD_REQUEST, error))?;
    Ok(done())
}

async fn play(
    State(control): State<MockControl>,
    Json(turns): Json<Vec<Turn>>,
) -> Result<Json<Value>, (StatusCode, String)> {
    control.play(turns).map_err(|error| (StatusCode::BAD_REQUEST, error))?;
    Ok(done())
}

fn done() -> Json<Value> {
    Json(json!({"ok": true}))
}
