//! All models with their limits and prices: the one in the binary, or one that an operator brings.
//!
//! Must not know accounts, requests or what was learned of limits. Which source each limit is called after: `class`.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::SystemTime;

use super::class::Classes;
use super::file::{self, CatalogueError};
use super::model::{Kind, Model};
use super::price::Consumed;
use crate::quota::limits::Limits;
use crate::quota::money::Money;
use crate::quota::tier::{Thresholds, Tier};

/// The data of 2026-10-01 (`as_of` in the file).
const BUILT_IN: &str = include_str!("../../config/models.toml");

/// Models by id, with what holds for all.
#[derive(Debug, Clone)]
pub struct Catalogue {
    models: Vec<Model>,
    by_id: HashMap<String, usize>,
    classes: Classes,
    thresholds: Thresholds,
}

impl Catalogue {
    /// The one in the binary; read when it is first asked for.
    pub fn builtin() -> &'static Self {
        static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
            // A test proves that the built-in file can be read; without it every model would be an unknown one.
            Catalogue::read(BUILT_IN).unwrap_or_else(|_| Catalogue::empty())
        });
        &CATALOGUE
    }

    /// Reads one of the same shape as config/models.toml.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(text: &str) -> Result<Self, CatalogueError> {
        let file::Contents { thresholds, classes, models } = file::read(text)?;
        let mut by_id = HashMap::new();
        for (index, model) in models.iter().enumerate() {
            if by_id.insert(model.id.clone(), index).is_some() {
                return Err(CatalogueError::Twice(model.id.clone()));
            }
        }
        Ok(Self { models, by_id, classes, thresholds })
    }

    fn empty() -> Self {
        let classes = Classes::default();
        Self { models: Vec::new(), by_id: HashMap::new(), classes, thresholds: Thresholds::default() }
    }

    /// The model of that id.
    pub fn get(&self, id: &str) -> Option<&Model> {
        self.by_id.get(id).and_then(|index| self.models.get(*index))
    }

    /// Every model, in the order of the data.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The spend at which tiers begin.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// The limits of model `id` for an account of `tier`. A name that nobody knows has those of its class, which its
    /// endpoint gives away.
    pub fn limits(&self, id: &str, kind_if_unknown: Kind, tier: Tier) -> Limits {
        match self.get(id) {
            Some(model) => self.classes.limits(model, tier),
            None => self.class_limits(kind_if_unknown, tier),
        }
    }

    /// The limits of a paid model of which only the kind is known.
    pub fn class_limits(&self, kind: Kind, tier: Tier) -> Limits {
        self.classes.limits_of_kind(kind, tier)
    }

    /// What `consumed` of model `id` cost at the moment `at`; `None` when no price is known.
    pub fn cost(&self, id: &str, consumed: &Consumed, at: SystemTime) -> Option<Money> {
        self.get(id)?.cost(consumed, at)
    }
}

impl Tier {
    /// The tier of an account that spent so many micro-CNY in a month, by the thresholds of the built-in catalogue.
    pub fn of_spend(micros_cny: u64) -> Self {
        Catalogue::builtin().thresholds().of_spend(Money::from_micros_cny(micros_cny))
    }
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
