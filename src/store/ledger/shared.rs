//! What rows share, on their way out: each number is looked up once for all rows that are read together.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row as Found};

use super::words::{Group, MOST};
use crate::ledger::Price;

/// Values by their numbers.
type Numbered<T> = HashMap<i64, T, RandomState>;

/// What was looked up. The rows must be read in the same transaction, so that all that they name is there.
pub(super) struct Shared<'a> {
    connection: &'a Connection,
    words: Numbered<Arc<str>>,
    prices: Numbered<Option<Arc<Price>>>,
    groups: Numbered<Group>,
}

/// A row names what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its {0} {1} is not there")]
struct Lost(&'static str, i64);

impl<'a> Shared<'a> {
    /// Nothing yet.
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self { connection, words: HashMap::default(), prices: HashMap::default(), groups: HashMap::default() }
    }

    /// The word with the number `id`.
    ///
    /// # Errors
    /// What the database says, or that there is none.
    pub(super) fn word(&mut self, id: i64) -> rusqlite::Result<Arc<str>> {
        kept(&mut self.words, id, || {
            find(self.connection, "SELECT word FROM ledger_word WHERE id = ?1", Lost("word", id), |found| found.get(0))
        })
    }

    /// The price in the word with the number `id`.
    ///
    /// # Errors
    /// What the database says, or that there is no such word.
    pub(super) fn price(&mut self, id: i64) -> rusqlite::Result<Option<Arc<Price>>> {
        if let Some(price) = self.prices.get(&id) {
            return Ok(price.clone());
        }
        let price = Price::of_json(&self.word(id)?).map(Arc::new);
        kept(&mut self.prices, id, || Ok(price))
    }

    /// The group with the number `id`.
    ///
    /// # Errors
    /// What the database says, or that there is none.
    pub(super) fn group(&mut self, id: i64) -> rusqlite::Result<Group> {
        kept(&mut self.groups, id, || {
            find(self.connection, "SELECT * FROM ledger_group WHERE id = ?1", Lost("group", id), Group::read)
        })
    }
}

/// What is kept under `id`, or else was found.
fn kept<T: Clone>(kept: &mut Numbered<T>, id: i64, find: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    if let Some(value) = kept.get(&id) {
        return Ok(value.clone());
    }
    let value = find()?;
    if kept.len() >= MOST {
        kept.clear();
    }
    kept.insert(id, value.clone());
    Ok(value)
}

fn find<T>(
    connection: &Connection,
    sql: &str,
    lost: Lost,
    read: impl FnOnce(&Found<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let found = connection.prepare_cached(sql)?.query_row([lost.1], read).optional()?;
    found.ok_or_else(|| FromSqlError::other(lost).into())
}
