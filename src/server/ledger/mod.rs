//! The ledger in a running gateway: what an earlier life has left is filed before the first request ([`restored`]), rows go
//! to the database in batches beside the requests ([`filer`]), and budgets learn what was spent.

mod filer;
mod restored;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

use super::budget::Spending;
use super::events::{EventRef, Postcard};
use super::quota::Accounts;
use super::state::Loaded;
use crate::config::Settings;
use crate::jobs::{JobStore, Memory};
use crate::ledger::book::Closed;
use crate::ledger::{Book, Dimension, End, Log, OnFault, Query, Row, Store, StoreError, date};
use crate::quota::budget::{Amount, Scope};
use crate::quota::calendar;
use crate::state::{Journal, StateError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::ledger::LedgerMetrics;
use filer::Filer;
pub(super) use restored::{Restored, unusable};

/// The right of what was spilled, as `catalog::plan::Right` labels it.
const SPILL: &str = "spill";

/// What happens to requests that cannot be written down: as written, else they are refused where there are keys, for then
/// somebody is accountable for each; a gateway that is open to its machine goes on.
pub(super) fn policy(settings: &Settings) -> OnFault {
    let usual = if settings.keys.is_empty() { OnFault::GoOn } else { OnFault::Refuse };
    settings.ledger.on_fault.unwrap_or(usual)
}

/// The ledger of a running gateway. Nothing is kept by a demo without a folder, or where it is switched off.
pub(super) struct Ledger {
    pub(super) book: Arc<Book>,
    /// Who files; `None` where nothing is kept.
    pub(super) filer: Option<Arc<Filer>>,
    /// Keeps what is made in the background.
    pub(super) jobs: Arc<dyn JobStore>,
}

impl Ledger {
    /// One that goes on from what was `restored`; `accounts` hear of every row.
    pub(super) fn new(
        settings: &Settings,
        loaded: Option<&Loaded>,
        last_seq: u64,
        accounts: &Arc<Accounts>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let jobs: Arc<dyn JobStore> = match loaded {
            Some(loaded) => loaded.database.clone(),
            None => Arc::new(Memory::default()),
        };
        let loaded = loaded.filter(|_| settings.ledger.is_kept);
        let over = Arc::new(Notify::new());
        let closed: Closed = {
            let (accounts, over) = (accounts.clone(), over.clone());
            Box::new(move |charge| {
                if let Some(charge) = charge {
                    accounts.note(&charge);
                }
                over.notify_one();
            })
        };
        let log = loaded.map(|loaded| Box::new(Written(loaded.journal.clone())) as Box<dyn Log>);
        let book = Arc::new(Book::new(log, last_seq, policy(settings), closed));
        let filer =
            loaded.map(|loaded| Arc::new(Filer::new(book.clone(), loaded.database.clone(), metrics.clone(), over)));
        Self { book, filer, jobs }
    }

    /// Tells budgets that are new what was spent of them this month: at the start all of them. Blocks for milliseconds.
    ///
    /// # Errors
    /// [`StoreError`]; a budget that begins at zero would be a lie.
    pub(super) fn seed(&self, spending: &Spending) -> Result<(), StoreError> {
        let unknown = spending.unknown();
        let Some(filer) = self.filer.as_ref().filter(|_| !unknown.is_empty()) else { return Ok(()) };
        filer.file();
        let today = calendar::day_of(SystemTime::now());
        for scope in unknown {
            spending.budgets.seed(&scope, today, Amount::ZERO);
            for sum in filer.store.sums(&spent_of(&scope, today))? {
                let amount = Amount { money: sum.cost, tokens: sum.input_tokens.saturating_add(sum.output_tokens) };
                let day = sum.group.first().and_then(|day| date::parse(day)).unwrap_or(today);
                spending.budgets.seed(&scope, day, amount);
            }
        }
        Ok(())
    }

    /// Files for as long as it is polled.
    pub(super) async fn run(&self, keep: impl Fn() -> Option<Duration>) {
        match &self.filer {
            Some(filer) => drop(tokio::join!(filer.clone().run(), filer.clone().forget(keep))),
            None => std::future::pending().await,
        }
    }

    /// What was filed; `None` where nothing is kept.
    pub(super) fn store(&self) -> Option<Arc<dyn Store>> {
        self.filer.as_ref().map(|filer| filer.store.clone())
    }

    /// Brings the gauges up to date.
    pub(super) fn show(&self, metrics: &LedgerMetrics) {
        let standing = self.book.standing();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let lag = standing.oldest_ms.map_or(0, |at_ms| now.as_secs().saturating_sub(at_ms / 1000));
        metrics.pending.set(i64::try_from(standing.pending).unwrap_or(i64::MAX));
        metrics.open.set(i64::try_from(standing.open).unwrap_or(i64::MAX));
        metrics.lag.set(i64::try_from(lag).unwrap_or(i64::MAX));
        metrics.refuses.set(i64::from(standing.refusal.is_some()));
        metrics.journal_failures.inc_by(standing.failures.saturating_sub(metrics.journal_failures.get()));
    }

    /// Everything that is wrong, for those who ask whether the gateway is ready; the first is why requests are refused, if
    /// they are.
    pub(super) fn faults(&self) -> Faults {
        let standing = self.book.standing();
        let store = self.filer.as_ref().and_then(|filer| filer.fault());
        Faults { refusal: standing.refusal, journal: standing.fault, store }
    }
}

/// What was spent of a budget this month, day by day.
fn spent_of(scope: &Scope, today: u64) -> Query {
    let of = |dimension, name: &Arc<str>| (dimension, name.to_string());
    let only = match scope {
        Scope::Key(name) => vec![of(Dimension::Key, name)],
        Scope::Team(name) => vec![of(Dimension::Team, name)],
        Scope::Account(name) => vec![of(Dimension::Account, name)],
        Scope::Spill(name) => vec![of(Dimension::Account, name), (Dimension::Right, SPILL.to_owned())],
    };
    Query { from_day: calendar::first_of_month(today), until_day: today, by: vec![Dimension::Day], only }
}

/// What is wrong with the ledger, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Faults {
    /// Why requests are refused now.
    pub(super) refusal: Option<String>,
    /// What is wrong with the journal.
    pub(super) journal: Option<String>,
    /// What is wrong with the database.
    pub(super) store: Option<String>,
}

/// The journal as the place where rows are written down.
struct Written(Arc<Journal>);

impl Log for Written {
    fn defer(&self, row: &Row) -> Result<(), String> {
        told(self.0.defer(Postcard(EventRef::Row(row))))
    }

    fn defer_end(&self, end: &End) -> Result<(), String> {
        told(self.0.defer(Postcard(EventRef::End(end))))
    }

    fn flush(&self) -> Result<(), String> {
        told(self.0.flush())
    }

    fn probe(&self) -> Result<(), String> {
        told(self.0.append(Postcard(EventRef::Nothing)))
    }
}

fn told(done: Result<(), StateError>) -> Result<(), String> {
    done.map_err(|error| error.to_string())
}
