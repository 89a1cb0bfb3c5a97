//! What quota and ledger know, kept over restarts in one journal: that a request was let in and what is thought of it is
//! appended before it is sent, what became of it before its caller can see the end, and from time to time a snapshot takes
//! the journal's place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tracing::{error, warn};

use super::error::StartError;
use super::events::{Event, EventRef, Failures, Postcard};
use super::ledger::unusable;
use super::quota::Accounts;
use crate::config::Settings;
use crate::ledger::{Book, Row, Written};
use crate::quota::Quota;
use crate::quota::record::{Record, RecordRef};
use crate::state::{Durability, Folder, Journal, StateError};
use crate::store::Database;
use crate::telemetry::metrics::Metrics;

/// How often a snapshot is made, if anything happened (ours).
const PERIOD: Duration = Duration::from_secs(60);
/// The journal's name in the state folder.
const NAME: &str = "events";

/// How long an event may wait to be written that is not urgent, unless another one takes it along (ours).
const SOON: Duration = Duration::from_millis(10);

/// Everything that a snapshot holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Snapshot {
    /// The windows, beliefs and open requests of every lane.
    records: Vec<Record>,
    /// Rows of the ledger that are not in the database, in the order in which they were written: the last one of a number
    /// counts.
    rows: Vec<Row>,
    /// What was learned about sizes of requests and answers.
    pub(super) estimates: serde_json::Value,
}

/// The open journal, and what was in it.
pub(super) struct Loaded {
    pub(super) journal: Arc<Journal>,
    pub(super) snapshot: Snapshot,
    /// The rows that may not be in the database.
    rows: Written,
    /// For what else is kept there.
    pub(super) folder: Folder,
    /// The database in it.
    pub(super) database: Arc<Database>,
}

impl Loaded {
    /// Opens the state folder of `settings`.
    ///
    /// # Errors
    /// When another flowgate has it, or it cannot be used.
    pub(super) fn open(settings: &Settings) -> Result<Self, StartError> {
        let failed = |error: StateError| StartError::Settings(error.to_string());
        let folder = Folder::open(&settings.state.dir).map_err(failed)?;
        let (journal, replay) = Journal::open(&folder, NAME, settings.state.durability).map_err(failed)?;
        if let Some(torn) = &replay.torn {
            warn!(state = %settings.state.dir.display(), "the state was not whole: {}", torn.description);
        }
        let mut snapshot: Snapshot = replay.snapshot.as_deref().and_then(read).unwrap_or_default();
        let mut rows = Written::default();
        snapshot.rows.drain(..).for_each(|row| rows.row(row));
        for event in replay.records.iter().flat_map(|record| events(record)) {
            match event {
                Event::Quota(record) => snapshot.records.push(record),
                Event::Row(row) => rows.row(*row),
                Event::End(end) => rows.end(&end),
                Event::Nothing => {}
            }
        }
        let is_synced = settings.state.durability == Durability::Power;
        let database = Database::open(&settings.state.dir, is_synced);
        let database = database.map_err(|error| StartError::Settings(unusable(&error)))?;
        Ok(Self { folder, journal: Arc::new(journal), database: Arc::new(database), snapshot, rows })
    }

    /// The rows that may not be in the database.
    pub(super) fn rows(&mut self) -> BTreeMap<u64, Row> {
        std::mem::take(&mut self.rows).into_rows()
    }

    /// The events, to be lived through again.
    pub(super) fn records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.snapshot.records)
    }
}

/// What cannot be read is from a version that wrote something else: it is left out, and said.
fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| warn!(%error, "a part of the state cannot be read and is left out"))
        .ok()
}

/// The events of a record, one behind the other. One that cannot be read does not tell where the next begins.
fn events(mut record: &[u8]) -> impl Iterator<Item = Event> {
    std::iter::from_fn(move || {
        if record.is_empty() {
            return None;
        }
        match postcard::take_from_bytes(record) {
            Ok((event, rest)) => {
                record = rest;
                Some(event)
            }
            Err(error) => {
                warn!(%error, "events of the state cannot be read and are left out");
                record = &[];
                None
            }
        }
    })
}

