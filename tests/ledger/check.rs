//! `check` tells what somebody has changed.

use flowgate::ledger::{Money, Row, Store};
use flowgate::store::FILE;

use super::support::{Ledger, noon, row, rows};

/// Five rows of one day and key, and one of another.
fn filed() -> Vec<Row> {
    let other = Row { at_ms: noon(-1), key: "bob".into(), ..row(6) };
    rows(1..=5).into_iter().chain([other]).collect()
}

/// A ledger that `change` was done to, and what `check` says of it.
fn faults(change: impl FnOnce(&rusqlite::Connection)) -> Vec<String> {
    let ledger = Ledger::with(&filed());
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
    change(&ledger.connection());
    ledger.store.check().unwrap()
}

fn check(sql: &str, words: &str) {
    let faults = faults(|ledger| ledger.execute_batch(sql).unwrap());
    assert!(faults.iter().any(|fault| fault.contains(words)), "{sql}: {faults:?}");
}

/// The row `seq` gets the body that it would have if it were what `change` makes of it.
fn check_row(seq: u64, change: impl Fn(&mut Row), words: &str) {
    let mut rows = filed();
    rows.iter_mut().filter(|row| row.seq == seq).for_each(change);
    let other = Ledger::with(&rows);
    let other = other.folder.path().join(FILE);
    let faults = faults(|ledger| {
        ledger.execute("ATTACH ?1 AS other", [other.to_str()]).unwrap();
        let body = "UPDATE ledger_row SET body = (SELECT body FROM other.ledger_row WHERE seq = ?1) WHERE seq = ?1";
        assert_eq!(ledger.execute(body, [seq]).unwrap(), 1);
    });
    assert!(faults.iter().any(|fault| fault.contains(words)), "{faults:?}");
}

/// The body of row 2, changed byte by byte; that is one fault, and the check goes on behind it.
fn check_body(change: impl Fn(&mut Vec<u8>), words: &str) {
    let faults = faults(|ledger| {
        let read = |found: &rusqlite::Row<'_>| found.get::<_, Vec<u8>>(0);
        let mut body = ledger.query_row("SELECT body FROM ledger_row WHERE seq = 2", [], read).unwrap();
        change(&mut body);
        ledger.execute("UPDATE ledger_row SET body = ?1 WHERE seq = 2", [body]).unwrap();
        ledger.execute("DELETE FROM ledger_row WHERE seq = 6", []).unwrap();
    });
    assert_eq!(faults[0], words, "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("2026-11-21: 0 rows are there")), "{faults:?}");
}

#[test]
fn what_was_changed_is_told() {
    check_row(2, |row| row.input_tokens = 101, "2026-11-22: the sum of");
    check_row(6, |row| row.cost = Some(Money::ZERO), "2026-11-21: the sum of [\"bob\"");
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
    check("UPDATE ledger_row SET group_id = 2 WHERE seq = 1", "2026-11-22: the sum of [\"bob\"");
    check("UPDATE ledger_word SET word = 'splendid' WHERE word = 'complete'", "row 1: its outcome is \"splendid\"");
    check("UPDATE ledger_word SET word = 'somewhat' WHERE word = 'exact'", "row 6: its kind of usage is \"somewhat\"");
    check("UPDATE ledger_row SET at_ms = -1 WHERE seq = 2", "row 2: Integer -1 out of range");
}

#[test]
fn what_a_row_names_and_is_not_there_is_told() {
    let number =
        Ledger::with(&filed())
            .connection()
            .query_row("SELECT id FROM ledger_word WHERE word = 'exact'", [], |found| found.get::<_, i64>(0));
    let lost = format!("row 6: its word {} is not there", number.unwrap());
    check("DELETE FROM ledger_word WHERE word = 'exact'", &lost);
    check("DELETE FROM ledger_group", "row 1: its group 1 is not there");
    check("UPDATE ledger_row SET group_id = 900 WHERE seq = 2", "row 2: its group 900 is not there");
    check_row(2, |row| row.edits = "an-edit-of-its-own".into(), "row 2: its word 5 is not there");
}

#[test]
fn bodies_that_cannot_be_read_are_told() {
    check_body(|body| body.truncate(body.len() - 1), "row 2: its body is damaged");
    check_body(|body| body.truncate(1), "row 2: its body is damaged");
    check_body(Vec::clear, "row 2: its body is damaged");
    check_body(|body| body.push(0), "row 2: its body is damaged");
    check_body(|body| body[2] = 0xff, "row 2: its body is damaged");
    check_body(|body| body[0] = 9, "row 2: its body is of version 9, which this flowgate does not know");
}

#[test]
fn a_flood_of_faults_is_cut() {
    let ledger = Ledger::with(&rows(1..=100));
    ledger.connection().execute_batch("UPDATE ledger_row SET body = x'01'").unwrap();
    let faults = ledger.store.check().unwrap();
    assert_eq!((faults.len(), faults[20].starts_with("and ")), (21, true));
}
