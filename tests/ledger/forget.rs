//! Old rows go in small steps; their sums stay, and they do not come back.

use flowgate::ledger::{Row, Store};

use super::support::{DAY, Ledger, noon, open, row, total};

/// Ten rows on each of five days, up to today.
fn week() -> (Ledger, Vec<Row>) {
    let rows: Vec<Row> = (0..50u64).map(|at| Row { at_ms: noon(at as i64 / 10 - 4) + at, ..row(at + 1) }).collect();
    (Ledger::with(&rows), rows)
}

fn seqs(ledger: &Ledger) -> Vec<u64> {
    ledger.store.rows(0, 1000).unwrap().iter().map(|row| row.seq).collect()
}

#[test]
fn rows_go_step_by_step_and_sums_stay() {
    let (ledger, _) = week();
    let before = total(&ledger.store);
    let steps: Vec<u64> = std::iter::repeat_with(|| ledger.store.forget(noon(-1), 7).unwrap()).take(6).collect();
    assert_eq!(steps, [7, 7, 7, 7, 2, 0]);
    assert_eq!((seqs(&ledger), total(&ledger.store)), ((31..=50).collect(), before));
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
    assert_eq!(ledger.store.span(0, u64::MAX).unwrap(), Some((31, 50)));
    assert_eq!(ledger.store.span(DAY - 4, DAY - 2).unwrap(), None);
}

#[test]
fn a_day_may_go_in_part() {
    let (ledger, rows) = week();
    assert_eq!(ledger.store.forget(rows[4].at_ms, 100).unwrap(), 4);
    assert_eq!((seqs(&ledger)[0], ledger.store.forget(rows[4].at_ms, 100).unwrap()), (5, 0));
    assert_eq!(ledger.store.forget(rows[12].at_ms, 100).unwrap(), 8);
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
}

#[test]
fn what_was_forgotten_does_not_come_back() {
    let (mut ledger, rows) = week();
    let before = total(&ledger.store);
    ledger.store.forget(u64::MAX, 1000).unwrap();
    ledger.store = open(ledger.folder.path());
    ledger.store.file(&rows).unwrap();
    assert_eq!((seqs(&ledger), total(&ledger.store), ledger.store.last_seq().unwrap()), (vec![], before, 50));
}

/// A request that began before others were forgotten, and whose clock is right, is no old one.
#[test]
fn a_late_row_with_a_small_number_counts() {
    let rows = [row(1), Row { at_ms: noon(-30), ..row(3) }];
    let ledger = Ledger::with(&rows);
    assert_eq!(ledger.store.forget(noon(-7), 100).unwrap(), 1);
    ledger.store.file(&[row(2), rows[1].clone()]).unwrap();
    assert_eq!((seqs(&ledger), total(&ledger.store).requests), (vec![1, 2], 3));
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
}

/// The clock was wrong for a while: days lie across each other.
#[test]
fn days_that_overlap_are_forgotten_rightly() {
    let rows: Vec<Row> = (1..=30u64).map(|seq| Row { at_ms: noon(-((seq % 3) as i64)), ..row(seq) }).collect();
    let ledger = Ledger::with(&rows);
    assert_eq!(ledger.store.forget(noon(-1) + 1, 5).unwrap(), 5);
    assert_eq!(ledger.store.forget(noon(-1) + 1, 100).unwrap(), 15);
    assert_eq!(seqs(&ledger), (1..=10).map(|at| at * 3).collect::<Vec<_>>());
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
}
