//! Where the rows of each day lie, and how many there are.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::numbers::stored;

/// The days of a batch.
#[derive(Debug, Default)]
pub(super) struct Days(BTreeMap<u64, Day>);

/// One day: the first and the last number among its rows, and their count.
#[derive(Debug, Clone, Copy)]
struct Day {
    first: u64,
    last: u64,
    count: u64,
}

impl Days {
    /// A row of `day` was filed.
    pub(super) fn count(&mut self, day: u64, seq: u64) {
        let day = self.0.entry(day).or_insert(Day { first: seq, last: seq, count: 0 });
        (day.first, day.last, day.count) = (day.first.min(seq), day.last.max(seq), day.count + 1);
    }

    /// Adds them to what the database has.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut add = connection.prepare_cached(
            "INSERT INTO ledger_day VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT DO UPDATE SET
             first_seq = min(first_seq, ?2), last_seq = max(last_seq, ?3), filed = filed + ?4",
        )?;
        for (day, Day { first, last, count }) in &self.0 {
            add.execute(params![stored(*day), stored(*first), stored(*last), stored(*count)])?;
        }
        Ok(())
    }
}

/// Between which numbers the rows of these days lie; `None` without any.
///
/// # Errors
/// What the database says.
pub(super) fn span(connection: &Connection, from: u64, until: u64) -> rusqlite::Result<Option<(u64, u64)>> {
    let mut find = connection.prepare_cached(
        "SELECT min(first_seq), max(last_seq) FROM ledger_day WHERE day BETWEEN ?1 AND ?2 AND filed > forgotten",
    )?;
    let ends: (Option<u64>, Option<u64>) =
        find.query_row([stored(from), stored(until)], |found| Ok((found.get(0)?, found.get(1)?)))?;
    Ok(ends.0.zip(ends.1))
}
