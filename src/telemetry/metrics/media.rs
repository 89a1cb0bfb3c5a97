//! Metrics of pictures and videos that are kept.

use prometheus::{IntCounterVec, IntGauge};

use super::Families;

/// Every value of the label `outcome`: kept on the disk, fetched into memory only, not fetched or not kept.
const OUTCOMES: [&str; 3] = ["kept", "memory", "failed"];

/// Every value of the label `cause`.
pub const CAUSES: [&str; 12] = [
    "url",
    "scheme",
    "host",
    "address",
    "redirect",
    "status",
    "unreachable",
    "broken",
    "too_slow",
    "too_large",
    "content",
    "disk",
];

/// See the module.
#[derive(Debug)]
pub struct MediaMetrics {
    files: IntGauge,
    bytes: IntGauge,
    fetches: IntCounterVec,
    refused: IntCounterVec,
}

impl MediaMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            files: new.gauge("flowgate_media_files", "Pictures and videos that are kept.")?,
            bytes: new.gauge("flowgate_media_bytes", "Bytes of pictures and videos that are kept.")?,
            fetches: new.counters(
                "flowgate_media_fetches_total",
                "Pictures and videos of the upstream that were to be fetched, by what became of them.",
                &["outcome"],
            )?,
            refused: new.counters(
                "flowgate_media_refused_total",
                "Pictures and videos that were not fetched or not kept, by cause.",
                &["cause"],
            )?,
        })
    }

    pub(super) fn initialise(&self) {
        for outcome in OUTCOMES {
            self.fetches.with_label_values(&[outcome]);
        }
        for cause in CAUSES {
            self.refused.with_label_values(&[cause]);
        }
    }

    /// How much is kept.
    pub fn kept(&self, files: usize, bytes: u64) {
        self.files.set(i64::try_from(files).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Counts a fetch: `kept`, `memory` or `failed`.
    pub fn fetched(&self, outcome: &'static str) {
        self.fetches.with_label_values(&[outcome]).inc();
    }

    /// Counts one that came to nothing; `cause` is one of [`CAUSES`].
    pub fn refused(&self, cause: &'static str) {
        self.refused.with_label_values(&[cause]).inc();
    }
}
