//! How much of what: the seven metrics, and which numbers hold for a model.
//! It must not know time or counting; that is `window`.

use crate::mock::catalogue::{Kind, Model};
use crate::mock::settings::{LimitSettings, Tier};
use serde::{Deserialize, Serialize};

/// Limits of one model for one account; `None` is unlimited. Names are SiliconFlow's seven metrics (section 16).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Requests per minute.
    pub rpm: Option<u64>,
    /// Requests per hour.
    pub rph: Option<u64>,
    /// Requests per day.
    pub rpd: Option<u64>,
    /// Tokens per minute.
    pub tpm: Option<u64>,
    /// Tokens per day.
    pub tpd: Option<u64>,
    /// Images per minute.
    pub ipm: Option<u64>,
    /// Images per day.
    pub ipd: Option<u64>,
}

/// A span of the rate-limit page: its lowest and highest value over all models and tiers.
type Span = [u64; 2];

/// `[defaults]` of the data file, as far as the emulator uses it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Defaults {
    chat: Class,
    embedding: Class,
    rerank: Class,
    image: ImageClass,
}

#[derive(Debug, Clone, Deserialize)]
struct Class {
    /// Fixed for every tier.
    free: Limits,
    range: Range,
}

#[derive(Debug, Clone, Deserialize)]
struct Range {
    rpm: Span,
    tpm: Span,
}

#[derive(Debug, Clone, Deserialize)]
struct ImageClass {
    range: ImageRange,
}

#[derive(Debug, Clone, Deserialize)]
struct ImageRange {
    ipm: Vec<u64>,
    ipd: Vec<u64>,
}

impl Defaults {
    /// The limits that hold for `model` under `settings`.
    pub(crate) fn limits_of(&self, model: Option<&Model>, id: &str, settings: &LimitSettings) -> Limits {
        if let Some(own) = settings.per_model.get(id) {
            return *own;
        }
        match model {
            Some(model) if settings.enforce => self.published(model, settings.tier),
            _ => Limits::default(),
        }
    }

    fn published(&self, model: &Model, tier: Tier) -> Limits {
        if let Some(fixed) = model.limits.get("fixed") {
            return *fixed;
        }
        if let (Tier::L0, Some(seen)) = (tier, model.limits.get("L0")) {
            return *seen;
        }
        match model.kind {
            Kind::Chat | Kind::Vision | Kind::Ocr => self.chat.limits(model.free, tier),
            Kind::Embedding => self.embedding.limits(model.free, tier),
            Kind::Rerank => self.rerank.limits(model.free, tier),
            Kind::Image | Kind::ImageEdit => self.image.limits(),
            Kind::Asr | Kind::Tts | Kind::Video => Limits::default(),
        }
    }
}

impl Class {
    fn limits(&self, free: bool, tier: Tier) -> Limits {
        if free {
            return self.free;
        }
        let (rpm, tpm) = (scaled(self.range.rpm, tier), scaled(self.range.tpm, tier));
        Limits { rpm: Some(rpm), tpm: Some(tpm), ..Limits::default() }
    }
}

impl ImageClass {
    fn limits(&self) -> Limits {
        let (ipm, ipd) = (self.range.ipm.first(), self.range.ipd.first());
        Limits { ipm: ipm.copied(), ipd: ipd.copied(), ..Limits::default() }
    }
}

/// The page gives only the ends of a span; L0 gets the low one, L5 the high one, and the tiers between equal factors,
/// rounded to thousands (ours).
fn scaled([low, high]: Span, tier: Tier) -> u64 {
    let factor = (high as f64 / low as f64).powf(f64::from(tier as u8) / 5.0);
    (low as f64 * factor / 1_000.0).round() as u64 * 1_000
}
