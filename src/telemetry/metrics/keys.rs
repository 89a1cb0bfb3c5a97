//! Metrics of virtual keys and of those who call without a good one.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::families::Families;

/// Where wrong credentials are sent.
pub const PLANES: [&str; 2] = ["api", "admin"];

/// See the module.
#[derive(Debug)]
pub struct KeyMetrics {
    in_force: IntGaugeVec,
    throttled: IntCounterVec,
    /// Keys and teams that are left out because they cannot be read, or the file has their names.
    pub refused: IntGauge,
    /// Attempts to read the store that failed.
    pub store_errors: IntCounter,
}

impl KeyMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            in_force: new.gauges("flowgate_keys", "Virtual keys in force, by where they are kept.", &["source"])?,
            throttled: new.counters(
                "flowgate_logins_throttled_total",
                "Requests with a wrong credential, refused with 429 because their address sent too many.",
                &["plane"],
            )?,
            refused: new.gauge(
                "flowgate_keys_refused",
                "Stored keys and teams that are left out, for the reason in the log.",
            )?,
            store_errors: new
                .counter("flowgate_keys_store_errors_total", "Failed attempts to read the keys in the store.")?,
        })
    }

    pub(super) fn initialise(&self) {
        self.in_force(0, 0);
        for plane in PLANES {
            self.throttled.with_label_values(&[plane]);
        }
    }

    /// So many keys are in force.
    pub fn in_force(&self, of_file: i64, of_store: i64) {
        self.in_force.with_label_values(&["file"]).set(of_file);
        self.in_force.with_label_values(&["store"]).set(of_store);
    }

    /// An address sent too many wrong credentials to `plane`, one of [`PLANES`].
    pub fn throttled(&self, plane: &'static str) {
        self.throttled.with_label_values(&[plane]).inc();
    }
}
