//! How long the answers of one model get: by key, by the `max_tokens` that was asked for, and by whether it thinks.
//!
//! A key with few answers leans on all keys of the model, the model on a prior: shares of each by the number of
//! answers. It knows no clock and no request; a running answer asks again with what came so far.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Guess;
use super::histogram::Histogram;
use super::table::Table;

/// Keys remembered for a model, and kinds of answers for a key (ours): 9 MB for all models at the very worst.
const MOST_KEYS: usize = 32;
const MOST_CLASSES: usize = 8;

/// Answers of the model that one key's guess leans on, and answers that the prior counts for (ours).
const WORTH: f64 = 8.0;

/// Lengths before anything was seen: median and spread of the logarithm, plain and thinking (ours).
static PLAIN: LazyLock<Histogram> = LazyLock::new(|| Histogram::lognormal(300.0, 1.2));
static THINKING: LazyLock<Histogram> = LazyLock::new(|| Histogram::lognormal(1_200.0, 1.0));

/// Which answers are alike: the power of 4 that `max_tokens` lies under, and whether the model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Class {
    asked: u8,
    is_thinking: Option<bool>,
}

impl Class {
    pub(super) fn new(asked: Option<u64>, is_thinking: Option<bool>) -> Self {
        // 0 where nothing was asked; 1 up to 15 tokens, 2 up to 63, …; all beyond 16,383 are one.
        let asked = asked.map_or(0, |most| (most.max(1).ilog(4) as u8).clamp(1, 7));
        Self { asked, is_thinking }
    }

    fn prior(self) -> &'static Histogram {
        if self.is_thinking == Some(true) { &THINKING } else { &PLAIN }
    }
}

/// The lengths of each class, few of which are ever used.
type Classes = Vec<(Class, Histogram)>;

/// Lengths of the answers of one model.
#[derive(Debug)]
pub struct Outputs {
    model: Classes,
    keys: Table<Classes>,
}

impl Default for Outputs {
    fn default() -> Self {
        Self { model: Classes::new(), keys: Table::new(MOST_KEYS) }
    }
}

impl Outputs {
    /// Remembers that an answer for `key` was `actual` tokens long.
    pub fn learn(&mut self, key: &str, asked: Option<u64>, is_thinking: Option<bool>, actual: u64) {
        let class = Class::new(asked, is_thinking);
        let bucket = Histogram::bucket(actual);
        of_class(&mut self.model, class).learn(bucket);
        self.keys.change(key, Classes::new, |classes| of_class(classes, class).learn(bucket));
    }

    /// The lengths to expect for `key`, with what it leans on; of total weight 1.
    pub fn lengths(&mut self, key: &str, asked: Option<u64>, is_thinking: Option<bool>) -> Histogram {
        let class = Class::new(asked, is_thinking);
        let of_model = find(&self.model, class).map(|own| own.over(class.prior(), WORTH));
        let of_model = of_model.as_ref().unwrap_or_else(|| class.prior());
        let own = self.keys.get(key).and_then(|classes| find(classes, class));
        own.map_or_else(|| of_model.clone(), |own| own.over(of_model, WORTH))
    }

    /// Tokens still to come in an answer of which `so_far` came; never so many that `asked` is passed.
    pub fn expect(&mut self, key: &str, asked: Option<u64>, is_thinking: Option<bool>, so_far: u64) -> Guess {
        expect(&self.lengths(key, asked, is_thinking), asked, so_far)
    }

    /// All that is remembered: for the model (no key) and for each key.
    pub(super) fn export(&self) -> Vec<Entry> {
        let of = |key: Option<&str>, classes: &Classes| -> Vec<Entry> {
            let entry = |(class, lengths): &(Class, Histogram)| Entry {
                key: key.map(str::to_owned),
                class: *class,
                lengths: lengths.clone(),
            };
            classes.iter().map(entry).collect()
        };
        let keys = self.keys.iter().flat_map(|(key, classes)| of(Some(key), classes));
        of(None, &self.model).into_iter().chain(keys).collect()
    }

    /// Takes what [`Self::export`] gave; entries that make no sense are left out.
    pub(super) fn import(&mut self, entries: Vec<Entry>) {
        for Entry { key, class, lengths } in entries {
            if lengths.is_sane() && class.asked <= 7 {
                let take = |classes: &mut Classes| *of_class(classes, class) = lengths;
                match &key {
                    None => take(&mut self.model),
                    Some(key) => _ = self.keys.change(key, Classes::new, take),
                }
            }
        }
    }
}

/// What is remembered of one class, as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    class: Class,
    lengths: Histogram,
}

fn find(classes: &Classes, class: Class) -> Option<&Histogram> {
    classes.iter().find(|(known, _)| *known == class).map(|(_, lengths)| lengths)
}

/// The lengths of one class; where there are too many classes, the one that weighs least makes room.
fn of_class(classes: &mut Classes, class: Class) -> &mut Histogram {
    let found = classes.iter().position(|(known, _)| *known == class);
    let index = found.unwrap_or_else(|| {
        if classes.len() >= MOST_CLASSES {
            let weights = classes.iter().map(|(_, lengths)| lengths.total()).enumerate();
            let lightest = weights.min_by(|(_, one), (_, other)| one.total_cmp(other));
            lightest.map(|(index, _)| classes.swap_remove(index));
        }
        classes.push((class, Histogram::default()));
        classes.len() - 1
    });
    &mut classes[index].1
}

/// Share of the lengths below which the tail is thought too thin to tell (ours).
const THIN: f64 = 1e-3;

/// An answer longer than nearly all before it goes on for this share of what came (ours).
const LINGERS: f64 = 0.25;

fn expect(lengths: &Histogram, asked: Option<u64>, so_far: u64) -> Guess {
    let so_far = so_far as f64;
    let most = asked.map_or(f64::INFINITY, |asked| asked as f64);
    let room = (most - so_far).max(0.0);
    let (weight, sum, squares) = lengths.beyond(so_far, most);
    let (mean, square) = if weight > THIN * lengths.total().max(f64::MIN_POSITIVE) {
        (sum / weight, squares / weight)
    } else {
        let mean = (LINGERS * so_far).max(1.0);
        (mean, 2.0 * mean * mean)
    };
    let mean = mean.min(room);
    Guess::sane(mean, (square - mean * mean).max(0.0).sqrt().min(room))
}
