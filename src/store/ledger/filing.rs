//! Rows on their way in: all of a batch or none, and only those that are new count in the sums.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Connection, Error, Statement, Transaction, TransactionBehavior, params};

use super::days::Days;
use super::forget::Forgotten;
use super::numbers::{stored, sum_columns};
use super::packed::Body;
use super::words::Known;
use crate::ledger::sum::MOST;
use crate::ledger::{Row, Sum, date};

/// Sums by day and group.
type Sums = HashMap<(u64, i64), Sum, RandomState>;

const INSERT: &str = "INSERT INTO ledger_row VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";

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
    let (mut sums, mut days) = (Sums::default(), Days::default());
    let forgotten = Forgotten::read(transaction)?;
    let mut into_rows = transaction.prepare_cached(INSERT)?;
    let mut body = Vec::new();
    for row in rows.iter().filter(|row| !forgotten.had(row)) {
        let (group, words) = (known.group(transaction, row)?, known.words(transaction, row)?);
        Body::of(row, words).pack(&mut body).map_err(|error| Error::ToSqlConversionFailure(error.into()))?;
        if insert(&mut into_rows, row, group, &body)? {
            let day = date::day_of_ms(row.at_ms.min(MOST));
            sums.entry((day, group)).or_default().add(&Sum::of(row));
            days.count(day, row.seq);
        }
    }
    drop(into_rows);
    add(transaction, &sums)?;
    days.write(transaction)
}

/// Whether the row is new.
fn insert(into_rows: &mut Statement<'_>, row: &Row, group: i64, body: &[u8]) -> rusqlite::Result<bool> {
    // No journal will count so far: a number that does not fit is a mistake, and an error.
    Ok(into_rows.execute(params![row.seq, stored(row.at_ms), group, body])? > 0)
}

fn add(transaction: &Transaction<'_>, sums: &Sums) -> rusqlite::Result<()> {
    let mut add = transaction.prepare_cached(ADD)?;
    for ((day, group), sum) in sums {
        let [a, b, c, d, e, f, g, h, i, micros, picos] = sum_columns(sum);
        add.execute(params![stored(*day), group, a, b, c, d, e, f, g, h, i, micros, picos])?;
    }
    Ok(())
}
