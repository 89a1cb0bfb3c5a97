//! How events stand in journals, and what happens when one cannot be written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tracing::error;

use crate::ledger::{End, Row};
use crate::quota::record::{Record, RecordRef};
use crate::state::{Encode, StateError};
use crate::telemetry::metrics::Metrics;
use crate::wire::postcard;

/// What stands in the journal. Each kind has its place for good: other fields mean a new kind behind these, or journals of
/// a process that was killed could not be read by the version after it.
#[derive(Debug, Deserialize)]
pub(super) enum Event {
    /// Of the quota.
    Quota(Record),
    /// Of the ledger.
    Row(Box<Row>),
    /// Of the ledger: the end of a row that is there.
    End(Box<End>),
    /// Nothing: whether it can be written was to be found out.
    Nothing,
}

/// The same, borrowed.
#[derive(Debug, Serialize)]
pub(super) enum EventRef<'a> {
    Quota(&'a RecordRef<'a>),
    Row(&'a Row),
    End(&'a End),
    Nothing,
}

/// A record as it is written down.
pub(super) struct Postcard<T>(pub(super) T);

impl<T: Serialize> Encode for Postcard<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        // Only a list that does not know its length could not be written.
        let _cannot_fail = postcard::put(&self.0, out);
    }
}

/// Counts events that were not written down.
pub(super) struct Failures {
    metrics: Arc<Metrics>,
    what: &'static str,
    count: AtomicU64,
}

impl Failures {
    /// None yet; `what` is not written down.
    pub(super) fn new(metrics: Arc<Metrics>, what: &'static str) -> Self {
        Self { metrics, what, count: AtomicU64::new(0) }
    }

    /// Tells of one, if `written` is one. A full disk would fill the log as well, so most are only counted.
    pub(super) fn note(&self, written: Result<(), StateError>) {
        let Err(error) = written else { return };
        self.metrics.quota.unwritten.inc();
        if self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(1000) {
            error!(%error, "{} cannot be written down; a restart may forget it", self.what);
        }
    }
}
