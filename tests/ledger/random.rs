//! Random rows in random batches, with repeats and restarts, against the naive count.

use flowgate::ledger::{Dimension, Flags, Money, Query, Row, Store};
use proptest::prelude::*;

use super::support::{DAY, Ledger, Naive, noon, open, recount};

/// What happens to the ledger.
#[derive(Debug, Clone)]
enum Event {
    /// These are filed together; some may have been before.
    File(Vec<Row>),
    /// The process ends and starts again.
    Restart,
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

/// Mostly what is usual; at times what nothing should report.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..100_000u64, 1 => Just(u64::MAX), 1 => (i64::MAX as u64 - 5)..(i64::MAX as u64 + 5), 1 => any::<u64>()]
}

prop_compose! {
    fn row()(
        seq in 1..60u64,
        days in -40..3i64,
        of_day in -43_000_000..43_000_000i64,
        key in word(&["ann", "bob", "open", ""]),
        team in word(&["growth", "core", ""]),
        tags in word(&["", "a", "a,b", "b,c", "a,b,c", "d,d"]),
        model in word(&["m/one", "m/two", "", "=cmd|' /C calc'!A0", "名字\u{1f980}\0"]),
        right in word(&["free", "name", "spill", ""]),
        endpoint in word(&["/chat/completions", "/embeddings", "other"]),
        outcome in word(&Row::OUTCOMES),
        usage in word(&Row::USAGES),
        numbers in prop::array::uniform5(number()),
        cost in prop::option::of(number()),
    ) -> Row {
        Row {
            seq,
            at_ms: noon(days).saturating_add_signed(of_day),
            key: key.into(),
            team: team.into(),
            tags: tags.into(),
            account: "main".into(),
            asked: model.into(),
            model: model.into(),
            right: right.into(),
            endpoint: endpoint.into(),
            outcome: outcome.into(),
            usage: usage.into(),
            input_tokens: numbers[0],
            output_tokens: numbers[1],
            cached_tokens: numbers[2],
            reasoning_tokens: numbers[3],
            images: numbers[4],
            cost: cost.map(Money::from_picos_cny),
            flags: Flags(u32::from(seq % 2 == 0)),
            ..super::support::row(seq)
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![6 => prop::collection::vec(row(), 0..20).prop_map(Event::File), 1 => Just(Event::Restart)]
}

fn query() -> impl Strategy<Value = Query> {
    let dimension = || prop::sample::select(Dimension::ALL.map(|(dimension, _)| dimension).to_vec());
    let value =
        word(&["ann", "bob", "growth", "a", "b", "", "m/one", "name", "/chat/completions", "main", "2026-11-21", "x"]);
    let only = prop::collection::vec((dimension(), value.prop_map(str::to_owned)), 0..3);
    let by = prop::collection::vec(dimension(), 0..4).prop_map(|mut by| {
        let mut seen = Vec::new();
        by.retain(|dimension| {
            !seen.contains(dimension) && {
                seen.push(*dimension);
                true
            }
        });
        by
    });
    (DAY - 45..DAY + 5, 0..50u64, by, only).prop_map(|(from_day, days, by, only)| Query {
        from_day,
        until_day: from_day + days,
        by,
        only,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_those_of_the_rows(
        events in prop::collection::vec(event(), 1..12),
        queries in prop::collection::vec(query(), 1..8),
    ) {
        let mut ledger = Ledger::new();
        let mut naive = Naive::new();
        for event in events {
            match event {
                Event::File(rows) => {
                    ledger.store.file(&rows).unwrap();
                    for row in rows {
                        naive.entry(row.seq).or_insert(row);
                    }
                }
                Event::Restart => ledger.store = open(ledger.folder.path()),
            }
        }
        for query in queries {
            prop_assert_eq!(ledger.store.sums(&query).unwrap(), recount(&naive, &query), "{:?}", query);
        }
        let kept: Vec<u64> = ledger.store.rows(0, 1000).unwrap().iter().map(|row| row.seq).collect();
        prop_assert_eq!(kept, naive.keys().copied().collect::<Vec<_>>());
        prop_assert_eq!(ledger.store.check().unwrap(), Vec::<String>::new());
    }
}
