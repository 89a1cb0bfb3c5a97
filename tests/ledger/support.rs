//! Rows, and a naive count of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flowgate::ledger::{Dimension, Money, Price, Query, Row, Store, Sum};
use flowgate::store::{Database, FILE};
use tempfile::TempDir;

/// 2026-11-22 in Shanghai.
pub(super) const DAY: u64 = 20_779;
const DAY_MS: u64 = 86_400_000;

/// A database in a folder of its own.
pub(super) struct Ledger {
    pub(super) folder: TempDir,
    pub(super) store: Database,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: open(folder.path()), folder }
    }

    pub(super) fn with(rows: &[Row]) -> Self {
        let ledger = Self::new();
        ledger.store.file(rows).unwrap();
        ledger
    }

    /// Another connection, past the store, as a person with a tool would have it.
    pub(super) fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join(FILE)).unwrap()
    }
}

pub(super) fn open(folder: &Path) -> Database {
    Database::open(folder, false).unwrap()
}

/// Noon of the day that is so many days after [`DAY`].
pub(super) fn noon(days: i64) -> u64 {
    (DAY * DAY_MS + 4 * 3_600_000).checked_add_signed(days * DAY_MS as i64).unwrap()
}

/// A usual row.
pub(super) fn row(seq: u64) -> Row {
    Row {
        seq,
        id: format!("req_{seq:032x}").into(),
        at_ms: noon(0).saturating_add(seq),
        key: "ann".into(),
        team: "growth".into(),
        tags: "prod,web".into(),
        account: "main".into(),
        asked: "fast".into(),
        model: "Qwen/Qwen3-8B".into(),
        right: "name".into(),
        endpoint: "/chat/completions".into(),
        status: 200,
        outcome: "complete".into(),
        usage: "exact".into(),
        input_tokens: 100,
        output_tokens: 20,
        cached_tokens: 30,
        reasoning_tokens: 5,
        images: 1,
        videos: 2,
        spoken_bytes: 3,
        audio_ms: 7,
        cost: Some(Money::from_picos_cny(1_500_001)),
        price: Some(Arc::new(Price { image: Money::from_micros_cny(100_000), ..Price::default() })),
        queued_ms: 3,
        first_ms: Some(40),
        total_ms: 500,
        attempts: 1,
        edits: "usage-once".into(),
        trace_id: "ti_1".into(),
        ..Row::default()
    }
}

pub(super) fn rows(seqs: impl IntoIterator<Item = u64>) -> Vec<Row> {
    seqs.into_iter().map(row).collect()
}

/// All days, in one sum.
pub(super) fn everything() -> Query {
    Query { until_day: u64::MAX, ..Query::default() }
}

pub(super) fn total(store: &dyn Store) -> Sum {
    store.sums(&everything()).unwrap().remove(0)
}

/// Each row by its number, as the ledger should have them.
pub(super) type Naive = BTreeMap<u64, Row>;

/// The sums of `query` from the rows, in numbers that cannot overflow, cut where the ledger says that it stops.
pub(super) fn recount(rows: &Naive, query: &Query) -> Vec<Sum> {
    let mut sums: BTreeMap<Vec<String>, [u128; 10]> = BTreeMap::new();
    if query.by.is_empty() {
        sums.insert(Vec::new(), [0; 10]);
    }
    for row in rows.values() {
        let day = (row.at_ms + 8 * 3_600_000) / DAY_MS;
        if day < query.from_day || day > query.until_day || !is_wanted(row, day, query) {
            continue;
        }
        let mut groups = vec![Vec::new()];
        for dimension in &query.by {
            groups = groups
                .iter()
                .flat_map(|begun: &Vec<String>| {
                    values(row, day, *dimension).into_iter().map(|value| [begun.clone(), vec![value]].concat())
                })
                .collect();
        }
        for group in groups {
            let sum = sums.entry(group).or_default();
            sum.iter_mut().zip(numbers(row)).for_each(|(own, more)| *own += more);
        }
    }
    sums.into_iter().map(|(group, numbers)| sum_of(group, numbers)).collect()
}

fn is_wanted(row: &Row, day: u64, query: &Query) -> bool {
    query.only.iter().all(|(dimension, _)| {
        query.only.iter().any(|(other, value)| other == dimension && values(row, day, *dimension).contains(value))
    })
}

fn values(row: &Row, day: u64, dimension: Dimension) -> Vec<String> {
    match dimension {
        Dimension::Key => vec![row.key.to_string()],
        Dimension::Team => vec![row.team.to_string()],
        Dimension::Tag => {
            row.tags.split(',').map(str::to_owned).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
        }
        Dimension::Account => vec![row.account.to_string()],
        Dimension::Model => vec![row.model.to_string()],
        Dimension::Endpoint => vec![row.endpoint.to_string()],
        Dimension::Day => vec![flowgate::ledger::date::written(day)],
        Dimension::Right => vec![row.right.to_string()],
    }
}

fn numbers(row: &Row) -> [u128; 10] {
    let kept = |number: u64| u128::from(number.min(i64::MAX as u64));
    [
        1,
        u128::from(row.outcome != "complete"),
        kept(row.input_tokens),
        kept(row.output_tokens),
        kept(row.cached_tokens),
        kept(row.reasoning_tokens),
        kept(row.images),
        row.cost.map_or(0, |cost| cost.picos_cny().into()),
        u128::from(row.cost.is_none() && row.usage != "none"),
        u128::from(!["exact", "none"].contains(&&*row.usage)),
    ]
}

fn sum_of(group: Vec<String>, numbers: [u128; 10]) -> Sum {
    let cut = |at: usize| u64::try_from(numbers[at].min(i64::MAX as u128)).unwrap();
    Sum {
        group,
        requests: cut(0),
        failed: cut(1),
        input_tokens: cut(2),
        output_tokens: cut(3),
        cached_tokens: cut(4),
        reasoning_tokens: cut(5),
        images: cut(6),
        cost: Money::from_picos_cny(u64::try_from(numbers[7]).unwrap_or(u64::MAX)),
        unpriced: cut(8),
        inexact: cut(9),
    }
}
