//! What quota and spending know, kept over restarts: each event is appended to a journal before the caller can see its
//! effect, and from time to time a snapshot takes the journal's place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::quota::Accounts;
use super::run::StartError;
use crate::config::Settings;
use crate::quota::Quota;
use crate::quota::record::{Record, RecordRef};
use crate::quota::spend::MonthSpend;
use crate::state::{Folder, Journal};
use crate::telemetry::metrics::Metrics;

/// How often a snapshot is made, if anything happened (ours).
const PERIOD: Duration = Duration::from_secs(60);
/// The journal's name in the state folder.
const NAME: &str = "quota";

/// Room for the usual event (bytes; ours).
const EVENT_BYTES: usize = 160;

/// Everything that a snapshot holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Snapshot {
    /// The windows, beliefs and open requests of every lane.
    records: Vec<Record>,
    /// What each account has spent.
    pub(super) spent: BTreeMap<String, MonthSpend>,
    /// What was learned about sizes of requests and answers.
    pub(super) estimates: serde_json::Value,
}

/// The open journal, and what was in it.
pub(super) struct Loaded {
    pub(super) journal: Arc<Journal>,
    pub(super) snapshot: Snapshot,
}

impl Loaded {
    /// Opens the state folder of `settings`.
    ///
    /// # Errors
    /// When another flowgate has it, or it cannot be used.
    pub(super) fn open(settings: &Settings) -> Result<Self, StartError> {
        let failed = |error: crate::state::StateError| StartError::Settings(error.to_string());
        let folder = Folder::open(&settings.state.dir).map_err(failed)?;
        let (journal, replay) = Journal::open(&folder, NAME, settings.state.durability).map_err(failed)?;
        if let Some(torn) = &replay.torn {
            warn!(state = %settings.state.dir.display(), "the state was not whole: {}", torn.description);
        }
        let mut snapshot: Snapshot = replay.snapshot.as_deref().and_then(read).unwrap_or_default();
        snapshot.records.extend(replay.records.iter().filter_map(|record| event(record)));
        Ok(Self { journal: Arc::new(journal), snapshot })
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

fn write(journal: &Journal, records: &[RecordRef<'_>]) -> Result<(), String> {
    let bytes =
        |record| postcard::to_extend(record, Vec::with_capacity(EVENT_BYTES)).map_err(|error| error.to_string());
    let written = records.iter().map(bytes).collect::<Result<Vec<_>, _>>()?;
    journal.append_all(written).map_err(|error| error.to_string())
}

fn event(bytes: &[u8]) -> Option<Record> {
    postcard::from_bytes(bytes)
        .map_err(|error| warn!(%error, "an event of the state cannot be read and is left out"))
        .ok()
}

/// Writes each event down. Without a journal nothing is kept.
pub(super) fn recorder(
    journal: Option<Arc<Journal>>,
    metrics: Arc<Metrics>,
) -> impl Fn(&[RecordRef<'_>]) + Send + Sync {
    let failures = AtomicU64::new(0);
    move |records| {
        let Some(journal) = &journal else { return };
        if let Err(error) = write(journal, records) {
            metrics.quota.unwritten.inc();
            // A full disk would fill the log as well.
            if failures.fetch_add(1, Ordering::Relaxed).is_multiple_of(1000) {
                error!(error, "an event of the quota cannot be written down; a restart may forget it");
            }
        }
    }
}

/// Whoever makes the snapshots, and looks after what only time brings.
pub(super) struct Keeper {
    pub(super) journal: Option<Arc<Journal>>,
    pub(super) quota: Arc<Quota>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) metrics: Arc<Metrics>,
    /// No request lives longer.
    pub(super) longest: Duration,
}

impl Keeper {
    /// Does its work once a minute, for as long as it is polled.
    pub(super) async fn run(self: Arc<Self>, settings: impl Fn() -> Settings) {
        loop {
            tokio::time::sleep(PERIOD).await;
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
            spent: self.accounts.spent(),
            estimates: self.accounts.estimator.export(),
        };
        serde_json::to_vec(&snapshot).unwrap_or_default()
    }
}
