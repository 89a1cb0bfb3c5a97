//! What rows share, and the numbers it is kept under.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, Row as Found, params};

use super::packed::Words;
use crate::ledger::row::Label;
use crate::ledger::{Price, Row};

/// Entries that are remembered of each kind (ours): far more than a team has, and a few megabytes at worst, for names of
/// models come from callers.
pub(super) const MOST: usize = 10_000;

/// Numbers that were looked up before. They never change, so this stays right whoever else writes; only those of a
/// transaction that failed must be forgotten.
#[derive(Debug, Default)]
pub(in crate::store) struct Known {
    words: HashMap<Box<str>, i64, RandomState>,
    prices: HashMap<Price, i64, RandomState>,
    groups: HashMap<Group, i64, RandomState>,
    /// The group of the last row, which most often is that of the next one.
    last: Option<(Group, i64)>,
    /// Its words, likewise.
    last_words: Option<(Said, Words)>,
}

/// What rows say in words.
#[derive(Debug)]
struct Said {
    outcome: Label,
    usage: Label,
    price: Option<Arc<Price>>,
    edits: Arc<str>,
}

impl Said {
    fn of(row: &Row) -> Self {
        let Row { outcome, usage, price, edits, .. } = row;
        Self { outcome: outcome.clone(), usage: usage.clone(), price: price.clone(), edits: edits.clone() }
    }

    fn is_by(&self, row: &Row) -> bool {
        let Self { outcome, usage, price, edits } = self;
        (outcome, usage, price, edits) == (&row.outcome, &row.usage, &row.price, &row.edits)
    }
}

/// What sums tell rows apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) key: Arc<str>,
    pub(super) team: Arc<str>,
    pub(super) tags: Arc<str>,
    pub(super) account: Arc<str>,
    pub(super) model: Arc<str>,
    pub(super) endpoint: Label,
    pub(super) right: Label,
}

impl Group {
    fn of(row: &Row) -> Self {
        let Row { key, team, tags, account, model, .. } = row;
        let [key, team, tags, account, model] = [key, team, tags, account, model].map(Arc::clone);
        Self { key, team, tags, account, model, endpoint: row.endpoint.clone(), right: row.right.clone() }
    }

    fn is_of(&self, row: &Row) -> bool {
        let Self { key, team, tags, account, model, endpoint, right } = self;
        // Most are the same texts in memory, which says it at once.
        (key, team, tags, account) == (&row.key, &row.team, &row.tags, &row.account)
            && (model, endpoint, right) == (&row.model, &row.endpoint, &row.right)
    }

    /// The group in all columns of its table.
    ///
    /// # Errors
    /// When something else than text is there.
    pub(super) fn read(found: &Found<'_>) -> rusqlite::Result<Self> {
        let label = |at| found.get::<_, String>(at).map(Label::Owned);
        Ok(Self {
            key: found.get(1)?,
            team: found.get(2)?,
            tags: found.get(3)?,
            account: found.get(4)?,
            model: found.get(5)?,
            endpoint: label(6)?,
            right: label(7)?,
        })
    }
}

impl Known {
    /// The numbers of the words of `row`, which are written down if they are new.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn words(&mut self, connection: &Connection, row: &Row) -> rusqlite::Result<Words> {
        if let Some((_, words)) = self.last_words.as_ref().filter(|(said, _)| said.is_by(row)) {
            return Ok(*words);
        }
        let words = Words {
            outcome: self.word(connection, &row.outcome)?,
            usage: self.word(connection, &row.usage)?,
            price: self.price(connection, row.price.as_deref())?,
            edits: self.word(connection, &row.edits)?,
        };
        self.last_words = Some((Said::of(row), words));
        Ok(words)
    }

    /// The number of `word`.
    fn word(&mut self, connection: &Connection, word: &str) -> rusqlite::Result<i64> {
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
    fn price(&mut self, connection: &Connection, price: Option<&Price>) -> rusqlite::Result<i64> {
        let Some(price) = price else { return self.word(connection, "") };
        if let Some(id) = self.prices.get(price) {
            return Ok(*id);
        }
        let id = self.word(connection, &price.to_json())?;
        if self.prices.len() >= MOST {
            self.prices.clear();
        }
        self.prices.insert(*price, id);
        Ok(id)
    }

    /// The number of what sums tell `row` apart by, which is written down if it is new.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn group(&mut self, connection: &Connection, row: &Row) -> rusqlite::Result<i64> {
        if let Some((_, id)) = self.last.as_ref().filter(|(group, _)| group.is_of(row)) {
            return Ok(*id);
        }
        let group = Group::of(row);
        let id = match self.groups.get(&group) {
            Some(id) => *id,
            None => self.add_group(connection, &group)?,
        };
        self.last = Some((group, id));
        Ok(id)
    }

    fn add_group(&mut self, connection: &Connection, group: &Group) -> rusqlite::Result<i64> {
        let id = group_id(connection, group)?;
        if self.groups.len() >= MOST {
            self.groups.clear();
        }
        self.groups.insert(group.clone(), id);
        Ok(id)
    }
}

fn group_id(connection: &Connection, group: &Group) -> rusqlite::Result<i64> {
    let Group { key, team, tags, account, model, endpoint, right } = group;
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
