//! What spilling from free models to paid ones has cost today, kept over restarts in a journal of its own.

use std::sync::Arc;

use tracing::{error, warn};

use super::events::{Failures, Postcard};
use super::run::StartError;
use crate::quota::budget::{BudgetEvent, BudgetSnapshot, Budgets};
use crate::quota::moment::Clock;
use crate::quota::sticky::Sticky;
use crate::state::{Durability, Folder, Journal};
use crate::telemetry::metrics::Metrics;

/// The journal's name in the state folder.
const NAME: &str = "spill";

/// What requests look at when they may go from free to paid.
#[derive(Debug, Clone)]
pub(super) struct Spill {
    /// What may be spent.
    pub(super) budgets: Arc<Budgets>,
    /// Where conversations were served last.
    pub(super) sticky: Arc<Sticky>,
}

impl Spill {
    /// One that keeps nothing.
    pub(super) fn forgetful(clock: Clock) -> Self {
        Self { budgets: Budgets::new(clock, Box::new(|_| {})), sticky: Arc::new(Sticky::new(clock)) }
    }
}

/// The same with where it is kept.
#[derive(Debug)]
pub(super) struct Purse {
    pub(super) spill: Spill,
    journal: Option<Arc<Journal>>,
}

impl Purse {
    /// What an earlier life has left in `folder`; without a folder nothing is kept.
    ///
    /// # Errors
    /// When the journal cannot be used.
    pub(super) fn open(
        folder: Option<&Folder>,
        durability: Durability,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let Some(folder) = folder else { return Ok(Self { spill: Spill::forgetful(clock), journal: None }) };
        let opened = Journal::open(folder, NAME, durability);
        let (journal, replay) = opened.map_err(|error| StartError::Settings(error.to_string()))?;
        if let Some(torn) = &replay.torn {
            warn!("the record of what was spent was not whole: {}", torn.description);
        }
        let journal = Arc::new(journal);
        let snapshot = replay.snapshot.as_deref().and_then(|bytes| known(serde_json::from_slice(bytes)));
        let events: Vec<BudgetEvent> =
            replay.records.iter().filter_map(|record| known(postcard::from_bytes(record))).collect();
        let recorder = Box::new(recorder(journal.clone(), metrics));
        let budgets = Budgets::restored(clock, recorder, snapshot.unwrap_or_default(), events);
        Ok(Self { spill: Spill { budgets, sticky: Arc::new(Sticky::new(clock)) }, journal: Some(journal) })
    }

    /// Puts a snapshot in the journal's place, if anything happened since the last one. Blocks for milliseconds.
    pub(super) fn save(&self) {
        let Some(journal) = self.journal.as_ref().filter(|journal| journal.backlog().records > 0) else { return };
        let snapshot = || serde_json::to_vec::<BudgetSnapshot>(&self.spill.budgets.snapshot()).unwrap_or_default();
        if let Err(error) = journal.compact_with(snapshot) {
            error!(%error, "what was spent could not be saved; the journal goes on");
        }
    }
}

/// What cannot be read is from a version that wrote something else.
fn known<T, E: std::fmt::Display>(read: Result<T, E>) -> Option<T> {
    read.map_err(|error| warn!(%error, "a part of what was spent cannot be read and is left out")).ok()
}

fn recorder(journal: Arc<Journal>, metrics: Arc<Metrics>) -> impl Fn(&BudgetEvent) + Send + Sync {
    let failures = Failures::new(metrics, "what was spent");
    move |event| failures.note(journal.append_all([Postcard(event)]))
}
