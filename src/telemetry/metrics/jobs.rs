//! Metrics of what is made in the background.

use prometheus::{IntCounterVec, IntGaugeVec};

use super::Families;

/// What may be made, as `jobs::Kind` labels it.
pub const KINDS: [&str; 2] = ["batch", "video"];
/// How far it may be, as `jobs::Phase` labels it.
pub const PHASES: [&str; 5] = ["queued", "running", "saving", "done", "failed"];
/// What may become of a batch's line in the ledger.
pub const LINES: [&str; 3] = ["counted", "failed", "unpriced"];

/// See the module.
#[derive(Debug)]
pub struct JobMetrics {
    jobs: IntGaugeVec,
    lines: IntCounterVec,
}

impl JobMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            jobs: new.gauges("flowgate_jobs", "Videos and batches that are remembered.", &["kind", "state"])?,
            lines: new.counters(
                "flowgate_batch_lines_total",
                "Lines of batches that were written into the ledger, by result.",
                &["result"],
            )?,
        })
    }

    pub(super) fn initialise(&self) {
        KINDS.iter().for_each(|kind| self.show(kind, |_| 0));
        LINES.iter().for_each(|result| drop(self.lines.with_label_values(&[*result])));
    }

    /// How many there are of `kind` in each phase.
    pub fn show(&self, kind: &str, count: impl Fn(&str) -> u64) {
        for phase in PHASES {
            self.jobs.with_label_values(&[kind, phase]).set(i64::try_from(count(phase)).unwrap_or(i64::MAX));
        }
    }

    /// Counts lines with a `result`, one of [`LINES`].
    pub fn lines(&self, result: &'static str, count: u64) {
        self.lines.with_label_values(&[result]).inc_by(count);
    }
}
