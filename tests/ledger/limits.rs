//! Sums near the ends of what numbers can hold, and rows at the ends of time.

use flowgate::ledger::{Money, Row, Store};

use super::support::{Ledger, everything, row, total};

const MOST: u64 = i64::MAX as u64;

#[test]
fn sums_are_exact_up_to_their_end_and_stop_there() {
    let check = |inputs: &[u64], expected: u64| {
        let rows: Vec<Row> = (1..).zip(inputs).map(|(seq, input)| Row { input_tokens: *input, ..row(seq) }).collect();
        let together = Ledger::with(&rows);
        assert_eq!(total(&together.store).input_tokens, expected, "{inputs:?}");
        let one_by_one = Ledger::new();
        rows.iter().for_each(|row| one_by_one.store.file(std::slice::from_ref(row)).unwrap());
        assert_eq!(total(&one_by_one.store).input_tokens, expected, "{inputs:?}");
    };
    check(&[MOST - 1, 1], MOST);
    check(&[MOST - 2, 1], MOST - 1);
    check(&[MOST, 1, 5], MOST);
    check(&[u64::MAX], MOST);
    check(&[u64::MAX, u64::MAX, 7], MOST);
}

#[test]
fn money_is_exact_to_the_last_pico_and_stops_at_its_end() {
    let check = |picos: &[u64], expected: u64| {
        let cost = |picos: u64| Some(Money::from_picos_cny(picos));
        let rows: Vec<Row> = (1..).zip(picos).map(|(seq, picos)| Row { cost: cost(*picos), ..row(seq) }).collect();
        let ledger = Ledger::with(&rows[..1]);
        ledger.store.file(&rows).unwrap();
        assert_eq!(total(&ledger.store).cost.picos_cny(), expected, "{picos:?}");
        assert_eq!(ledger.store.rows(0, 10).unwrap(), rows);
    };
    check(&[999_999, 1], 1_000_000);
    check(&[u64::MAX - 1, 1], u64::MAX);
    check(&[u64::MAX - 3, 1], u64::MAX - 2);
    check(&[MOST, MOST], u64::MAX - 1);
    check(&[u64::MAX, u64::MAX], u64::MAX);
}

/// Many days and groups together stop where one does.
#[test]
fn sums_of_sums_stop_as_well() {
    let big = |seq, key: &str| Row { output_tokens: MOST, cost: Some(Money::MAX), key: key.into(), ..row(seq) };
    let ledger = Ledger::with(&[big(1, "ann"), big(2, "bob"), Row { at_ms: 0, ..big(3, "bob") }]);
    let sum = total(&ledger.store);
    assert_eq!((sum.requests, sum.output_tokens, sum.cost), (3, MOST, Money::MAX));
}

#[test]
fn the_ends_of_time_are_days_too() {
    let ledger = Ledger::with(&[Row { at_ms: 0, ..row(1) }, Row { at_ms: u64::MAX, ..row(2) }]);
    let days =
        ledger.store.sums(&flowgate::ledger::Query { by: vec![flowgate::ledger::Dimension::Day], ..everything() });
    assert_eq!(days.unwrap().len(), 2);
    assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
    assert_eq!(ledger.store.forget(u64::MAX, 100).unwrap(), 1);
}

#[test]
fn tags_are_told_apart_and_rows_counted_once() {
    let tagged = |seq, tags: &str| Row { tags: tags.into(), ..row(seq) };
    let ledger = Ledger::with(&[tagged(1, "a,b"), tagged(2, "b"), tagged(3, ""), tagged(4, "b,b,a")]);
    let by = vec![flowgate::ledger::Dimension::Tag];
    let report = flowgate::ledger::report(&ledger.store, flowgate::ledger::Query { by, ..everything() }).unwrap();
    let seen: Vec<(&str, u64)> = report.sums.iter().map(|sum| (sum.group[0].as_str(), sum.requests)).collect();
    assert_eq!((seen, report.total.requests), (vec![("", 1), ("a", 2), ("b", 3)], 4));
}

#[test]
fn what_counts_as_failed_unpriced_or_inexact() {
    let check = |row: Row, expected: (u64, u64, u64)| {
        let sum = total(&Ledger::with(std::slice::from_ref(&row)).store);
        assert_eq!((sum.failed, sum.unpriced, sum.inexact), expected, "{row:?}");
    };
    check(row(1), (0, 0, 0));
    check(Row { cost: None, ..row(1) }, (0, 1, 0));
    check(Row { cost: None, usage: "none".into(), outcome: "refused".into(), ..row(1) }, (1, 0, 0));
    check(Row { usage: "at_least".into(), outcome: "caller_gone".into(), ..row(1) }, (1, 0, 1));
    check(Row { usage: "unknown".into(), outcome: "unknown".into(), cost: None, ..row(1) }, (1, 1, 1));
    check(Row { usage: "estimated".into(), ..row(1) }, (0, 0, 1));
}
