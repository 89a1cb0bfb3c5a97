//! How the data file is written: config/models.toml, or another of the same shape. Fields that nothing needs are passed
//! over. Must not know what follows from the numbers.

mod classes;
mod prices;
mod tiers;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::classes::{RawClasses, RawLimits};
use self::prices::{Decimal, Pricing, RawBand, RawOffPeak};
use self::tiers::RawTiers;
use super::class::Classes;
use super::model::{Kind, Model, Status};
use crate::quota::tier::Thresholds;

/// Why a data file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// No TOML, or a field is missing or of the wrong type.
    #[error("{0}")]
    Shape(String),
    /// The levels are not L0 to L5 with rising thresholds and no gap.
    #[error("[[tiers.level]] must be L0 to L5 in order, each beginning where the one before ends")]
    Tiers,
    /// A limit that is no metric's or nothing, or a range that does not rise.
    #[error(
        "`{0}` is no limit: metrics are rpm, rph, rpd, tpm, tpd, ipm and ipd, numbers at least 1, ranges one or two that rise"
    )]
    Limit(String),
    /// A price that is no decimal, has more than six decimals, or is for the output alone.
    #[error(
        "{0}: prices are decimals with at most six places, hours like \"02:00-08:00 UTC+8\", none for the output alone"
    )]
    Price(String),
    /// A model that stands there twice.
    #[error("{0} stands there twice")]
    Twice(String),
}

#[derive(Deserialize)]
struct RawFile {
    tiers: RawTiers,
    defaults: RawClasses,
    #[serde(default)]
    model: Vec<RawModel>,
}

#[derive(Deserialize)]
struct RawModel {
    id: String,
    kind: Kind,
    #[serde(default)]
    free: bool,
    status: Status,
    context: Option<u64>,
    max_output: Option<u64>,
    thinking: Option<String>,
    price_in: Option<Decimal>,
    price_out: Option<Decimal>,
    price_cached: Option<Decimal>,
    price_tier: Option<RawBand>,
    price_offpeak: Option<RawOffPeak>,
    price_per_image: Option<Decimal>,
    price_per_video: Option<Decimal>,
    price_per_kchar: Option<Decimal>,
    #[serde(default)]
    limits: BTreeMap<String, RawLimits>,
}

/// What a data file says.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) thresholds: Thresholds,
    pub(super) classes: Classes,
    pub(super) models: Vec<Model>,
}

/// Reads a data file.
pub(super) fn read(text: &str) -> Result<Contents, CatalogueError> {
    let file: RawFile = toml::from_str(text).map_err(|error| CatalogueError::Shape(error.to_string()))?;
    let models = file.model.into_iter().map(|model| model.read(text)).collect::<Result<_, _>>()?;
    Ok(Contents { thresholds: file.tiers.read()?, classes: file.defaults.read()?, models })
}

impl RawModel {
    fn read(self, text: &str) -> Result<Model, CatalogueError> {
        let price = Pricing::new(text, &self.id).price(&self)?;
        let seen = |name| self.limits.get(name).map_or(Ok(Default::default()), classes::seen);
        Ok(Model {
            fixed: seen("fixed")?,
            l0: seen("L0")?,
            id: self.id,
            kind: self.kind,
            is_free: self.free,
            status: self.status,
            context: self.context,
            max_output: self.max_output,
            price,
            thinking: self.thinking,
        })
    }
}
