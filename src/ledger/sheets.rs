//! Rows one behind the other, in sheets of a fixed length: what comes is put behind, what leaves is taken off the front, and
//! no row is moved for that. They are gone through in the order in which they lie in memory, for by then no cache has them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::row::Row;

/// Rows on a sheet (ours): 200 kB.
const SHEET: usize = 512;

/// See the module.
#[derive(Debug, Default)]
pub struct Sheets {
    sheets: VecDeque<Vec<Row>>,
    count: usize,
}

impl Sheets {
    /// Puts `row` behind all others, where it may still be changed. It is 400 bytes long, and comes as it lies in memory so that
    /// it is moved once.
    pub(super) fn push(&mut self, row: Arc<Row>) -> &mut Row {
        if self.sheets.back().is_none_or(|sheet| sheet.len() == sheet.capacity()) {
            self.sheets.push_back(Vec::with_capacity(SHEET));
        }
        self.count += 1;
        let last = self.sheets.len() - 1;
        self.sheets[last].push_mut(Arc::unwrap_or_clone(row))
    }

    /// Takes the first rows off, at most `most`.
    pub(super) fn take(&mut self, most: usize) -> Self {
        let mut taken = Self::default();
        while let Some(mut sheet) = self.sheets.pop_front() {
            let fit = most - taken.count;
            if sheet.len() > fit {
                self.sheets.push_front(sheet.split_off(fit));
            }
            taken.count += sheet.len();
            taken.sheets.push_back(sheet);
            if taken.count == most {
                break;
            }
        }
        self.count -= taken.count;
        taken
    }

    /// All rows, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.sheets.iter().flatten()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn row(seq: u64) -> Row {
        Row { seq, ..Row::default() }
    }

    fn seqs(sheets: &Sheets) -> Vec<u64> {
        sheets.iter().map(|row| row.seq).collect()
    }

    proptest! {
        #[test]
        fn rows_come_and_leave_in_their_order(steps in prop::collection::vec((0..1_500u64, 0..1_500usize), 0..12)) {
            let (mut sheets, mut expected, mut next) = (Sheets::default(), VecDeque::new(), 0);
            for (come, leave) in steps {
                for seq in next..next + come {
                    sheets.push(row(seq).into());
                    expected.push_back(seq);
                }
                next += come;
                let taken = sheets.take(leave);
                let left: Vec<u64> = expected.drain(..leave.min(expected.len())).collect();
                prop_assert_eq!((taken.len(), seqs(&taken)), (left.len(), left));
                prop_assert_eq!((sheets.len(), sheets.is_empty()), (expected.len(), expected.is_empty()));
                prop_assert_eq!(&seqs(&sheets), expected.make_contiguous());
            }
        }
    }
}
