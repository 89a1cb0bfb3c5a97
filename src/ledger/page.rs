//! Rows in pages, of those that a question means.

use super::query::Query;
use super::row::Row;
use super::store::{Store, StoreError};

/// Rows read at once (ours): about half a megabyte.
const AT_ONCE: usize = 1000;
/// Rows looked at for one page (ours): a tenth of a second. Where few are meant, pages come short rather than late.
const MOST_LOOKED_AT: usize = 50_000;

/// Some rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order of their numbers.
    pub rows: Vec<Row>,
    /// What the next page comes after.
    pub next: u64,
    /// Whether there was nothing more when it was made.
    pub is_last: bool,
}

/// Rows that `query` means (its `by` aside) with numbers above `after`: at most `most`, perhaps none where there are more
/// to come. Blocks for as long as reading takes.
///
/// # Errors
/// [`StoreError`].
pub fn page(store: &dyn Store, query: &Query, after: u64, most: usize) -> Result<Page, StoreError> {
    let mut page = Page { rows: Vec::new(), next: after, is_last: true };
    let Some((first, last)) = store.span(query.from_day, query.until_day)? else { return Ok(page) };
    let mut at = after.max(first.saturating_sub(1));
    let mut looked_at = 0;
    while at < last {
        let rows = store.rows(at, most.clamp(1, AT_ONCE))?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if page.rows.len() >= most || looked_at >= MOST_LOOKED_AT {
                page.is_last = false;
                return Ok(page);
            }
            looked_at += 1;
            (at, page.next) = (row.seq, row.seq);
            page.rows.extend(query.wants_row(&row).then_some(row));
        }
    }
    Ok(page)
}
