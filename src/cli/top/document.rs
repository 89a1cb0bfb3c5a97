//! What a gateway says of itself, as far as it is shown: `/live` and `/limits`. What is missing is empty, so that an older or a
//! newer gateway can be looked at too.

use serde::Deserialize;

use crate::cli::asker::Asker;

/// Both documents, asked for one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Snapshot {
    pub(super) live: Live,
    pub(super) limits: Limits,
}

impl Snapshot {
    /// What the gateway says now.
    ///
    /// # Errors
    /// Why it says nothing, for people.
    pub(super) async fn of(asker: &Asker) -> Result<Self, String> {
        Ok(Self { live: asker.get("/live").await?, limits: asker.get("/limits").await? })
    }
}

/// `/live`; docs/live.md explains it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Live {
    pub(super) version: String,
    pub(super) now_ms: u64,
    pub(super) started_ms: u64,
    pub(super) is_ready: bool,
    pub(super) notes: Vec<String>,
    pub(super) totals: Totals,
    pub(super) accounts: Vec<Account>,
    pub(super) models: Vec<Model>,
    pub(super) keys: Vec<Key>,
    pub(super) errors: Vec<Error>,
    pub(super) history: History,
}

/// Sums since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cost_cny: f64,
    pub(super) upstream_429: u64,
    pub(super) avoided_429: u64,
    pub(super) in_flight: u64,
    pub(super) waiting: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) tier: Option<String>,
    pub(super) is_resting: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Model {
    pub(super) model: String,
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cost_cny: f64,
    pub(super) waiting: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Key {
    pub(super) key: String,
    pub(super) team: String,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cost_cny: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Error {
    pub(super) kind: String,
    pub(super) reason: String,
    pub(super) count: u64,
}

/// Samples of the sums: rows of numbers, whose names are `fields`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct History {
    pub(super) fields: Vec<String>,
    pub(super) samples: Vec<Vec<f64>>,
}

/// `/limits`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Limits {
    pub(super) budgets: Vec<Budget>,
    pub(super) data: Vec<Lane>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Budget {
    pub(super) scope: String,
    pub(super) name: String,
    pub(super) used_percent: u64,
}

/// What leads to a model through an account, or everything that a key may do.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Lane {
    /// `account/model`, or `key:name`.
    pub(super) name: String,
    pub(super) model: Option<String>,
    pub(super) waiting: u64,
    pub(super) limits: Vec<Limit>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Limit {
    pub(super) metric: String,
    pub(super) limit: u64,
    pub(super) source: String,
    pub(super) used: u64,
    pub(super) reserved: u64,
    pub(super) free_in_seconds: f64,
}
