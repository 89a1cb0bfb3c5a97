//! One model as the data file and the configuration write it. Must not know other models.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::classes::{self, RawLimits};
use super::fault::CatalogueError;
use super::prices::{Decimal, Pricing, RawBand, RawOffPeak};
use crate::catalog::model::{Kind, Model, Status};
use crate::catalog::nearest;
use crate::ledger::price::Price;
use crate::quota::limits::Limits;

/// What can be said of a model in the configuration.
pub const OVERRIDABLE: [&str; 24] = [
    "kind",
    "free",
    "status",
    "context",
    "context_shown",
    "max_output",
    "max_input_tokens",
    "max_reasoning",
    "dimensions",
    "caps",
    "thinking",
    "substitute",
    "deprecated",
    "note",
    "price_in",
    "price_out",
    "price_cached",
    "price_in_image",
    "price_tier",
    "price_offpeak",
    "price_per_image",
    "price_per_video",
    "price_per_kchar",
    "price_per_second",
];

/// What the data file has besides: remarks for people, and what nothing needs yet.
const REMARKS: [&str; 8] =
    ["id", "limits", "limits_note", "pro_twin", "base_id", "price_conflict", "quirks", "batch_size_max"];

/// A model with everything optional: each place decides what it must have.
#[derive(Deserialize)]
pub(super) struct RawModel {
    pub(super) id: Option<String>,
    pub(super) kind: Option<Kind>,
    free: Option<bool>,
    pub(super) status: Option<Status>,
    context: Option<u64>,
    context_shown: Option<String>,
    max_output: Option<u64>,
    #[serde(rename = "max_input_tokens")]
    max_input: Option<u64>,
    max_reasoning: Option<u64>,
    dimensions: Option<Vec<u64>>,
    caps: Option<Vec<String>>,
    thinking: Option<String>,
    substitute: Option<String>,
    deprecated: Option<String>,
    note: Option<String>,
    pub(super) price_in: Option<Decimal>,
    pub(super) price_out: Option<Decimal>,
    pub(super) price_cached: Option<Decimal>,
    pub(super) price_in_image: Option<Decimal>,
    pub(super) price_tier: Option<RawBand>,
    pub(super) price_offpeak: Option<RawOffPeak>,
    pub(super) price_per_image: Option<Decimal>,
    pub(super) price_per_video: Option<Decimal>,
    pub(super) price_per_kchar: Option<Decimal>,
    pub(super) price_per_second: Option<Decimal>,
    #[serde(default)]
    limits: BTreeMap<String, RawLimits>,
}

/// A fault and the byte offset it is at.
pub(super) type Misplaced = (usize, CatalogueError);

impl RawModel {
    /// Reads a table as a model.
    pub(super) fn parse(value: &Spanned<DeValue<'_>>) -> Result<Self, Misplaced> {
        Self::deserialize(ValueDeserializer::from(value.clone())).map_err(|error| {
            let place = error.span().map_or(value.span().start, |span| span.start);
            (place, CatalogueError::Shape(error.message().to_owned()))
        })
    }

    /// `base` with what is written here in place of what it said.
    ///
    /// Prices are replaced together: with one of them new, the others can hardly be the old ones.
    pub(super) fn over(self, base: Model, text: &str) -> Result<Model, CatalogueError> {
        let kind = self.kind.unwrap_or(base.kind);
        let is_free = self.free.unwrap_or(base.is_free);
        let price = self.price(&base, kind, is_free, text)?;
        let seen = |name: &str| self.limits.get(name).map_or(Ok(Limits::default()), classes::seen);
        // Limits that hold whatever the tier are those of a free model.
        let is_no_longer_free = base.is_free && !is_free;
        let known = if is_no_longer_free { Limits::default() } else { base.fixed };
        let (fixed, l0) = (seen("fixed")?.or(known), seen("L0")?.or(base.l0));
        Ok(Model {
            kind,
            is_free,
            status: self.status.unwrap_or(base.status),
            context: self.context.or(base.context),
            context_shown: self.context_shown.or(base.context_shown),
            max_output: self.max_output.or(base.max_output),
            max_input: self.max_input.or(base.max_input),
            max_reasoning: self.max_reasoning.or(base.max_reasoning),
            dimensions: self.dimensions.unwrap_or(base.dimensions),
            caps: self.caps.unwrap_or(base.caps),
            price: price.map(Arc::new),
            thinking: self.thinking.or(base.thinking),
            fixed,
            l0,
            substitute: self.substitute.or(base.substitute),
            deprecated: self.deprecated.or(base.deprecated),
            note: self.note.or(base.note),
            id: base.id,
        })
    }

    fn price(&self, base: &Model, kind: Kind, is_free: bool, text: &str) -> Result<Option<Price>, CatalogueError> {
        let written = Pricing::new(text, &base.id).price(self, kind)?;
        let is_priced = written.is_some_and(|price| price != Price::default());
        match (written, self.free) {
            _ if is_free && is_priced => Err(CatalogueError::FreeAndPriced(base.id.clone())),
            (Some(price), _) => Ok(Some(price)),
            (None, Some(true)) => Ok(Some(Price::default())),
            // It was free, and what it costs now nobody says.
            (None, Some(false)) if base.is_free => Ok(None),
            (None, _) => Ok(base.price.as_deref().copied()),
        }
    }
}

/// A fault for each name in a row of the data file that nothing reads.
pub(super) fn unknown_names(id: &str, row: &DeTable<'_>) -> Vec<Misplaced> {
    let known: Vec<&'static str> = OVERRIDABLE.into_iter().chain(REMARKS).collect();
    let unknown = row.iter().filter(|(name, _)| !known.contains(&name.get_ref().as_ref()));
    let fault = |(name, _): (&Spanned<_>, _)| {
        let written: &str = AsRef::<str>::as_ref(name.get_ref());
        let meant = nearest::one(written, &known);
        (name.span().start, CatalogueError::UnknownName(id.to_owned(), written.to_owned(), meant))
    };
    unknown.map(fault).collect()
}
