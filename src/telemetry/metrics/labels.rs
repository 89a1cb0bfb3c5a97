//! Which models and keys have series of their own: models that the upstream has answered for, and their pairs with keys,
//! as long as there is room.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

/// How many models get series of their own (ours; SiliconFlow listed 87 on 2026-07-21). With all of
/// them in use by every way of chatting, the page takes less than 20 ms.
pub const MAX_MODELS: usize = 192;
/// How many keys get series of their own (ours): a large team's. The ledger knows all of them.
pub const MAX_KEYS: usize = 512;
/// How many pairs of a key and a model get series of their own (ours): each is six lines of the page.
pub const MAX_PAIRS: usize = 2048;
/// The label of every model and key beyond that, and of names nobody answered for.
pub const OTHER: &str = "other";

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ModelLabels(RwLock<HashSet<String>>);

impl ModelLabels {
    /// The label of `model`; `answered` says that the upstream has just answered for it. And whether it is a new one.
    pub(super) fn label<'a>(&self, model: &'a str, answered: bool) -> (&'a str, bool) {
        if model.is_empty() || model.len() > 128 {
            return (OTHER, false);
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(model) {
            return (model, false);
        }
        let room = known.len() < MAX_MODELS;
        drop(known);
        let is_new = answered && room && {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.len() < MAX_MODELS && known.insert(model.to_owned())
        };
        (if is_new { model } else { OTHER }, is_new)
    }
}

/// Who used which models.
#[derive(Debug, Default)]
pub(super) struct PairLabels(RwLock<Pairs>);

#[derive(Debug, Default)]
struct Pairs {
    models: HashMap<String, HashSet<String>>,
    count: usize,
}

/// Labels of who used what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub(super) team: &'a str,
    pub(super) key: &'a str,
    pub(super) model: &'a str,
}

impl PairLabels {
    /// `pair` where there is room for it; else its key with every other model; else `other`.
    pub(super) fn label<'a>(&self, pair: Pair<'a>) -> Pair<'a> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.models.get(pair.key).is_some_and(|models| models.contains(pair.model)) {
            return pair;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.admit(pair)
    }
}

impl Pairs {
    fn admit<'a>(&mut self, pair: Pair<'a>) -> Pair<'a> {
        if self.models.len() >= MAX_KEYS && !self.models.contains_key(pair.key) {
            return Pair { team: "", key: OTHER, model: OTHER };
        }
        let models = self.models.entry(pair.key.to_owned()).or_default();
        if self.count < MAX_PAIRS && models.insert(pair.model.to_owned()) {
            self.count += 1;
        }
        if models.contains(pair.model) { pair } else { Pair { model: OTHER, ..pair } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_beyond_the_cap_are_other() {
        let labels = ModelLabels::default();
        assert_eq!(labels.label("a", false), (OTHER, false), "nobody answered for it");
        assert_eq!(labels.label("a", true), ("a", true));
        assert_eq!(labels.label("a", false), ("a", false));
        for number in 0..MAX_MODELS * 2 {
            labels.label(&number.to_string(), true);
        }
        assert_eq!(labels.label("late", true), (OTHER, false));
        assert_eq!(labels.label("a", true), ("a", false), "whoever came first stays");
    }

    #[test]
    fn pairs_beyond_the_cap_are_other() {
        let labels = PairLabels::default();
        fn pair<'a>(key: &'a str, model: &'a str) -> Pair<'a> {
            Pair { team: "ml", key, model }
        }
        assert_eq!(labels.label(pair("ann", "a")), pair("ann", "a"));
        for number in 0..MAX_PAIRS {
            labels.label(pair("bob", &number.to_string()));
        }
        assert_eq!(labels.label(pair("ann", "late")), pair("ann", OTHER));
        assert_eq!(labels.label(pair("ann", "a")), pair("ann", "a"), "whoever came first stays");
        for number in 0..MAX_KEYS {
            labels.label(pair(&number.to_string(), "a"));
        }
        assert_eq!(labels.label(pair("late", "a")), Pair { team: "", key: OTHER, model: OTHER });
        assert!(labels.0.read().unwrap().models.len() <= MAX_KEYS);
    }
}
