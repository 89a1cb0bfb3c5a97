//! The tables, as a list of steps that is only ever added to: a database of any earlier version takes those that it has not
//! taken yet. The number of steps taken is SQLite's `user_version`.

use std::cmp::Ordering;
use std::path::Path;

use rusqlite::Connection;

use super::Database;
use crate::ledger::StoreError;

/// Each step, in order.
const STEPS: &[&str] = &[
    "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    super::ledger::tables::STEP,
    super::keys::STEP,
    super::jobs::STEP,
    super::responses::STEP,
];

/// Takes the steps that are missing, each with its number or not at all.
///
/// # Errors
/// [`StoreError::Newer`] when a later version has taken more.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| Database::error(path, error);
    // The lock comes first: two processes may open it at once.
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    let taken: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let steps = (1..).zip(STEPS);
    if steps.clone().last().is_none_or(|(last, _)| taken > last) {
        return Err(StoreError::Newer(path.display().to_string()));
    }
    for (number, step) in steps.filter(|(number, _)| *number > taken) {
        transaction.execute_batch(step).map_err(failed)?;
        transaction.pragma_update(None, "user_version", number).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// Whether every step was taken, for those who only read.
///
/// # Errors
/// [`StoreError::Older`] or [`StoreError::Newer`] when not.
pub(super) fn is_current(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let taken = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    let taken: usize = taken.map_err(|error| Database::error(path, error))?;
    match taken.cmp(&STEPS.len()) {
        Ordering::Less => Err(StoreError::Older(path.display().to_string())),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::Newer(path.display().to_string())),
    }
}
