//! Reports: sums with their total.

use super::export::Report;
use super::query::Query;
use super::store::{Store, StoreError};
use super::sum::Sum;

/// Answers `query`. Blocks for as long as reading takes.
///
/// # Errors
/// [`StoreError`].
pub fn report(store: &dyn Store, query: Query) -> Result<Report, StoreError> {
    let sums = store.sums(&query)?;
    // Added up it would have rows with several tags in it several times.
    let total = store.sums(&query.total())?.into_iter().next().unwrap_or_else(Sum::default);
    Ok(Report { query, sums, total })
}
