//! Numbers as SQLite holds them: signed, of 64 bits.

use rusqlite::Row as Found;

use crate::ledger::Money;
use crate::ledger::Sum;
use crate::ledger::sum::MOST;

/// Pico-CNY in a micro-CNY.
const PICOS_IN_MICRO: u64 = 1_000_000;

/// `number`, or the largest that there is room for.
pub(super) fn stored(number: u64) -> i64 {
    number.min(MOST).cast_signed()
}

/// The columns of a sum after its day and group, in their order.
pub(super) fn sum_columns(sum: &Sum) -> [i64; 11] {
    let mut columns = [0; 11];
    for (column, number) in columns.iter_mut().zip(sum.numbers()) {
        *column = stored(number);
    }
    columns[9] = stored(sum.cost.micros_cny());
    columns[10] = stored(sum.cost.picos_cny() % PICOS_IN_MICRO);
    columns
}

/// The sum in the columns of `found` from `first` on.
///
/// # Errors
/// When something else than numbers is there.
pub(super) fn sum_of(found: &Found<'_>, first: usize) -> rusqlite::Result<Sum> {
    let mut sum = Sum::default();
    for (at, number) in (first..).zip(sum.numbers_mut()) {
        *number = found.get(at)?;
    }
    let (micros, picos): (u64, u64) = (found.get(first + 9)?, found.get(first + 10)?);
    sum.cost = Money::from_micros_cny(micros) + Money::from_picos_cny(picos);
    Ok(sum)
}
