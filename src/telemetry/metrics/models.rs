//! Metrics of the upstream's list of models.

use prometheus::{IntCounterVec, IntGauge};

use super::Families;

/// See the module.
#[derive(Debug)]
pub struct ModelMetrics {
    listed: IntGauge,
    fetched: IntGauge,
    refreshes: IntCounterVec,
}

impl ModelMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            listed: new
                .gauge("flowgate_models_listed", "Models in the upstream's list that is in use (0: none yet).")?,
            fetched: new.gauge(
                "flowgate_models_list_timestamp_seconds",
                "When the upstream's list in use was fetched (0: none yet).",
            )?,
            refreshes: new.counters(
                "flowgate_models_refreshes_total",
                "Attempts to fetch the upstream's list of models, by result.",
                &["result"],
            )?,
        })
    }

    pub(super) fn initialise(&self) {
        for result in ["ok", "failed"] {
            self.refreshes.with_label_values(&[result]);
        }
    }

    /// Another list is in use: how many models it has, and when it was fetched (seconds since the epoch).
    pub fn listed(&self, models: usize, fetched_seconds: u64) {
        self.listed.set(i64::try_from(models).unwrap_or(i64::MAX));
        self.fetched.set(i64::try_from(fetched_seconds).unwrap_or(i64::MAX));
    }

    /// Counts an attempt: `ok` or `failed`.
    pub fn refreshed(&self, result: &'static str) {
        self.refreshes.with_label_values(&[result]).inc();
    }
}
