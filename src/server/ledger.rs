//! The ledger in a running gateway: what an earlier life has left is filed before the first request, rows go to the
//! database in batches beside the requests, and old ones are forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tracing::{error, info, warn};

use super::budget::Spending;
use super::events::{EventRef, Postcard};
use super::quota::Accounts;
use super::run::StartError;
use super::state::Loaded;
use crate::config::Settings;
use crate::ledger::book::Closed;
use crate::ledger::date;
use crate::ledger::{Book, Dimension, Log, OnFault, Query, Row, Store, StoreError};
use crate::quota::budget::{Amount, Scope};
use crate::quota::calendar;
use crate::quota::spend::MonthSpend;
use crate::state::{Journal, StateError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::ledger::LedgerMetrics;

/// How long rows may wait to be filed together (ours): reports are behind by so much.
const SOON: Duration = Duration::from_millis(500);
/// Time until a database that failed is tried again (ours).
const AGAIN: Duration = Duration::from_secs(1);
/// Rows in one transaction (ours): a few tens of milliseconds.
const BATCH: usize = 5_000;
/// The right of what was spilled, as `catalog::plan::Right` labels it.
const SPILL: &str = "spill";
/// How often old rows are looked for (ours).
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// Rows forgotten in one transaction (ours).
const FORGET_BATCH: usize = 2_000;

/// What happens to requests that cannot be written down: as written, else they are refused where there are keys, for then
/// somebody is accountable for each; a gateway that is open to its machine goes on.
pub(super) fn policy(settings: &Settings) -> OnFault {
    let usual = if settings.keys.is_empty() { OnFault::GoOn } else { OnFault::Refuse };
    settings.ledger.on_fault.unwrap_or(usual)
}

/// The ledger of a running gateway. Nothing is kept by the demo, or where it is switched off.
pub(super) struct Ledger {
    pub(super) book: Arc<Book>,
    /// Who files; `None` where nothing is kept.
    pub(super) filer: Option<Arc<Filer>>,
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
        let loaded = loaded.filter(|_| settings.ledger.is_kept);
        let over = Arc::new(Notify::new());
        let closed: Closed = {
            let (accounts, over) = (accounts.clone(), over.clone());
            Box::new(move |row| {
                accounts.note(row);
                over.notify_one();
            })
        };
        let log = loaded.map(|loaded| Box::new(Written(loaded.journal.clone())) as Box<dyn Log>);
        let book = Arc::new(Book::new(log, last_seq, policy(settings), closed));
        let filer = loaded.map(|loaded| {
            Arc::new(Filer {
                book: book.clone(),
                store: loaded.database.clone(),
                metrics: metrics.clone(),
                closed: over,
                fault: Mutex::default(),
            })
        });
        Self { book, filer }
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
pub(super) struct Written(pub(super) Arc<Journal>);

impl Log for Written {
    fn defer(&self, row: &Row) -> Result<(), String> {
        told(self.0.defer_all([Postcard(EventRef::Row(row))]))
    }

    fn flush(&self) -> Result<(), String> {
        told(self.0.flush())
    }

    fn probe(&self) -> Result<(), String> {
        told(self.0.append_all([Postcard(EventRef::Nothing)]))
    }
}

fn told(done: Result<(), StateError>) -> Result<(), String> {
    done.map_err(|error| error.to_string())
}

/// What an earlier life has left, filed.
pub(super) struct Restored {
    /// The last number that was given.
    pub(super) last_seq: u64,
    /// What each account has spent this month and last.
    pub(super) spent: BTreeMap<String, MonthSpend>,
}

impl Restored {
    /// What `loaded` has; nothing of it where nothing is kept.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub(super) fn from(loaded: Option<&mut Loaded>) -> Result<Self, StartError> {
        match loaded {
            Some(loaded) => Self::of(loaded.rows(), &*loaded.database),
            None => Ok(Self { last_seq: 0, spent: BTreeMap::new() }),
        }
    }

    /// Files `rows`, of which the last one of a number counts, and asks `store` for what else has to be known.
    ///
    /// # Errors
    /// When the database cannot be used: to go on would begin every budget at zero.
    pub(super) fn of(rows: Vec<Row>, store: &dyn Store) -> Result<Self, StartError> {
        let rows: BTreeMap<u64, Row> = rows.into_iter().map(|row| (row.seq, row)).collect();
        let interrupted = rows.values().filter(|row| row.outcome == "unknown").count();
        if interrupted > 0 {
            warn!(
                interrupted,
                "{interrupted} requests were under way when the last run was killed; the ledger has them as `unknown`, at what they may have cost"
            );
        }
        let last_written = rows.keys().next_back().copied().unwrap_or(0);
        let read = || {
            for batch in rows.into_values().collect::<Vec<_>>().chunks(BATCH) {
                store.file(batch)?;
            }
            Ok((store.last_seq()?, spent(store, SystemTime::now())?))
        };
        let (last_filed, spent) = read().map_err(|error: StoreError| StartError::Settings(unusable(&error)))?;
        Ok(Self { last_seq: last_filed.max(last_written), spent })
    }
}

/// What is wrong with the database, and what to do about it.
pub(super) fn unusable(error: &StoreError) -> String {
    let remedy = match error {
        StoreError::Full(_) => "make room",
        StoreError::Locked(_) => "stop what holds it",
        StoreError::Newer(_) => "run that version",
        StoreError::Damaged(..) => {
            "look at it with `flowgate ledger check`; put a backup in its place, or move it away to begin anew"
        }
        StoreError::Missing(_) | StoreError::Older(_) | StoreError::Failed(..) => {
            "see to the disk, or name another folder in `state.dir`"
        }
    };
    format!("the ledger cannot be used: {error}; {remedy}")
}

/// What each account has spent this month and last, by the ledger.
fn spent(store: &dyn Store, now: SystemTime) -> Result<BTreeMap<String, MonthSpend>, StoreError> {
    let today = calendar::day_of(now);
    let this_month = calendar::first_of_month(today);
    let last_month = calendar::first_of_month(this_month.saturating_sub(1));
    let mut spent = BTreeMap::new();
    for (from_day, until_day) in [(last_month, this_month.saturating_sub(1)), (this_month, today)] {
        let query = Query { from_day, until_day, by: vec![Dimension::Account], ..Query::default() };
        for sum in store.sums(&query)? {
            let account = sum.group.into_iter().next().unwrap_or_default();
            let known = spent.entry(account).or_insert_with(|| MonthSpend::new(now));
            known.add(calendar::start_of_day(until_day), sum.cost);
        }
    }
    Ok(spent)
}

/// Whoever brings rows to the database.
pub(super) struct Filer {
    pub(super) book: Arc<Book>,
    pub(super) store: Arc<dyn Store>,
    pub(super) metrics: Arc<Metrics>,
    /// Told of each row that is over.
    pub(super) closed: Arc<Notify>,
    /// What is wrong with the database.
    fault: Mutex<Option<String>>,
}

impl Filer {
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
    fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there is something to do without being told.
    fn is_behind(&self) -> bool {
        let standing = self.book.standing();
        standing.pending > 0 || standing.fault.is_some()
    }

    /// Files all that waits, as far as the database takes it. Blocks.
    pub(super) fn file(&self) {
        let _told_by_the_standing = self.book.flush();
        self.book.mend();
        loop {
            let rows = self.book.batch(BATCH);
            if rows.is_empty() {
                return;
            }
            let filed = self.store.file(&rows);
            let is_filed = filed.is_ok();
            self.note(filed);
            if !is_filed {
                return;
            }
            self.book.filed();
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
