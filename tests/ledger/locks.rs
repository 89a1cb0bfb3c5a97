//! Several at once: readers beside the writer, and another process's lock.

use std::sync::atomic::{AtomicBool, Ordering};

use flowgate::ledger::{Store, StoreError};
use flowgate::store::Database;

use super::support::{Ledger, row, rows, total};

const BATCHES: u64 = 60;
const BATCH: u64 = 20;

/// Whoever reads sees whole batches, and never less than before.
#[test]
fn readers_see_whole_batches_while_a_writer_files() {
    let ledger = Ledger::new();
    let other = Database::open_to_read(ledger.folder.path()).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for store in [&ledger.store, &other] {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut seen = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let sum = total(store);
                    assert_eq!((sum.requests % BATCH, sum.input_tokens), (0, sum.requests * 100));
                    assert!(sum.requests >= seen && store.last_seq().unwrap() >= sum.requests);
                    seen = sum.requests;
                }
            });
        }
        for batch in 0..BATCHES {
            ledger.store.file(&rows(batch * BATCH + 1..=(batch + 1) * BATCH)).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(total(&other).requests, BATCHES * BATCH);
}

/// A reader in the middle of its reading does not keep the writer from filing.
#[test]
fn a_slow_reader_holds_nobody_up() {
    let ledger = Ledger::with(&rows(1..=3));
    let slow = ledger.connection();
    slow.execute_batch("BEGIN; SELECT count(*) FROM ledger_row").unwrap();
    ledger.store.file(&rows(4..=6)).unwrap();
    let seen: u64 = slow.query_row("SELECT count(*) FROM ledger_row", [], |found| found.get(0)).unwrap();
    assert_eq!((seen, total(&ledger.store).requests), (3, 6));
}

#[test]
fn a_lock_is_told_and_when_it_is_gone_filing_goes_on() {
    let ledger = Ledger::with(&rows(1..=3));
    let other = ledger.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = ledger.store.file(&[row(4)]).unwrap_err();
    assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
    // Reading is not held up.
    assert_eq!(total(&ledger.store).requests, 3);
    other.execute_batch("ROLLBACK").unwrap();
    ledger.store.file(&[row(4)]).unwrap();
    assert_eq!(total(&ledger.store).requests, 4);
}

/// Two gateways on one folder are kept apart elsewhere; here nothing breaks if they are not.
#[test]
fn two_writers_agree() {
    let ledger = Ledger::new();
    let other = super::support::open(ledger.folder.path());
    for seq in 1..=40 {
        let store = if seq % 2 == 0 { &ledger.store } else { &other };
        let key = format!("key-{}", seq % 7).into();
        store.file(&[flowgate::ledger::Row { key, ..row(seq) }]).unwrap();
        store.file(&[row(seq)]).unwrap();
    }
    assert_eq!((total(&other).requests, total(&ledger.store)), (40, total(&other)));
    assert_eq!(other.check().unwrap(), Vec::<String>::new());
}
