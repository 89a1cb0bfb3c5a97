//! Rows on their way into the database, beside the requests: in batches, again after a failure, and out of it when they are
//! old.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::ledger::{Book, Store, StoreError};
use crate::telemetry::metrics::Metrics;

/// How long rows may wait to be filed together (ours): reports are behind by so much. Longer would save transactions, but rows
/// that wait take memory away from the caches that requests need: 12,000 of them were ten megabytes.
const SOON: Duration = Duration::from_millis(100);
/// Time until a database that failed is tried again (ours).
const AGAIN: Duration = Duration::from_secs(1);
/// Rows in one transaction (ours): a few tens of milliseconds.
const BATCH: usize = 5_000;
/// How often old rows are looked for (ours).
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// Rows forgotten in one transaction (ours).
const FORGET_BATCH: usize = 2_000;

/// Whoever brings rows to the database.
pub(in crate::server) struct Filer {
    book: Arc<Book>,
    pub(super) store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    /// Told of each row that is over.
    closed: Arc<Notify>,
    /// What is wrong with the database.
    fault: Mutex<Option<String>>,
}

impl Filer {
    /// Who brings rows of `book` to `store`; `closed` is told of each.
    pub(super) fn new(book: Arc<Book>, store: Arc<dyn Store>, metrics: Arc<Metrics>, closed: Arc<Notify>) -> Self {
        Self { book, store, metrics, closed, fault: Mutex::default() }
    }

    /// Files what comes, for as long as it is polled. Sleeps while nothing happens.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            if !self.is_behind() {
                self.closed.notified().await;
            }
            tokio::time::sleep(if self.fault().is_some() { AGAIN } else { SOON }).await;
            let filer = self.clone();
            let _panicked_and_was_told = tokio::task::spawn_blocking(move || filer.file()).await;
        }
    }

    /// What is wrong with the database, since it did not take a batch.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there is something to do without being told.
    fn is_behind(&self) -> bool {
        let standing = self.book.standing();
        standing.pending > 0 || standing.fault.is_some()
    }

    /// Files all that waits now, as far as the database takes it. Blocks.
    pub(in crate::server) fn file(&self) {
        let _told_by_the_standing = self.book.flush();
        self.book.mend();
        // What comes meanwhile is not much, and would cost a transaction.
        let mut left = self.book.standing().pending;
        while left > 0 {
            let rows = self.book.batch(BATCH);
            if rows.is_empty() {
                return;
            }
            let filed = self.store.file_all(&rows.iter().collect::<Vec<_>>());
            let is_filed = filed.is_ok();
            self.note(filed);
            if !is_filed {
                return;
            }
            self.book.filed();
            left = left.saturating_sub(rows.len());
        }
    }

    /// Tells of the first failure and of the first success after it.
    fn note(&self, filed: Result<(), StoreError>) {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let was_failing = fault.is_some();
        match filed {
            Ok(()) => {
                if was_failing {
                    info!("the ledger's database takes rows again; none was lost");
                }
                *fault = None;
            }
            Err(error) => {
                self.metrics.ledger.store_failures.inc();
                if !was_failing {
                    error!(%error, "rows of the ledger cannot be filed and wait; requests go on as long as they can be written down");
                }
                *fault = Some(error.to_string());
            }
        }
    }

    /// Forgets rows that are older than `keep` says, for as long as it is polled.
    pub(super) async fn forget(self: Arc<Self>, keep: impl Fn() -> Option<Duration>) {
        loop {
            if let Some(keep) = keep() {
                let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(keep);
                let before_ms = u64::try_from(before.as_millis()).unwrap_or(0);
                let filer = self.clone();
                let _panicked_and_was_told = tokio::task::spawn_blocking(move || filer.forget_before(before_ms)).await;
            }
            tokio::time::sleep(FORGET_EVERY).await;
        }
    }

    fn forget_before(&self, at_ms: u64) {
        let mut sum = 0;
        loop {
            match self.store.forget(at_ms, FORGET_BATCH) {
                Ok(0) => break,
                Ok(count) => sum += count,
                Err(error) => return warn!(%error, "old rows of the ledger cannot be forgotten now"),
            }
        }
        if sum > 0 {
            info!(rows = sum, "old rows of the ledger were forgotten; their sums stay");
        }
    }
}

#[cfg(test)]
#[path = "filer_tests.rs"]
mod tests;
