//! What only the inside can bring about: a disk without room.

use std::path::Path;

use super::Database;
use crate::ledger::{Query, Row, Store, StoreError};

fn rows(seqs: std::ops::Range<u64>) -> Vec<Row> {
    let row = |seq| Row {
        seq,
        id: "x".repeat(500).into(),
        key: format!("key-{seq}").into(),
        outcome: "complete".into(),
        usage: "exact".into(),
        ..Row::default()
    };
    seqs.map(row).collect()
}

/// Pages that the file may have: SQLite answers as it does where the disk has no room for more.
fn allow(store: &Database, pages: u32) {
    store.writer().pragma_update(None, "max_page_count", pages).unwrap();
}

fn requests(store: &Database) -> u64 {
    store.sums(&Query { until_day: u64::MAX, ..Query::default() }).unwrap()[0].requests
}

fn open(folder: &Path) -> Database {
    Database::open(folder, false).unwrap()
}

#[test]
fn what_does_not_fit_is_refused_as_a_whole_and_filed_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.file(&rows(1..11)).unwrap();
    allow(&store, 1);
    for _ in 0..3 {
        let error = store.file(&rows(5..500)).unwrap_err();
        assert!(matches!(&error, StoreError::Full(place) if place.ends_with(super::FILE)), "{error:?}");
        assert_eq!((requests(&store), store.last_seq()), (10, Ok(10)));
    }
    // What was looked up for rows that did not fit is forgotten with them.
    store.file(&[]).unwrap();
    allow(&store, u32::MAX);
    store.file(&rows(5..500)).unwrap();
    assert_eq!((requests(&store), store.check()), (499, Ok(Vec::new())));
    drop(store);
    assert_eq!(requests(&open(folder.path())), 499);
}

#[test]
fn forgetting_needs_no_room_for_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.file(&rows(1..500)).unwrap();
    let pages: u32 = store.writer().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    allow(&store, pages);
    assert_eq!(store.forget(1, 400), Ok(400));
    // Their pages are used again.
    store.file(&rows(500..700)).unwrap();
    assert_eq!((requests(&store), store.check()), (699, Ok(Vec::new())));
}
