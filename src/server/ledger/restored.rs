//! What an earlier life has left, filed before the first request: rows of the journal that may not be in the database, and
//! what has to be known of all of them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use tracing::warn;

use crate::ledger::{Dimension, Query, Row, Store, StoreError};
use crate::quota::calendar;
use crate::quota::spend::MonthSpend;
use crate::server::error::StartError;
use crate::server::state::Loaded;

/// Rows in one transaction (ours): a few tens of milliseconds.
const BATCH: usize = 5_000;

/// What an earlier life has left, filed.
pub(in crate::server) struct Restored {
    /// The last number that was given.
    pub(in crate::server) last_seq: u64,
    /// What each account has spent this month and last.
    pub(in crate::server) spent: BTreeMap<String, MonthSpend>,
}

impl Restored {
    /// What `loaded` has; nothing of it where nothing is kept.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub(in crate::server) fn from(loaded: Option<&mut Loaded>) -> Result<Self, StartError> {
        match loaded {
            Some(loaded) => Self::of(loaded.rows(), &*loaded.database),
            None => Ok(Self { last_seq: 0, spent: BTreeMap::new() }),
        }
    }

    /// Files `rows` and asks `store` for what else has to be known.
    ///
    /// # Errors
    /// When the database cannot be used: to go on would begin every budget at zero.
    pub(in crate::server) fn of(rows: BTreeMap<u64, Row>, store: &dyn Store) -> Result<Self, StartError> {
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
pub(in crate::server) fn unusable(error: &StoreError) -> String {
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