/// Puts each event of the quota behind what is written next, and notifies `written` of it: before a request is sent, and
/// before its end is seen, the ledger writes its row, and with it all that was put off. Where there is no ledger, what is
/// urgent is written at once. Without a journal nothing is kept.
pub(super) fn recorder(
    journal: Option<Arc<Journal>>,
    written: Arc<Notify>,
    metrics: Arc<Metrics>,
    has_ledger: bool,
) -> impl Fn(&[RecordRef<'_>]) + Send + Sync {
    let failures = Failures::new(metrics, "an event of the quota");
    move |records| {
        let Some(journal) = &journal else { return };
        for record in records {
            failures.note(journal.defer(Postcard(EventRef::Quota(record))));
        }
        if !has_ledger && records.iter().any(|record| record.event.is_urgent()) {
            failures.note(journal.flush());
        }
        written.notify_one();
    }
}

/// Whoever makes the snapshots, and looks after what only time brings.
pub(super) struct Keeper {
    pub(super) journal: Option<Arc<Journal>>,
    /// Told of each event.
    pub(super) written: Arc<Notify>,
    pub(super) quota: Arc<Quota>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) book: Arc<Book>,
    pub(super) metrics: Arc<Metrics>,
    /// No request lives longer.
    pub(super) longest: Duration,
}

impl Keeper {
    /// Does its work once a minute, for as long as it is polled.
    pub(super) async fn run(self: Arc<Self>, settings: impl Fn() -> Settings) {
        loop {
            let _woken_by_either = tokio::time::timeout(PERIOD, self.accounts.risen.notified()).await;
            let leaks = self.quota.sweep(self.longest);
            if leaks > 0 {
                error!(leaks, "reservations were never settled; this is a mistake of the gateway, please report it");
                self.metrics.quota.leaks.inc_by(leaks);
            }
            if self.accounts.review() {
                self.accounts.reconfigure(&settings());
            }
            let keeper = self.clone();
            let _panicked_and_was_told = tokio::task::spawn_blocking(move || keeper.save()).await;
        }
    }

    /// Writes what was deferred, for as long as it is polled. Sleeps while nothing happens.
    pub(super) async fn write_soon(&self) {
        loop {
            self.written.notified().await;
            tokio::time::sleep(SOON).await;
            if let Some(journal) = &self.journal {
                let _told_by_the_next_request = journal.flush();
            }
        }
    }

    /// Makes a snapshot, if anything happened since the last one. Blocks for milliseconds.
    pub(super) fn save(&self) {
        let Some(journal) = &self.journal else { return };
        if journal.backlog().records == 0 {
            return;
        }
        // Events that the snapshot has seen, and that are written after it, do nothing when they are read again: those of
        // one request are written in their order, each before the next one happens.
        if let Err(error) = journal.compact_with(|| self.snapshot()) {
            error!(%error, "the state could not be saved; the journal goes on");
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        let snapshot = Snapshot {
            records: self.quota.snapshot(),
            rows: self.book.unfiled(),
            estimates: self.accounts.estimator.export(),
        };
        serde_json::to_vec(&snapshot).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Encode;

    #[test]
    fn the_events_before_one_that_cannot_be_read_count() {
        let mut record = Vec::new();
        Postcard(EventRef::Row(&Row { seq: 7, ..Row::default() })).encode(&mut record);
        Postcard(EventRef::Nothing).encode(&mut record);
        let whole = record.len();
        // A kind that is not known here.
        record.extend([99, 1, 2, 3]);
        for length in [whole, record.len()] {
            let read: Vec<Event> = events(&record[..length]).collect();
            assert!(matches!(&read[..], [Event::Row(row), Event::Nothing] if row.seq == 7), "{read:?}");
        }
        assert_eq!(events(&[]).count(), 0);
    }
}
