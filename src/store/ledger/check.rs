//! What is wrong with what is kept.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::recount::Recount;
use crate::ledger::{Row, date};
use crate::store::{is_misread, told};

/// Faults that are told (ours): more of them tell nothing new.
const MOST: usize = 20;

/// Faults: the first of them, and how many more there are, for a ledger may be wrong in every row.
#[derive(Default)]
struct Faults {
    told: Vec<String>,
    more: usize,
}

impl Faults {
    fn push(&mut self, fault: String) {
        if self.told.len() < MOST { self.told.push(fault) } else { self.more += 1 }
    }

    fn all(self) -> Vec<String> {
        let more = (self.more > 0).then(|| format!("and {} more", self.more));
        self.told.into_iter().chain(more).collect()
    }
}

/// A day as it is kept: how many rows were filed and forgotten, and between which numbers they lie.
struct Day {
    filed: u64,
    forgotten: u64,
    first: u64,
    last: u64,
}

/// Every fault, for people. Reads all that there is; the writer goes on meanwhile.
///
/// # Errors
/// What the database says where it cannot be read on.
pub(super) fn check(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let broken = integrity(connection)?;
    if !broken.is_empty() {
        // What SQLite finds broken need not be counted.
        return Ok(broken);
    }
    // One moment for all tables.
    let (moment, mut faults) = (connection.unchecked_transaction()?, Faults::default());
    let recount = Recount::of(&moment, |row| look(row, &mut faults))?;
    match compare(&moment, &recount, &mut faults) {
        Err(error) if is_misread(&error) => faults.push(told(&error)),
        compared => compared?,
    }
    Ok(faults.all())
}

fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare("PRAGMA integrity_check(20)")?;
    let found: Vec<String> = check.query_map([], |found| found.get(0))?.collect::<Result<_, _>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// What no row can have.
fn look(row: &Result<Row, String>, faults: &mut Faults) {
    let row = match row {
        Ok(row) => row,
        Err(fault) => return faults.push(fault.clone()),
    };
    let mut wrong = |what: &str, value: &str| faults.push(format!("row {}: {what} is {value:?}", row.seq));
    if !Row::OUTCOMES.contains(&&*row.outcome) {
        wrong("its outcome", &row.outcome);
    }
    if !Row::USAGES.contains(&&*row.usage) {
        wrong("its kind of usage", &row.usage);
    }
}

fn compare(connection: &Connection, recount: &Recount, faults: &mut Faults) -> rusqlite::Result<()> {
    let days = days(connection)?;
    for day in recount.days.keys().filter(|day| !days.contains_key(day)) {
        faults.push(format!("{}: there are rows of a day that is not known", date::written(*day)));
    }
    for (day, kept) in &days {
        let (count, first, last) = recount.days.get(day).copied().unwrap_or((0, kept.first, kept.last));
        if count != kept.filed.saturating_sub(kept.forgotten) || first < kept.first || last > kept.last {
            faults.push(format!("{}: {count} rows are there, not those that were filed", date::written(*day)));
        }
        // The sums of rows that were forgotten cannot be counted again.
        if kept.forgotten == 0 {
            recount.differences(connection, *day)?.into_iter().for_each(|fault| faults.push(fault));
        }
    }
    let mut of_no_day =
        connection.prepare("SELECT DISTINCT day FROM ledger_sum WHERE day NOT IN (SELECT day FROM ledger_day)")?;
    for day in of_no_day.query_map([], |found| found.get(0))? {
        faults.push(format!("{}: there are sums of a day that is not known", date::written(day?)));
    }
    Ok(())
}

fn days(connection: &Connection) -> rusqlite::Result<BTreeMap<u64, Day>> {
    let mut select = connection.prepare("SELECT day, filed, forgotten, first_seq, last_seq FROM ledger_day")?;
    let read = |found: &rusqlite::Row<'_>| {
        let (filed, forgotten, first, last) = (found.get(1)?, found.get(2)?, found.get(3)?, found.get(4)?);
        Ok((found.get(0)?, Day { filed, forgotten, first, last }))
    };
    select.query_map([], read)?.collect()
}
