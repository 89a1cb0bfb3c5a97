//! Handles of series, kept once they were made: to look one up by its labels hashes all of them, and takes a lock.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use foldhash::fast::RandomState;
use prometheus::{Counter, Histogram, IntCounter};

use super::gen_ai::Operation;
use super::labels::Pair;

/// Handles by one label, whose values are constants of the program. Each has a slot from its first use on; they are few, and
/// looked through without a lock.
#[derive(Debug)]
pub(super) struct ByLabel<T>([OnceLock<(&'static str, T)>; MOST_LABELS]);

/// More than any label has values (ours); those beyond it would have their handle made each time.
const MOST_LABELS: usize = 32;

impl<T> Default for ByLabel<T> {
    fn default() -> Self {
        Self([const { OnceLock::new() }; MOST_LABELS])
    }
}

impl<T> ByLabel<T> {
    /// Uses the handle of `label`, which is made if there is none yet.
    pub(super) fn with<R>(&self, label: &'static str, make: impl Fn() -> T, using: impl FnOnce(&T) -> R) -> R {
        let mut taken = self.0.iter().map(|slot| slot.get_or_init(|| (label, make())));
        match taken.find(|(known, _)| *known == label) {
            Some((_, handle)) => using(handle),
            None => using(&make()),
        }
    }
}

/// What requests of one model, route and status count in.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) requests: IntCounter,
    pub(super) duration: Histogram,
    /// Under OpenTelemetry's names, where it has one.
    pub(super) operation: Option<Operation>,
}

/// What one key's use of one model counts in.
#[derive(Debug)]
pub(super) struct Used {
    /// In the order of the types of tokens.
    pub(super) tokens: [IntCounter; 4],
    pub(super) cost: Counter,
}

/// A key's use while it was in one team: it may change that.
#[derive(Debug)]
struct OfTeam {
    team: Box<str>,
    used: Used,
}

/// All handles of one model.
#[derive(Debug, Default)]
struct OfModel {
    /// By route and status.
    served: Vec<((&'static str, u16), Served)>,
    /// By key.
    used: HashMap<Box<str>, Vec<OfTeam>, RandomState>,
}

/// All handles, by model. There are no more of them than series.
#[derive(Debug, Default)]
pub(super) struct Series(RwLock<HashMap<Box<str>, OfModel, RandomState>>);

impl Series {
    /// Uses what requests of `model` count in at `place`, a route and a status; `make` makes it the first time.
    pub(super) fn served(
        &self,
        model: &str,
        place: (&'static str, u16),
        make: impl FnOnce() -> Served,
        using: impl FnOnce(&Served),
    ) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(served) = known.get(model).and_then(|model| model.served(place)) {
            return using(served);
        }
        drop(known);
        let made = make();
        using(&made);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let model = known.entry(model.into()).or_default();
        if model.served(place).is_none() {
            model.served.push((place, made));
        }
    }

    /// Uses what `pair` counts in; `make` makes it, and says whether it is the pair's own: only that is kept.
    pub(super) fn used(&self, pair: Pair<'_>, make: impl FnOnce() -> (Used, bool), using: impl FnOnce(&Used)) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = known.get(pair.model).and_then(|model| model.used(pair)) {
            return using(used);
        }
        drop(known);
        let (made, is_own) = make();
        using(&made);
        if !is_own {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let model = known.entry(pair.model.into()).or_default();
        if model.used(pair).is_none() {
            model.used.entry(pair.key.into()).or_default().push(OfTeam { team: pair.team.into(), used: made });
        }
    }
}

impl OfModel {
    fn served(&self, place: (&'static str, u16)) -> Option<&Served> {
        self.served.iter().find(|(known, _)| *known == place).map(|(_, served)| served)
    }

    fn used(&self, pair: Pair<'_>) -> Option<&Used> {
        self.used.get(pair.key)?.iter().find(|known| *known.team == *pair.team).map(|known| &known.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_its_handle() {
        let handles = ByLabel::default();
        let labels: Vec<&'static str> = (0..MOST_LABELS).map(|number| &*number.to_string().leak()).collect();
        for label in labels.iter().chain(&labels) {
            handles.with(label, || IntCounter::new("n", "n").unwrap(), IntCounter::inc);
        }
        for label in labels {
            assert_eq!(handles.with(label, || IntCounter::new("n", "n").unwrap(), IntCounter::get), 2);
        }
        assert_eq!(handles.with("beyond", || IntCounter::new("n", "n").unwrap(), IntCounter::get), 0);
    }
}
