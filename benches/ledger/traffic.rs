//! Rows as a team would leave them, the same in each run.

use std::sync::Arc;

use flowgate::ledger::price::Rates;
use flowgate::ledger::{Money, Price, Row};

pub(crate) const KEYS: usize = 50;
pub(crate) const TEAMS: usize = 6;
pub(crate) const MODELS: usize = 25;
pub(crate) const DAYS: u64 = 90;
/// 2026-11-22 in Shanghai, the last of them.
pub(crate) const LAST_DAY: u64 = 20_779;
pub(crate) const ENDPOINTS: [&str; 8] = [
    "/chat/completions",
    "/completions",
    "/messages",
    "/embeddings",
    "/rerank",
    "/images/generations",
    "/audio/speech",
    "/audio/transcriptions",
];
/// The first stands for none.
pub(crate) const TAGS: [&str; 5] = ["", "batch", "eval", "prod", "web"];
const DAY_MS: u64 = 86_400_000;

/// Which values a row has, by their places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    pub(crate) key: usize,
    pub(crate) model: usize,
    /// Days since the first.
    pub(crate) day: usize,
}

/// The names, and chance.
pub(crate) struct Traffic {
    keys: Vec<Arc<str>>,
    teams: Vec<Arc<str>>,
    models: Vec<Arc<str>>,
    prices: Vec<Option<Price>>,
    tags: Vec<Arc<str>>,
    account: Arc<str>,
    edits: [Arc<str>; 3],
    state: u64,
}

/// The team of a key.
pub(crate) fn team_of(key: usize) -> usize {
    key % TEAMS
}

/// The tags of a key, as places in [`TAGS`]: one, two or none.
pub(crate) fn tags_of(key: usize) -> Vec<usize> {
    match key % 3 {
        0 => vec![0],
        1 => vec![1 + key % 4],
        _ => vec![1 + key % 2, 3 + key % 2],
    }
}

/// The endpoint of a model: most models chat.
pub(crate) fn endpoint_of(model: usize) -> usize {
    if model < 16 { model % 3 } else { 3 + model % 5 }
}

pub(crate) fn name(kind: &str, place: usize) -> String {
    format!("{kind}-{place:02}")
}

impl Traffic {
    pub(crate) fn new() -> Self {
        let names = |kind: &str, count: usize| (0..count).map(|place| name(kind, place).into()).collect();
        let price = |model: usize| {
            let input = Money::from_micros_cny(model as u64);
            Some(Price { tokens: Rates { input, output: input.times(4), ..Rates::default() }, ..Price::default() })
        };
        let tags = |key| tags_of(key).into_iter().map(|tag| TAGS[tag]).collect::<Vec<_>>().join(",").into();
        Self {
            keys: names("key", KEYS),
            teams: names("team", TEAMS),
            models: names("maker/Some-Model", MODELS),
            prices: (0..MODELS).map(price).collect(),
            tags: (0..KEYS).map(tags).collect(),
            account: "main".into(),
            edits: ["".into(), "usage-once".into(), "model, ask-usage".into()],
            state: 11,
        }
    }

    /// SplitMix64.
    fn chance(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.state;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// Row number `seq` of `count`.
    pub(crate) fn row(&mut self, seq: u64, count: u64) -> (Places, Row) {
        let since_first = (seq - 1) * DAYS * DAY_MS / count;
        let begins = (LAST_DAY + 1 - DAYS) * DAY_MS - 8 * 3_600_000;
        // Few keys and models have most of the traffic.
        let [key, model] =
            [KEYS, MODELS].map(|most| (self.chance() as usize % most).min(self.chance() as usize % most));
        let places = Places { key, model, day: (since_first / DAY_MS) as usize };
        let luck = self.chance() % 1000;
        let (outcome, usage, status) = match luck {
            0..950 => ("complete", "exact", 200),
            950..970 => ("complete", "estimated", 200),
            970..985 => ("caller_gone", "at_least", 499),
            985..999 => ("refused", "none", 429),
            _ => ("unknown", "unknown", 200),
        };
        let is_used = usage != "none";
        let (input, output) = (self.chance() % 8000 * u64::from(is_used), self.chance() % 2000 * u64::from(is_used));
        let is_picture = endpoint_of(model) == 5;
        let cost = input * model as u64 * 1_000_000 + output * model as u64 * 4_000_000;
        let row = Row {
            seq,
            id: format!("req_{:016x}{:016x}", self.chance(), self.chance()).into(),
            at_ms: begins + since_first,
            key: self.keys[key].clone(),
            team: self.teams[team_of(key)].clone(),
            tags: self.tags[key].clone(),
            account: self.account.clone(),
            asked: if luck.is_multiple_of(10) { "fast".into() } else { self.models[model].clone() },
            model: self.models[model].clone(),
            right: if model == 0 { "free".into() } else { "name".into() },
            endpoint: ENDPOINTS[endpoint_of(model)].into(),
            status,
            outcome: outcome.into(),
            usage: usage.into(),
            input_tokens: input,
            output_tokens: output,
            cached_tokens: input / 3,
            reasoning_tokens: output / 2,
            images: u64::from(is_picture && is_used),
            cost: (model != 7).then(|| Money::from_picos_cny(cost)),
            price: self.prices[model].map(Arc::new),
            queued_ms: luck,
            first_ms: luck.is_multiple_of(2).then_some(300 + luck),
            total_ms: 1000 + output * 20,
            attempts: 1,
            edits: self.edits[(luck % 3) as usize].clone(),
            trace_id: format!("ti_{:016x}", self.chance()).into(),
            ..Row::default()
        };
        (places, row)
    }
}
