//! How much of what: the seven metrics, and which numbers hold for a model.
//! It must not know time or counting; that is `window`.

use crate::mock::catalogue::{Kind, Model};
use crate::mock::settings::{LimitSettings, Tier};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

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

impl Limits {
    /// These limits where they say something, else those of `others`.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            rpm: self.rpm.or(others.rpm),
            rph: self.rph.or(others.rph),
            rpd: self.rpd.or(others.rpd),
            tpm: self.tpm.or(others.tpm),
            tpd: self.tpd.or(others.tpd),
            ipm: self.ipm.or(others.ipm),
            ipd: self.ipd.or(others.ipd),
        }
    }

    /// The place of a metric by its name.
    fn place(&mut self, metric: &str) -> Option<&mut Option<u64>> {
        Some(match metric {
            "rpm" => &mut self.rpm,
            "rph" => &mut self.rph,
            "rpd" => &mut self.rpd,
            "tpm" => &mut self.tpm,
            "tpd" => &mut self.tpd,
            "ipm" => &mut self.ipm,
            "ipd" => &mut self.ipd,
            _ => return None,
        })
    }
}

/// `rpm=20,tpm=50000`.
impl FromStr for Limits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut limits = Self::default();
        for pair in text.split(',') {
            let (metric, number) = pair.split_once('=').ok_or_else(|| format!("{pair:?} is not like rpm=20"))?;
            let metric = metric.trim().to_ascii_lowercase();
            let place = limits
                .place(&metric)
                .ok_or_else(|| format!("no metric {metric:?}: expected rpm, rph, rpd, tpm, tpd, ipm or ipd"))?;
            let number = number.trim().parse().map_err(|_| format!("{number:?} is no number of {metric}"))?;
            if place.replace(number).is_some() {
                return Err(format!("{metric} is given twice"));
            }
        }
        Ok(limits)
    }
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
