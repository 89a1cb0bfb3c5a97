//! All models with their limits and prices: the one in the binary, or one that an operator brings.
//!
//! Must not know accounts, requests or what was learned of limits. Which source each limit is called after: `class`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use toml::Spanned;
use toml::de::DeValue;

use super::class::Classes;
use super::file::{self, CatalogueError, CatalogueFault};
use super::model::{Kind, Model};
use crate::ledger::price::Consumed;
use crate::quota::limits::Limits;
use crate::quota::money::Money;
use crate::quota::tier::{Thresholds, Tier};

/// The data of 2026-10-01 (`as_of` in the file).
const BUILT_IN: &str = include_str!("../../config/models.toml");

/// Models by id, with what holds for all.
#[derive(Clone)]
pub struct Catalogue {
    models: Vec<Model>,
    by_id: HashMap<String, usize>,
    classes: Classes,
    thresholds: Thresholds,
}

/// The same models show the same text: what only finds them has an order of chance.
impl fmt::Debug for Catalogue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { models, classes, thresholds, by_id: _ } = self;
        let mut shown = formatter.debug_struct("Catalogue");
        shown.field("models", models).field("classes", classes).field("thresholds", thresholds).finish()
    }
}

impl Catalogue {
    /// The one in the binary; read when it is first asked for. What serves requests uses the one in force, which the
    /// configuration may have changed.
    pub fn builtin() -> &'static Self {
        Self::shared()
    }

    /// The same, to keep.
    pub fn shared() -> &'static Arc<Self> {
        static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
            // A test proves that the built-in file can be read; without it every model would be an unknown one.
            Arc::new(Catalogue::read(BUILT_IN).unwrap_or_else(|_| Catalogue::empty()))
        });
        &CATALOGUE
    }

    /// Reads one of the same shape as config/models.toml.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str) -> Result<Self, Vec<CatalogueFault>> {
        let file::Contents { thresholds, classes, models } = file::read(text)?;
        let (models, places): (Vec<Model>, Vec<usize>) = models.into_iter().unzip();
        let catalogue = Self::of(models, classes, thresholds);
        let place = |error: CatalogueError| {
            let id = if let CatalogueError::Substitute(id, _) = &error { catalogue.by_id.get(id) } else { None };
            let place = id.and_then(|index| places.get(*index));
            CatalogueFault { line: place.map(|place| file::line(text, *place)), error }
        };
        let faults: Vec<CatalogueFault> = catalogue.wrong_substitutes().map(place).collect();
        if faults.is_empty() { Ok(catalogue) } else { Err(faults) }
    }

    fn of(models: Vec<Model>, classes: Classes, thresholds: Thresholds) -> Self {
        let by_id = models.iter().enumerate().map(|(index, model)| (model.id.clone(), index)).collect();
        Self { models, by_id, classes, thresholds }
    }

    fn empty() -> Self {
        Self::of(Vec::new(), Classes::default(), Thresholds::default())
    }

    /// What a table of the configuration makes of the model `id`, known or new. `text` is that of the whole file.
    ///
    /// # Errors
    /// What is wrong with it, and at which byte of `text`.
    pub fn overridden(
        &self,
        id: &str,
        value: &Spanned<DeValue<'_>>,
        text: &str,
    ) -> Result<Model, (usize, CatalogueError)> {
        file::read_override(id, value, self.get(id), text)
    }

    /// The same with `models` in place of those of their names, and with those that are new.
    ///
    /// # Errors
    /// Substitutes that can no longer stand for their models.
    pub fn with(&self, models: impl IntoIterator<Item = Model>) -> Result<Self, Vec<CatalogueError>> {
        let mut catalogue = self.clone();
        for model in models {
            match catalogue.by_id.get(&model.id) {
                Some(index) => catalogue.models[*index] = model,
                None => {
                    catalogue.by_id.insert(model.id.clone(), catalogue.models.len());
                    catalogue.models.push(model);
                }
            }
        }
        let wrong: Vec<CatalogueError> = catalogue.wrong_substitutes().collect();
        if wrong.is_empty() { Ok(catalogue) } else { Err(wrong) }
    }

    /// Every model, to be changed; their ids must stay.
    pub(super) fn models_mut(&mut self) -> impl Iterator<Item = &mut Model> {
        self.models.iter_mut()
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

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
