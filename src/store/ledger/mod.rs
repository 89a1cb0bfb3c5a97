//! Rows of the ledger in the database, and their sums by day.
//!
//! `filing` is the one way in. Sums are kept in the same transaction as the rows that they count, so both are right or
//! neither is there; reports read sums only and stay fast however many rows there are. Start with `tables`.

mod check;
mod days;
mod filing;
mod forget;
mod numbers;
mod packed;
mod recount;
mod rows;
mod shared;
mod sums;
pub(super) mod tables;
mod words;

use super::Database;
use crate::ledger::{Query, Row, Store, StoreError, Sum};
pub(super) use filing::file_within;
pub(super) use words::Known;

impl Store for Database {
    fn file_all(&self, rows: &[&Row]) -> Result<(), StoreError> {
        let mut connection = self.writer();
        let mut known = self.known();
        filing::file(&mut connection, &mut known, rows).map_err(|error| {
            // Some of it was not committed.
            *known = Known::default();
            self.failed()(error)
        })
    }

    fn last_seq(&self) -> Result<u64, StoreError> {
        self.read(rows::last_seq)
    }

    fn sums(&self, query: &Query) -> Result<Vec<Sum>, StoreError> {
        self.read(|connection| sums::sums(connection, query))
    }

    fn rows(&self, after: u64, most: usize) -> Result<Vec<Row>, StoreError> {
        self.read(|connection| rows::rows(connection, after, most))
    }

    fn rows_before(&self, before: u64, most: usize) -> Result<Vec<Row>, StoreError> {
        self.read(|connection| rows::rows_before(connection, before, most))
    }

    fn span(&self, from_day: u64, until_day: u64) -> Result<Option<(u64, u64)>, StoreError> {
        self.read(|connection| days::span(connection, from_day, until_day))
    }

    fn forget(&self, at_ms: u64, most: usize) -> Result<u64, StoreError> {
        forget::forget(&mut self.writer(), at_ms, most).map_err(self.failed())
    }

    fn check(&self) -> Result<Vec<String>, StoreError> {
        match self.read(check::check) {
            // That it cannot be read to its end is what was asked for.
            Err(StoreError::Damaged(_, what)) => Ok(vec![what]),
            result => result,
        }
    }
}
