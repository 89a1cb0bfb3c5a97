//! Bodies of rows, in which most of a row is packed: they hold whatever a row may be, and whatever is in them is read or told.

use std::sync::Arc;

use flowgate::ledger::{Flags, Money, Price, Row, Store, StoreError};
use proptest::prelude::*;

use super::support::{Ledger, row, rows};

/// What the ledger's own columns hold at most.
const MOST: u64 = i64::MAX as u64;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(String::new()),
        4 => "\\PC{0,40}",
        1 => prop::sample::select(vec!["\0", "名字\u{1f980}", "'; DROP TABLE ledger_row"]).prop_map(str::to_owned),
        1 => (1..70_000usize).prop_map(|length| "x".repeat(length)),
    ]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..300u64, (MOST - 2)..(MOST + 2), Just(u64::MAX), any::<u64>()]
}

fn price() -> impl Strategy<Value = Price> {
    (0..9_000_000u64).prop_map(|micros| Price { image: Money::from_micros_cny(micros), ..Price::default() })
}

prop_compose! {
    fn any_row()(
        [id, trace_id] in prop::array::uniform2(text()),
        texts in prop::array::uniform7(text()),
        labels in prop::array::uniform4(text()),
        is_model_asked in any::<bool>(),
        numbers in prop::array::uniform10(number()),
        at_ms in 0..=MOST,
        cost in prop::option::of(number()),
        price in prop::option::of(price()),
        first_ms in prop::option::of(number()),
        (status, attempts, flags) in any::<(u16, u32, u32)>(),
    ) -> Row {
        let [key, team, tags, account, asked, model, edits] = texts.map(Into::into);
        let [right, endpoint, outcome, usage] = labels.map(Into::into);
        let [input_tokens, output_tokens, cached_tokens, reasoning_tokens, images, videos, spoken_bytes, audio_ms, ..] = numbers;
        let asked = if is_model_asked { std::sync::Arc::clone(&model) } else { asked };
        Row {
            seq: 1, id: id.into(), at_ms, key, team, tags, account, asked, model, right, endpoint, status, outcome, usage,
            input_tokens, output_tokens, cached_tokens, reasoning_tokens, images, videos, spoken_bytes, audio_ms,
            cost: cost.map(Money::from_picos_cny), price: price.map(Arc::new), queued_ms: numbers[8], first_ms, total_ms: numbers[9],
            attempts, edits, trace_id: trace_id.into(), flags: Flags(flags),
        }
    }
}

/// Writes `body` over that of row 2 of five.
fn with_body(body: &[u8]) -> Ledger {
    let ledger = Ledger::with(&rows(1..=5));
    ledger.connection().execute("UPDATE ledger_row SET body = ?1 WHERE seq = 2", [body]).unwrap();
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_row_comes_back_as_it_was(rows in prop::collection::vec(any_row(), 1..4)) {
        let rows: Vec<Row> = (1..).zip(rows).map(|(seq, row)| Row { seq, ..row }).collect();
        let ledger = Ledger::with(&rows);
        prop_assert_eq!(ledger.store.rows(0, 10).unwrap(), rows.clone());
        let backwards: Vec<Row> = rows.into_iter().rev().collect();
        prop_assert_eq!(ledger.store.rows_before(MOST, 10).unwrap(), backwards);
    }

    #[test]
    fn any_body_is_read_or_told(version in prop_oneof![Just(1u8), any::<u8>()], fields in prop::collection::vec(any::<u8>(), 0..150)) {
        let ledger = with_body(&[&[version], &fields[..]].concat());
        prop_assert!(!ledger.store.check().unwrap().is_empty());
        if let Err(error) = ledger.store.rows(0, 10) {
            prop_assert!(matches!(&error, StoreError::Damaged(_, what) if what.starts_with("row 2: ")), "{:?}", error);
        }
    }
}

/// The words of a row are those of the set that there is; any other comes back all the same.
#[test]
fn words_of_another_version_come_back() {
    let rows = [Row { outcome: "postponed".into(), usage: "".into(), ..row(1) }];
    assert_eq!(Ledger::with(&rows).store.rows(0, 1).unwrap(), rows);
}
