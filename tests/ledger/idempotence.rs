//! A row is filed once, however often it comes.

use flowgate::ledger::{Money, Row, Store};

use super::support::{Ledger, open, row, rows, total};

#[test]
fn a_row_comes_back_as_it_was() {
    let filed = [
        row(1),
        Row { seq: 2, ..Row::default() },
        Row { cost: Some(Money::MAX), asked: "Qwen/Qwen3-8B".into(), first_ms: None, ..row(3) },
        Row { cost: Some(Money::ZERO), price: None, trace_id: "".into(), ..row(7) },
    ];
    let ledger = Ledger::with(&filed);
    assert_eq!(ledger.store.rows(0, 10).unwrap(), filed);
    assert_eq!(ledger.store.rows(1, 2).unwrap(), filed[1..3]);
    assert_eq!((ledger.store.rows(7, 10).unwrap(), ledger.store.last_seq().unwrap()), (vec![], 7));
}

#[test]
fn filing_again_changes_nothing() {
    let ledger = Ledger::with(&rows(1..=10));
    let once = total(&ledger.store);
    for batch in [rows(1..=10), rows(3..=5), rows([10, 10, 1])] {
        ledger.store.file(&batch).unwrap();
        assert_eq!(total(&ledger.store), once);
    }
    assert_eq!((once.requests, once.cost), (10, Money::from_picos_cny(15_000_010)));
}

#[test]
fn only_what_is_new_of_a_batch_counts() {
    let ledger = Ledger::with(&rows(4..=6));
    ledger.store.file(&rows([1, 4, 5, 6, 9, 9])).unwrap();
    assert_eq!((total(&ledger.store).requests, ledger.store.last_seq().unwrap()), (5, 9));
    // What is there already stays as it is.
    ledger.store.file(&[Row { input_tokens: 1_000_000, ..row(1) }]).unwrap();
    assert_eq!(total(&ledger.store).input_tokens, 500);
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
}

/// Rows beyond all that are there go several to a statement, others one by one: it shows in nothing.
#[test]
fn order_and_size_of_batches_change_nothing() {
    let all: Vec<u64> = (1..=1000).map(|number| number * 7 % 1009).collect();
    let whole = Ledger::with(&rows(all.iter().copied()));
    for size in [1, 31, 32, 33, 64, 100, 999] {
        let ledger = Ledger::new();
        for batch in all.chunks(size) {
            // With some that are there already, and some twice.
            let again = all.iter().take(size / 2).chain(batch).chain(batch.first());
            ledger.store.file(&rows(again.copied().chain(batch.iter().rev().copied()))).unwrap();
        }
        assert_eq!(total(&ledger.store), total(&whole.store), "{size}");
        assert_eq!(ledger.store.rows(0, 2000).unwrap(), whole.store.rows(0, 2000).unwrap(), "{size}");
        assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
    }
    assert_eq!(total(&whole.store).requests, 1000);
}

#[test]
fn nothing_is_nothing() {
    let ledger = Ledger::new();
    ledger.store.file(&[]).unwrap();
    assert_eq!((ledger.store.last_seq().unwrap(), ledger.store.rows(0, 10).unwrap()), (0, vec![]));
    assert_eq!((total(&ledger.store).requests, ledger.store.span(0, u64::MAX).unwrap()), (0, None));
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_restart_changes_nothing() {
    let mut ledger = Ledger::with(&rows(1..=3));
    for _ in 0..3 {
        ledger.store = open(ledger.folder.path());
        ledger.store.file(&rows(1..=4)).unwrap();
        assert_eq!((total(&ledger.store).requests, ledger.store.last_seq().unwrap()), (4, 4));
    }
}

/// A number that no journal can reach is refused, and with it the batch.
#[test]
fn all_of_a_batch_or_nothing() {
    let ledger = Ledger::with(&rows([1]));
    let impossible = [row(2), Row { key: "new".into(), ..row(u64::MAX) }];
    assert!(ledger.store.file(&impossible).is_err());
    assert_eq!((total(&ledger.store).requests, ledger.store.last_seq().unwrap()), (1, 1));
    // What was looked up for rows that are not there is not believed.
    ledger.store.file(&[Row { key: "new".into(), ..row(3) }]).unwrap();
    assert_eq!(&*ledger.store.rows(1, 1).unwrap()[0].key, "new");
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
}
