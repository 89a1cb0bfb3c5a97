//! Metrics of the ledger: what waits, how far the database is behind, and what could not be written. Gauges are set when
//! the page is asked for.

use prometheus::{IntCounter, IntGauge};

use super::Families;

/// See the module.
#[derive(Debug)]
pub struct LedgerMetrics {
    /// Rows that are over and wait for the database.
    pub pending: IntGauge,
    /// Requests that are written down and under way.
    pub open: IntGauge,
    /// How long ago the oldest row that waits began (seconds).
    pub lag: IntGauge,
    /// Whether requests are refused because they cannot be written down.
    pub refuses: IntGauge,
    /// Writes to the journal that have failed.
    pub journal_failures: IntCounter,
    /// Batches that the database did not take.
    pub store_failures: IntCounter,
}

impl LedgerMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            pending: new
                .gauge("flowgate_ledger_pending_rows", "Rows of requests that are over and wait for the database.")?,
            open: new.gauge("flowgate_ledger_open_rows", "Requests that are written down and under way.")?,
            lag: new.gauge("flowgate_ledger_lag_seconds", "Age of the oldest row that waits for the database.")?,
            refuses: new.gauge(
                "flowgate_ledger_refusing",
                "1 while requests are refused because they cannot be written down.",
            )?,
            journal_failures: new.counter(
                "flowgate_ledger_journal_failures_total",
                "Rows that could not be written to the journal when they should have been.",
            )?,
            store_failures: new.counter(
                "flowgate_ledger_store_failures_total",
                "Batches of rows that the database did not take; they are tried again.",
            )?,
        })
    }
}
