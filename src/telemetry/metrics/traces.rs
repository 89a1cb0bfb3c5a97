//! Metrics of traces on their way to their collector.

use prometheus::IntCounterVec;

use super::Families;

/// What may become of a span.
pub const RESULTS: [&str; 3] = ["sent", "failed", "dropped"];

/// See the module.
#[derive(Debug)]
pub struct TraceMetrics {
    spans: IntCounterVec,
}

impl TraceMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        let spans = new.counters(
            "flowgate_trace_spans_total",
            "Spans of traces that have ended, by what became of them.",
            &["result"],
        )?;
        Ok(Self { spans })
    }

    pub(super) fn initialise(&self) {
        RESULTS.iter().for_each(|result| drop(self.spans.with_label_values(&[*result])));
    }

    /// So many have arrived.
    pub fn sent(&self, spans: u64) {
        self.spans.with_label_values(&["sent"]).inc_by(spans);
    }

    /// The collector did not take so many.
    pub fn failed(&self, spans: u64) {
        self.spans.with_label_values(&["failed"]).inc_by(spans);
    }

    /// There was no room for so many.
    pub fn dropped(&self, spans: u64) {
        self.spans.with_label_values(&["dropped"]).inc_by(spans);
    }
}
