//! Forgetting rows that are old, a few at a time; their sums stay.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::numbers::stored;
use crate::ledger::sum::MOST;
use crate::ledger::{Row, date};

/// What was forgotten: a row that is filed again after that must not count twice.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    pub(super) last_seq: u64,
    before_ms: u64,
}

/// A day with rows that may be old enough.
struct Day {
    day: u64,
    first: i64,
    last: i64,
}

impl Forgotten {
    /// What the database says.
    ///
    /// # Errors
    /// What SQLite says.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut find = connection.prepare_cached("SELECT last_seq, before_ms FROM ledger_forgotten")?;
        let found = find.query_row([], |found| Ok(Self { last_seq: found.get(0)?, before_ms: found.get(1)? }));
        Ok(found.optional()?.unwrap_or_default())
    }

    /// Whether `row` was there once. Number and time both tell: a late row with a small number is new if it is of a time
    /// that was never forgotten.
    pub(super) fn had(&self, row: &Row) -> bool {
        row.seq <= self.last_seq && row.at_ms < self.before_ms
    }

    fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut write = transaction.prepare_cached(
            "INSERT INTO ledger_forgotten VALUES (1, ?1, ?2) ON CONFLICT DO UPDATE SET
             last_seq = max(last_seq, ?1), before_ms = max(before_ms, ?2)",
        )?;
        write.execute([stored(self.last_seq), stored(self.before_ms)]).map(drop)
    }
}

/// Forgets at most `most` rows that began before `at_ms`, the oldest days first, and says how many.
///
/// # Errors
/// What the database says; nothing was forgotten then.
pub(super) fn forget(connection: &mut Connection, at_ms: u64, most: usize) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut count, mut last) = (0, 0);
    for day in days(&transaction, at_ms)? {
        let old = old(&transaction, &day, at_ms, most.saturating_sub(count))?;
        remove(&transaction, &day, &old, at_ms)?;
        count += old.len();
        last = old.last().copied().unwrap_or(0).max(last);
        if count >= most {
            break;
        }
    }
    if count > 0 {
        Forgotten { last_seq: last.cast_unsigned(), before_ms: at_ms }.write(&transaction)?;
    }
    transaction.commit()?;
    Ok(count as u64)
}

fn days(transaction: &Transaction<'_>, at_ms: u64) -> rusqlite::Result<Vec<Day>> {
    let mut find = transaction.prepare_cached(
        "SELECT day, first_seq, last_seq FROM ledger_day WHERE filed > forgotten AND day <= ?1 ORDER BY day",
    )?;
    let read = |found: &rusqlite::Row<'_>| Ok(Day { day: found.get(0)?, first: found.get(1)?, last: found.get(2)? });
    find.query_map([stored(date::day_of_ms(at_ms.min(MOST)))], read)?.collect()
}

/// Numbers of rows of `day` that began before `at_ms`.
fn old(transaction: &Transaction<'_>, day: &Day, at_ms: u64, most: usize) -> rusqlite::Result<Vec<i64>> {
    let (from, until) = (date::begins_ms(day.day), date::begins_ms(day.day + 1).min(at_ms));
    let mut find = transaction.prepare_cached(
        "SELECT seq FROM ledger_row WHERE seq BETWEEN ?1 AND ?2 AND at_ms >= ?3 AND at_ms < ?4 ORDER BY seq LIMIT ?5",
    )?;
    let most = stored(most as u64);
    find.query_map(params![day.first, day.last, stored(from), stored(until), most], |found| found.get(0))?.collect()
}

fn remove(transaction: &Transaction<'_>, day: &Day, old: &[i64], at_ms: u64) -> rusqlite::Result<()> {
    let mut delete = transaction.prepare_cached("DELETE FROM ledger_row WHERE seq = ?1")?;
    for seq in old {
        delete.execute([seq])?;
    }
    // Of a day that goes as a whole nothing is left before the last one.
    let is_whole = date::begins_ms(day.day + 1) <= at_ms;
    let first = old.last().filter(|_| is_whole).map_or(day.first, |last| last + 1);
    let mut count = transaction
        .prepare_cached("UPDATE ledger_day SET forgotten = forgotten + ?2, first_seq = ?3 WHERE day = ?1")?;
    count.execute(params![stored(day.day), stored(old.len() as u64), first]).map(drop)
}
