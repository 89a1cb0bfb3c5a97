//! Rows on their way in: all of a batch or none, and only those that are new count in the sums.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Connection, Statement, Transaction, TransactionBehavior, params};

use super::days::Days;
use super::forget::Forgotten;
use super::numbers::{stored, sum_columns};
use super::packed::Body;
use super::rows::last_seq;
use super::words::Known;
use crate::ledger::sum::MOST;
use crate::ledger::{Row, Sum, date};

/// Sums by day and group.
type Sums = HashMap<(u64, i64), Sum, RandomState>;

/// Rows that new ones are filed with by one statement (ours): to begin and to end one costs as much as a row.
const TOGETHER: usize = 32;
/// Columns of a row.
const COLUMNS: usize = 4;

/// `a + b` would become a fraction beyond 2⁶³ − 1: sums stop there instead.
const ADD: &str = "INSERT INTO ledger_sum VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
    ON CONFLICT DO UPDATE SET
    requests = requests + min(?3, 9223372036854775807 - requests),
    failed = failed + min(?4, 9223372036854775807 - failed),
    input_tokens = input_tokens + min(?5, 9223372036854775807 - input_tokens),
    output_tokens = output_tokens + min(?6, 9223372036854775807 - output_tokens),
    cached_tokens = cached_tokens + min(?7, 9223372036854775807 - cached_tokens),
    reasoning_tokens = reasoning_tokens + min(?8, 9223372036854775807 - reasoning_tokens),
    images = images + min(?9, 9223372036854775807 - images),
    unpriced = unpriced + min(?10, 9223372036854775807 - unpriced),
    inexact = inexact + min(?11, 9223372036854775807 - inexact),
    cost_micros = cost_micros + min(?12, 9223372036854775807 - cost_micros),
    cost_picos = cost_picos + min(?13, 9223372036854775807 - cost_picos)";

/// Files `rows` in one transaction.
///
/// # Errors
/// What the database says; nothing was filed then, and the connection is as before.
pub(super) fn file(connection: &mut Connection, known: &mut Known, rows: &[&Row]) -> rusqlite::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    file_within(&transaction, known, rows)?;
    transaction.commit()
}

/// Files `rows` together with whatever else `transaction` does.
///
/// # Errors
/// What the database says; the transaction must not be committed then, and `known` not be used any more.
pub(in crate::store) fn file_within(
    transaction: &Transaction<'_>,
    known: &mut Known,
    rows: &[&Row],
) -> rusqlite::Result<()> {
    let forgotten = Forgotten::read(transaction)?;
    let mut rows: Vec<&Row> = rows.iter().copied().filter(|row| !forgotten.had(row)).collect();
    // Of a number that comes twice the first counts.
    rows.sort_by_key(|row| row.seq);
    rows.dedup_by_key(|row| row.seq);
    let last = last_seq(transaction)?;
    let new = rows.partition_point(|row| row.seq <= last);
    let (perhaps_filed, new) = rows.split_at(new);
    let (full, rest) = new.as_chunks();
    let mut filing = Filing { transaction, known, sums: Sums::default(), days: Days::default(), body: Vec::new() };
    filing.one_by_one(perhaps_filed)?;
    filing.together(full)?;
    filing.one_by_one(rest)?;
    add(transaction, &filing.sums)?;
    filing.days.write(transaction)
}

/// A batch on its way in.
struct Filing<'a> {
    transaction: &'a Transaction<'a>,
    known: &'a mut Known,
    sums: Sums,
    days: Days,
    /// The last row as it is kept.
    body: Vec<u8>,
}

impl Filing<'_> {
    /// Files rows of which some may be there already.
    fn one_by_one(&mut self, rows: &[&Row]) -> rusqlite::Result<()> {
        let mut into_rows = self.transaction.prepare_cached(&format!("{} ON CONFLICT DO NOTHING", insert::<1>()))?;
        for row in rows {
            let group = self.bind(&mut into_rows, 0, row)?;
            if into_rows.raw_execute()? > 0 {
                self.count(row, group);
            }
        }
        Ok(())
    }

    /// Files rows whose numbers are beyond all that are there.
    fn together(&mut self, rows: &[[&Row; TOGETHER]]) -> rusqlite::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut into_rows = self.transaction.prepare_cached(&insert::<TOGETHER>())?;
        for rows in rows {
            for (place, row) in rows.iter().enumerate() {
                let group = self.bind(&mut into_rows, place, row)?;
                self.count(row, group);
            }
            into_rows.raw_execute()?;
        }
        Ok(())
    }

    /// Hands a row to the statement, as the one at `place` of those that it files; what its group is.
    fn bind(&mut self, into_rows: &mut Statement<'_>, place: usize, row: &Row) -> rusqlite::Result<i64> {
        let (group, words) = (self.known.group(self.transaction, row)?, self.known.words(self.transaction, row)?);
        Body::of(row, words).pack(&mut self.body);
        let first = place * COLUMNS + 1;
        // No journal will count so far: a number that does not fit is a mistake, and an error.
        into_rows.raw_bind_parameter(first, row.seq)?;
        into_rows.raw_bind_parameter(first + 1, stored(row.at_ms))?;
        into_rows.raw_bind_parameter(first + 2, group)?;
        into_rows.raw_bind_parameter(first + 3, &self.body[..])?;
        Ok(group)
    }

    fn count(&mut self, row: &Row, group: i64) {
        let day = date::day_of_ms(row.at_ms.min(MOST));
        self.sums.entry((day, group)).or_default().add(&Sum::of(row));
        self.days.count(day, row.seq);
    }
}

/// The statement that files `N` rows.
fn insert<const N: usize>() -> String {
    format!("INSERT INTO ledger_row VALUES {}", ["(?, ?, ?, ?)"; N].join(", "))
}

fn add(transaction: &Transaction<'_>, sums: &Sums) -> rusqlite::Result<()> {
    let mut add = transaction.prepare_cached(ADD)?;
    for ((day, group), sum) in sums {
        let [a, b, c, d, e, f, g, h, i, micros, picos] = sum_columns(sum);
        add.execute(params![stored(*day), group, a, b, c, d, e, f, g, h, i, micros, picos])?;
    }
    Ok(())
}
