//! The sums counted again from the rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;
use rusqlite::Connection;

use super::numbers::{stored, sum_of};
use super::rows;
use crate::ledger::{Row, Sum, date};

/// Sums by the labels that rows share, written one after the other.
type Sums = HashMap<Vec<String>, Sum, RandomState>;

/// What the rows say.
#[derive(Debug, Default)]
pub(super) struct Recount {
    /// By day.
    sums: BTreeMap<u64, Sums>,
    /// Rows of each day, and the first and the last of their numbers.
    pub(super) days: BTreeMap<u64, (u64, u64, u64)>,
}

impl Recount {
    /// Counts every row that can be read, and tells `look` of each, or of what is wrong with it. Takes some 20 seconds
    /// for ten million.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn of(connection: &Connection, mut look: impl FnMut(&Result<Row, String>)) -> rusqlite::Result<Self> {
        let mut recount = Self::default();
        rows::each(connection, |row| {
            look(&row);
            row.iter().for_each(|row| recount.count(row));
        })?;
        Ok(recount)
    }

    fn count(&mut self, row: &Row) {
        let day = date::day_of_ms(row.at_ms);
        let labels = row.labels();
        let labels =
            [labels.key, labels.team, labels.tags, labels.account, labels.model, labels.endpoint, labels.right];
        let sums = self.sums.entry(day).or_default();
        sums.entry(labels.map(str::to_owned).to_vec()).or_default().add(&Sum::of(row));
        let (count, first, last) = self.days.entry(day).or_insert((0, row.seq, row.seq));
        (*count, *first, *last) = (*count + 1, row.seq.min(*first), row.seq.max(*last));
    }

    /// In which groups of `day` the kept sums are others, as texts for people.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn differences(&self, connection: &Connection, day: u64) -> rusqlite::Result<Vec<String>> {
        let (kept, none) = (kept(connection, day)?, Sums::default());
        let counted = self.sums.get(&day).unwrap_or(&none);
        let all: BTreeSet<&Vec<String>> = kept.keys().chain(counted.keys()).collect();
        let differs = all.into_iter().filter(|labels| kept.get(*labels) != counted.get(*labels));
        let day = date::written(day);
        Ok(differs.map(|labels| format!("{day}: the sum of {labels:?} is not that of its rows")).collect())
    }
}

fn kept(connection: &Connection, day: u64) -> rusqlite::Result<Sums> {
    let mut select = connection.prepare_cached(
        "SELECT s.*, key, team, tags, account, model, endpoint, by_right FROM ledger_sum s
         LEFT JOIN ledger_group ON id = group_id WHERE day = ?1",
    )?;
    let read = |found: &rusqlite::Row<'_>| {
        let labels: rusqlite::Result<Vec<String>> = (13..20).map(|at| found.get(at)).collect();
        Ok((labels?, sum_of(found, 2)?))
    };
    select.query_map([stored(day)], read)?.collect()
}
