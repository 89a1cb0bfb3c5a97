//! Limits as the data file writes them: ranges and fixed numbers of a class, and what users saw of a model. Must not
//! know tiers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fault::CatalogueError;
use crate::catalog::class::{Class, Classes, Range};
use crate::quota::limits::{Limits, Source};
use crate::quota::metric::Metric;

/// Numbers by the key of their metric.
pub(super) type RawLimits = BTreeMap<String, u64>;

/// `[defaults]` of the data file, as far as limits follow from it.
#[derive(Debug, Deserialize)]
pub(super) struct RawClasses {
    chat: RawClass,
    embedding: RawClass,
    rerank: RawClass,
    image: RawClass,
}

#[derive(Debug, Deserialize)]
struct RawClass {
    /// One number, or the lowest and the highest over all models and tiers.
    range: BTreeMap<String, Vec<u64>>,
    /// Fixed for every tier.
    #[serde(default)]
    free: RawLimits,
}

impl RawClasses {
    pub(super) fn read(&self) -> Result<Classes, CatalogueError> {
        let chat = self.chat.read()?;
        Ok(Classes {
            vision: chat.borrowed(),
            chat,
            embedding: self.embedding.read()?,
            rerank: self.rerank.read()?,
            image: self.image.read()?,
            unlimited: Class::default(),
        })
    }
}

impl RawClass {
    fn read(&self) -> Result<Class, CatalogueError> {
        let mut class = Class { free: seen(&self.free)?, ..Class::default() };
        for (key, ends) in &self.range {
            let range = match ends[..] {
                [only] if only > 0 => Range { low: only, high: only },
                [low, high] if 0 < low && low <= high => Range { low, high },
                _ => return Err(CatalogueError::Limit(key.clone())),
            };
            class.range[metric(key)?.index()] = Some(range);
        }
        Ok(class)
    }
}

fn metric(key: &str) -> Result<Metric, CatalogueError> {
    Metric::parse(key).ok_or_else(|| CatalogueError::Limit(key.to_owned()))
}

/// What users saw.
pub(super) fn seen(raw: &RawLimits) -> Result<Limits, CatalogueError> {
    raw.iter().try_fold(Limits::default(), |limits, (key, value)| match (metric(key)?, *value) {
        (_, 0) => Err(CatalogueError::Limit(key.clone())),
        (metric, value) => Ok(limits.with(metric, value, Source::Seen)),
    })
}
