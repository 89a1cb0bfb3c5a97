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

impl Limits {
    fn rate(rpm: u64, tpm: u64) -> Self {
        Self { rpm: Some(rpm), tpm: Some(tpm), ..Self::default() }
    }
}

/// The limits that hold for `model` under `settings`.
pub(crate) fn limits_of(model: Option<&Model>, id: &str, settings: &LimitSettings) -> Limits {
    if let Some(own) = settings.per_model.get(id) {
        return *own;
    }
    match model {
        Some(model) if settings.enforce => from_catalogue(model, settings.tier),
        _ => Limits::default(),
    }
}

fn from_catalogue(model: &Model, tier: Tier) -> Limits {
    if let Some(fixed) = model.limits.get("fixed") {
        return *fixed;
    }
    if let (Tier::L0, Some(seen)) = (tier, model.limits.get("L0")) {
        return *seen;
    }
    if model.free { free_default(model.kind) } else { paid_default(model.kind, tier) }
}

/// `[defaults.*.free]` of the data file; for vision as for chat (ours).
fn free_default(kind: Kind) -> Limits {
    match kind {
        Kind::Chat | Kind::Vision | Kind::Ocr => Limits::rate(1_000, 50_000),
        Kind::Embedding | Kind::Rerank => Limits::rate(2_000, 500_000),
        Kind::Image | Kind::ImageEdit => Limits { ipm: Some(2), ipd: Some(400), ..Limits::default() },
        Kind::Asr | Kind::Tts | Kind::Video => Limits::default(),
    }
}

/// The page gives only the ends of the span (chat 1,000-10,000 RPM, 50,000-5,000,000 TPM; embedding 2,000-10,000 and
/// 500,000-10,000,000); the steps between L0 and L5 are ours.
fn paid_default(kind: Kind, tier: Tier) -> Limits {
    let step = tier as usize;
    let pick = |steps: [u64; 6]| steps.get(step).copied().unwrap_or(u64::MAX);
    match kind {
        Kind::Chat | Kind::Vision | Kind::Ocr => Limits::rate(
            pick([1_000, 2_000, 3_000, 5_000, 8_000, 10_000]),
            pick([50_000, 100_000, 300_000, 1_000_000, 2_000_000, 5_000_000]),
        ),
        Kind::Embedding => Limits::rate(
            pick([2_000, 3_000, 4_000, 6_000, 8_000, 10_000]),
            pick([500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000, 10_000_000]),
        ),
        other => free_default(other),
    }
}
