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
    /// In the order that was asked for.
    pub rows: Vec<Row>,
    /// What the next page comes after.
    pub next: u64,
    /// Whether there was nothing more when it was made.
    pub is_last: bool,
}

/// How requests ended, to take only some of the rows that a question means. Nothing named means any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endings {
    /// Words of [`Row::OUTCOMES`].
    pub outcomes: Vec<String>,
    /// First and last status of each range, both included.
    pub statuses: Vec<(u16, u16)>,
}

impl Endings {
    /// Whether `row` ended in one of these ways.
    pub fn have(&self, row: &Row) -> bool {
        let is_outcome = self.outcomes.is_empty() || self.outcomes.iter().any(|outcome| **outcome == *row.outcome);
        let is_status = |(first, last): &(u16, u16)| (*first..=*last).contains(&row.status);
        is_outcome && (self.statuses.is_empty() || self.statuses.iter().any(is_status))
    }
}

/// Rows that `query` means (its `by` aside) with numbers above `after`: at most `most`, perhaps none where there are more
/// to come. Blocks for as long as reading takes.
///
/// # Errors
/// [`StoreError`].
pub fn page(store: &dyn Store, query: &Query, after: u64, most: usize) -> Result<Page, StoreError> {
    oldest(store, query, &Endings::default(), after, most)
}

/// The same of rows that ended as `endings` says.
///
/// # Errors
/// [`StoreError`].
pub fn oldest(
    store: &dyn Store,
    query: &Query,
    endings: &Endings,
    after: u64,
    most: usize,
) -> Result<Page, StoreError> {
    let Some((first, last)) = store.span(query.from_day, query.until_day)? else { return Ok(Page::none(after)) };
    let begin = after.max(first.saturating_sub(1));
    let read = |at: u64, count| if at < last { store.rows(at, count) } else { Ok(Vec::new()) };
    let mut page = walk(begin, most, read, |row| query.wants_row(row) && endings.have(row))?;
    page.next = page.next.max(after);
    Ok(page)
}

/// The same the other way round: the newest rows first, with numbers below `before`.
///
/// # Errors
/// [`StoreError`].
pub fn newest(
    store: &dyn Store,
    query: &Query,
    endings: &Endings,
    before: u64,
    most: usize,
) -> Result<Page, StoreError> {
    let Some((first, last)) = store.span(query.from_day, query.until_day)? else { return Ok(Page::none(before)) };
    let begin = before.min(last.saturating_add(1));
    let read = |at: u64, count| if at > first { store.rows_before(at, count) } else { Ok(Vec::new()) };
    let mut page = walk(begin, most, read, |row| query.wants_row(row) && endings.have(row))?;
    page.next = page.next.min(before);
    Ok(page)
}

impl Page {
    fn none(next: u64) -> Self {
        Self { rows: Vec::new(), next, is_last: true }
    }
}

/// Rows that are `meant`, of those that `read` finds behind a number, from `begin` on.
fn walk(
    begin: u64,
    most: usize,
    read: impl Fn(u64, usize) -> Result<Vec<Row>, StoreError>,
    meant: impl Fn(&Row) -> bool,
) -> Result<Page, StoreError> {
    let mut page = Page::none(begin);
    let mut looked_at = 0;
    loop {
        let rows = read(page.next, most.clamp(1, AT_ONCE))?;
        if rows.is_empty() {
            return Ok(page);
        }
        for row in rows {
            if page.rows.len() >= most || looked_at >= MOST_LOOKED_AT {
                page.is_last = false;
                return Ok(page);
            }
            looked_at += 1;
            page.next = row.seq;
            page.rows.extend(meant(&row).then_some(row));
        }
    }
}
