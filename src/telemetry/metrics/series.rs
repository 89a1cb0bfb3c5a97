//! Handles of series, kept once they were made: to look one up by its labels hashes all of them, and takes a lock.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use foldhash::fast::RandomState;
use prometheus::{Counter, Histogram, IntCounter};

use super::gen_ai::Operation;
use super::labels::Pair;

/// Handles by one label, whose values are constants of the program. Few: they are looked through.
#[derive(Debug)]
pub(super) struct ByLabel<T>(RwLock<Vec<(&'static str, T)>>);

impl<T> Default for ByLabel<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T: Clone> ByLabel<T> {
    /// Uses the handle of `label`, which is made if there is none yet.
    pub(super) fn with<R>(&self, label: &'static str, make: impl FnOnce() -> T, mut using: impl FnMut(&T) -> R) -> R {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, handle)) = known.iter().find(|(known, _)| *known == label) {
            return using(handle);
        }
        drop(known);
        let handle = make();
        let used = using(&handle);
        self.0.write().unwrap_or_else(PoisonError::into_inner).push((label, handle));
        used
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
