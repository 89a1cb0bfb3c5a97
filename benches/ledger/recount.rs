//! Every sum, counted in memory while rows are made. Shares nothing with the ledger: plain sums of 128 bits, by places.

use flowgate::ledger::{Dimension, Row, Sum};

use crate::traffic::{DAYS, ENDPOINTS, KEYS, MODELS, Places, TAGS, TEAMS, endpoint_of, name, tags_of, team_of};

/// Requests, failed, input, output, cached, reasoning, images, cost (pico-CNY), unpriced, inexact.
pub(crate) type Counts = [u128; 10];

/// What is told apart, and how many values it has.
const BY: [(&[Dimension], usize); 8] = [
    (&[], 1),
    (&[Dimension::Key], KEYS),
    (&[Dimension::Team], TEAMS),
    (&[Dimension::Model], MODELS),
    (&[Dimension::Endpoint], ENDPOINTS.len()),
    (&[Dimension::Day], DAYS as usize),
    (&[Dimension::Tag], TAGS.len()),
    (&[Dimension::Key, Dimension::Model], KEYS * MODELS),
];

/// For each report, value and day.
pub(crate) struct Recount(Vec<Vec<Vec<Counts>>>);

impl Recount {
    pub(crate) fn new() -> Self {
        Self(BY.iter().map(|(_, values)| vec![vec![Counts::default(); DAYS as usize]; *values]).collect())
    }

    /// What can be asked for.
    pub(crate) fn reports() -> Vec<&'static [Dimension]> {
        BY.iter().map(|(by, _)| *by).collect()
    }

    pub(crate) fn count(&mut self, places: Places, row: &Row) {
        let Places { key, model, day } = places;
        let counts = counts(row);
        for (at, values) in self.0.iter_mut().enumerate() {
            let of = match at {
                0 => vec![0],
                1 => vec![key],
                2 => vec![team_of(key)],
                3 => vec![model],
                4 => vec![endpoint_of(model)],
                5 => vec![day],
                6 => tags_of(key),
                _ => vec![key * MODELS + model],
            };
            for value in of {
                add(&mut values[value][day], &counts);
            }
        }
    }

    /// What report number `at` has to say of the days `from` to `until` (since the first, included), sorted.
    pub(crate) fn expected(&self, at: usize, from: usize, until: usize) -> Vec<(Vec<String>, Counts)> {
        let sum = |days: &Vec<Counts>| {
            days[from..=until].iter().fold(Counts::default(), |mut sum, counts| {
                add(&mut sum, counts);
                sum
            })
        };
        let all = self.0[at].iter().enumerate().map(|(value, days)| (group(at, value), sum(days)));
        let mut expected: Vec<_> = all.filter(|(_, counts)| counts[0] > 0).collect();
        expected.sort();
        expected
    }
}

fn group(at: usize, value: usize) -> Vec<String> {
    match at {
        0 => vec![],
        1 => vec![name("key", value)],
        2 => vec![name("team", value)],
        3 => vec![name("maker/Some-Model", value)],
        4 => vec![ENDPOINTS[value].to_owned()],
        5 => vec![flowgate::ledger::date::written(crate::traffic::LAST_DAY + 1 - DAYS + value as u64)],
        6 => vec![TAGS[value].to_owned()],
        _ => vec![name("key", value / MODELS), name("maker/Some-Model", value % MODELS)],
    }
}

fn counts(row: &Row) -> Counts {
    let yes = u128::from;
    [
        1,
        yes(row.outcome != "complete"),
        row.input_tokens.into(),
        row.output_tokens.into(),
        row.cached_tokens.into(),
        row.reasoning_tokens.into(),
        row.images.into(),
        row.cost.map_or(0, |cost| cost.picos_cny().into()),
        yes(row.cost.is_none() && row.usage != "none"),
        yes(row.usage != "none" && row.usage != "exact"),
    ]
}

fn add(sum: &mut Counts, more: &Counts) {
    for (own, more) in sum.iter_mut().zip(more) {
        *own += more;
    }
}

/// What the ledger says, in the same form.
pub(crate) fn told(sum: Sum) -> (Vec<String>, Counts) {
    let counts = [
        sum.requests,
        sum.failed,
        sum.input_tokens,
        sum.output_tokens,
        sum.cached_tokens,
        sum.reasoning_tokens,
        sum.images,
        sum.cost.picos_cny(),
        sum.unpriced,
        sum.inexact,
    ];
    (sum.group, counts.map(u128::from))
}
