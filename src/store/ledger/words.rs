//! What rows share, and the numbers it is kept under.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, params};

use crate::ledger::row::Label;
use crate::ledger::{Price, Row};

/// Entries that are remembered of each kind (ours): far more than a team has, and a few megabytes at worst, for names of
/// models come from callers.
const MOST: usize = 10_000;

/// Numbers that were looked up before. They never change, so this stays right whoever else writes; only those of a
/// transaction that failed must be forgotten.
#[derive(Debug, Default)]
pub(in crate::store) struct Known {
    words: HashMap<Box<str>, i64, RandomState>,
    prices: HashMap<Price, i64, RandomState>,
    groups: HashMap<Group, i64, RandomState>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Group {
    names: [Arc<str>; 5],
    labels: [Label; 2],
}

impl Known {
    /// The number of `word`, which is written down if it is new.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn word(&mut self, connection: &Connection, word: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.words.get(word) {
            return Ok(*id);
        }
        let mut find = connection.prepare_cached("SELECT id FROM ledger_word WHERE word = ?1")?;
        let id = match find.query_row([word], |found| found.get(0)).optional()? {
            Some(id) => id,
            None => connection.prepare_cached("INSERT INTO ledger_word (word) VALUES (?1)")?.insert([word])?,
        };
        if self.words.len() >= MOST {
            self.words.clear();
        }
        self.words.insert(word.into(), id);
        Ok(id)
    }

    /// The number of a price's text; without a price that of an empty word.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn price(&mut self, connection: &Connection, price: Option<Price>) -> rusqlite::Result<i64> {
        let Some(price) = price else { return self.word(connection, "") };
        if let Some(id) = self.prices.get(&price) {
            return Ok(*id);
        }
        let id = self.word(connection, &price.to_json())?;
        if self.prices.len() >= MOST {
            self.prices.clear();
        }
        self.prices.insert(price, id);
        Ok(id)
    }

    /// The number of what sums tell `row` apart by, which is written down if it is new.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn group(&mut self, connection: &Connection, row: &Row) -> rusqlite::Result<i64> {
        let Row { key, team, tags, account, model, endpoint, right, .. } = row;
        let names = [key, team, tags, account, model].map(Arc::clone);
        let group = Group { names, labels: [endpoint.clone(), right.clone()] };
        if let Some(id) = self.groups.get(&group) {
            return Ok(*id);
        }
        let id = group_id(connection, row)?;
        if self.groups.len() >= MOST {
            self.groups.clear();
        }
        self.groups.insert(group, id);
        Ok(id)
    }
}

fn group_id(connection: &Connection, row: &Row) -> rusqlite::Result<i64> {
    let Row { key, team, tags, account, model, endpoint, right, .. } = row;
    let values = params![key, team, tags, account, model, endpoint, right];
    let mut find = connection.prepare_cached(
        "SELECT id FROM ledger_group WHERE key = ?1 AND team = ?2 AND tags = ?3 AND account = ?4 AND model = ?5
         AND endpoint = ?6 AND by_right = ?7",
    )?;
    if let Some(id) = find.query_row(values, |found| found.get(0)).optional()? {
        return Ok(id);
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO ledger_group (key, team, tags, account, model, endpoint, by_right) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.insert(values)
}
