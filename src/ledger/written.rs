//! Rows as they were written down, read again line by line.

use std::collections::BTreeMap;

use super::{End, Row};

/// The last of what was said of each row, by its number.
#[derive(Debug, Default)]
pub struct Written(BTreeMap<u64, Row>);

impl Written {
    /// A whole row: what was said of it before no longer counts.
    pub fn row(&mut self, row: Row) {
        self.0.insert(row.seq, row);
    }

    /// A row's end. One whose beginning is not there was filed before its end could be written, so that the store has it whole; or
    /// its beginning lay in what was torn, which is told.
    pub fn end(&mut self, end: &End) {
        if let Some(row) = self.0.get_mut(&end.seq) {
            end.put_on(row);
        }
    }

    /// Each row, by its number.
    pub fn into_rows(self) -> BTreeMap<u64, Row> {
        self.0
    }
}
