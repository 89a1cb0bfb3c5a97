//! Versions: an old database is brought up to date, a newer one is left alone.

use flowgate::ledger::{Store, StoreError};
use flowgate::store::{Database, FILE};

use super::support::{Ledger, open, rows, total};

fn version(ledger: &Ledger) -> u32 {
    ledger.connection().pragma_query_value(None, "user_version", |found| found.get(0)).unwrap()
}

fn set_version(ledger: &Ledger, version: u32) {
    ledger.connection().pragma_update(None, "user_version", version).unwrap();
}

#[test]
fn an_empty_file_becomes_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), "").unwrap();
    assert!(matches!(Database::open_to_read(folder.path()), Err(StoreError::Older(_))));
    let store = open(folder.path());
    store.file(&rows(1..=2)).unwrap();
    assert_eq!(total(&store).requests, 2);
}

/// The first version had one table only.
#[test]
fn an_old_database_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let old = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    old.execute_batch("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID; PRAGMA user_version = 1")
        .unwrap();
    assert!(matches!(Database::open_to_read(folder.path()), Err(StoreError::Older(_))));
    let store = open(folder.path());
    store.file(&rows(1..=2)).unwrap();
    assert_eq!(total(&Database::open_to_read(folder.path()).unwrap()).requests, 2);
}

#[test]
fn a_newer_database_is_left_alone() {
    let ledger = Ledger::with(&rows(1..=2));
    let current = version(&ledger);
    set_version(&ledger, current + 1);
    for opened in [Database::open(ledger.folder.path(), false), Database::open_to_read(ledger.folder.path())] {
        let error = opened.unwrap_err();
        assert!(matches!(error, StoreError::Newer(_)), "{error:?}");
        assert!(error.to_string().contains("newer flowgate") && error.to_string().contains(FILE));
    }
    assert_eq!((version(&ledger), total(&ledger.store).requests), (current + 1, 2));
}

#[test]
fn reading_makes_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let error = Database::open_to_read(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Missing(_)) && error.to_string().contains("flowgate serve"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    drop(open(folder.path()));
    let reader = Database::open_to_read(folder.path()).unwrap();
    assert_eq!(total(&reader).requests, 0);
    assert!(reader.file(&rows([1])).is_err());
    drop(reader);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [FILE]);
}

/// A backup that SQLite makes is a ledger.
#[test]
fn a_backup_is_a_ledger() {
    let ledger = Ledger::with(&rows(1..=9));
    let copy = tempfile::tempdir().unwrap();
    let into = copy.path().join(FILE);
    ledger.connection().execute("VACUUM INTO ?1", [into.to_str().unwrap()]).unwrap();
    let copy = Database::open_to_read(copy.path()).unwrap();
    assert_eq!((total(&copy), copy.check().unwrap()), (total(&ledger.store), vec![]));
}
