//! A database that fails once, and rows that come meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::ledger::{End, Log, OnFault, Query, Row, Sum};

/// A log that takes everything.
struct Deep;

impl Log for Deep {
    fn defer(&self, _: &Row) -> Result<(), String> {
        Ok(())
    }
    fn defer_end(&self, _: &End) -> Result<(), String> {
        Ok(())
    }
    fn flush(&self) -> Result<(), String> {
        Ok(())
    }
    fn probe(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A store that only files, and not always.
#[derive(Debug, Default)]
struct Flaky {
    is_full: AtomicBool,
    /// How many rows each batch had.
    batches: Mutex<Vec<usize>>,
}

impl Store for Flaky {
    fn file_all(&self, rows: &[&Row]) -> Result<(), StoreError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(StoreError::Full("here".to_owned()));
        }
        self.batches.lock().unwrap().push(rows.len());
        Ok(())
    }
    fn last_seq(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
    fn sums(&self, _: &Query) -> Result<Vec<Sum>, StoreError> {
        Ok(Vec::new())
    }
    fn rows(&self, _: u64, _: usize) -> Result<Vec<Row>, StoreError> {
        Ok(Vec::new())
    }
    fn rows_before(&self, _: u64, _: usize) -> Result<Vec<Row>, StoreError> {
        Ok(Vec::new())
    }
    fn forget(&self, _: u64, _: usize) -> Result<u64, StoreError> {
        Ok(0)
    }
    fn check(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

#[test]
fn all_that_waits_is_filed_also_behind_a_batch_that_failed() {
    let book = Arc::new(Book::new(Some(Box::new(Deep)), 0, OnFault::Refuse, Box::new(|_| {})));
    let store = Arc::new(Flaky::default());
    let metrics = Metrics::new().unwrap();
    let filer = Filer::new(book.clone(), store.clone(), Arc::new(metrics), Arc::default());
    let close = |rows: usize| (0..rows).for_each(|_| book.close(Row::default()));
    close(2);
    store.is_full.store(true, Ordering::Relaxed);
    filer.file();
    assert!(filer.fault().is_some());
    close(3);
    store.is_full.store(false, Ordering::Relaxed);
    filer.file();
    assert_eq!(
        (store.batches.lock().unwrap().as_slice(), book.standing().pending, filer.fault()),
        (&[2, 3][..], 0, None)
    );
    close(BATCH + 1);
    filer.file();
    assert_eq!(store.batches.lock().unwrap()[2..], [BATCH, 1]);
}
