//! `check` tells what somebody has changed.

use flowgate::ledger::{Row, Store};

use super::support::{Ledger, noon, row, rows};

/// A ledger that `sql` was done to, and what `check` says of it.
fn check(sql: &str, words: &str) {
    let ledger = Ledger::with(&rows(1..=5));
    ledger.store.file(&[Row { at_ms: noon(-1), key: "bob".into(), ..row(6) }]).unwrap();
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
    ledger.connection().execute_batch(sql).unwrap();
    let faults = ledger.store.check().unwrap();
    assert!(faults.iter().any(|fault| fault.contains(words)), "{sql}: {faults:?}");
}

#[test]
fn what_was_changed_is_told() {
    check("UPDATE ledger_row SET input_tokens = 101 WHERE seq = 2", "2026-11-22: the sum of");
    check("UPDATE ledger_row SET cost_picos = 0 WHERE seq = 6", "2026-11-21: the sum of [\"bob\"");
    check("DELETE FROM ledger_row WHERE seq = 3", "4 rows are there");
    check("DELETE FROM ledger_row WHERE seq = 6", "0 rows are there");
    check("UPDATE ledger_sum SET cost_picos = cost_picos + 1", "the sum of");
    check("DELETE FROM ledger_sum", "the sum of");
    check(
        "INSERT INTO ledger_sum SELECT 5, group_id, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM ledger_sum LIMIT 1",
        "1970-01-06",
    );
    check("DELETE FROM ledger_day WHERE day = 20778", "a day that is not known");
    check("UPDATE ledger_row SET at_ms = 0 WHERE seq = 1", "1970-01-01");
    check(
        "INSERT INTO ledger_word VALUES (900, 'splendid'); UPDATE ledger_row SET outcome = 900",
        "row 1: its outcome is \"splendid\"",
    );
    check("UPDATE ledger_row SET usage = 99 WHERE seq = 2", "Null");
    check("DELETE FROM ledger_group", "Null");
    check("UPDATE ledger_row SET input_tokens = -1 WHERE seq = 2", "range");
}

#[test]
fn a_flood_of_faults_is_cut() {
    let ledger = Ledger::with(&rows(1..=100));
    ledger.connection().execute_batch("UPDATE ledger_row SET outcome = usage").unwrap();
    let faults = ledger.store.check().unwrap();
    assert_eq!((faults.len(), faults[20].starts_with("and ")), (21, true));
}
