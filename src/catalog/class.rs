//! The limits of a class of models: chat, vision, embedding, rerank, image; nothing is known of the others.
//!
//! Must not know single models; what users saw of one is handed in. Where each number comes from, by the source keys in
//! the comments of config/models.toml:
//!
//! | number | backed by | called |
//! |---|---|---|
//! | an end of a class's published range, L0 (low) or L5 (high) | RL, the rate-limit page | `Documented` |
//! | any tier where both ends are the same (rerank, image) | RL | `Documented` |
//! | L1 to L4 of a paid model | between the ends by equal factors, to whole thousands (ours) | `Interpolated` |
//! | `[model.limits.fixed]` of a free model, `[defaults.*.free]` | R-JI, R-AF, R-BG: users' reports | `Seen` |
//! | a free model's number that is also the only one of the published range | RL | `Documented` |
//! | `[model.limits.L0]` at L0 | R-EP, R-JU, R-VL: users with an L0 account | `Seen` |
//! | the same model above L0 | from its own low end to the range's high end | as above |
//! | vision, OCR | RL gives multimodal models nothing; chat's numbers are taken (ours) | `Interpolated` |
//! | speech, transcription, video | nothing | no limit |
//! | `[model.limits.tier_not_stated]`, `[defaults.chat.l0_seen]`, `seed_range` | whose limits they are is not known | not used |
//!
//! A model whose freedom no source states is limited as a paid one: both begin with the same numbers at L0.

use super::model::{Kind, Model};
use crate::quota::limits::{Limit, Limits, Source};
use crate::quota::metric::Metric;
use crate::quota::tier::Tier;

/// The classes that something is known of.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    pub(super) chat: Class,
    pub(super) vision: Class,
    pub(super) embedding: Class,
    pub(super) rerank: Class,
    pub(super) image: Class,
    /// Of the rest.
    pub(super) unlimited: Class,
}

/// A published range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) low: u64,
    pub(super) high: u64,
}

/// One class.
#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    /// By the index of the metric.
    pub(super) range: [Option<Range>; 7],
    /// Of free models.
    pub(super) free: Limits,
    /// Chat's numbers on loan.
    pub(super) is_borrowed: bool,
}

impl Classes {
    /// The limits of a known model.
    pub(super) fn limits(&self, model: &Model, tier: Tier) -> Limits {
        let class = self.of(model.kind);
        if model.is_free || !model.fixed.is_empty() {
            return each(|metric| class.fixed(metric, model.fixed.get(metric)));
        }
        each(|metric| class.at_tier(metric, model.l0.get(metric), tier))
    }

    /// The limits of a paid model of which only the kind is known.
    pub(super) fn limits_of_kind(&self, kind: Kind, tier: Tier) -> Limits {
        each(|metric| self.of(kind).at_tier(metric, None, tier))
    }

    fn of(&self, kind: Kind) -> &Class {
        match kind {
            Kind::Chat => &self.chat,
            Kind::Vision | Kind::Ocr => &self.vision,
            Kind::Embedding => &self.embedding,
            Kind::Rerank => &self.rerank,
            Kind::Image | Kind::ImageEdit => &self.image,
            Kind::Asr | Kind::Tts | Kind::Video => &self.unlimited,
        }
    }
}

fn each(limit: impl Fn(Metric) -> Option<Limit>) -> Limits {
    let mut limits = Limits::default();
    for metric in Metric::ALL {
        limits.set(metric, limit(metric));
    }
    limits
}

impl Class {
    /// The same numbers for models that they are not published for.
    pub(super) fn borrowed(&self) -> Self {
        let guess = |limit: Limit| Limit { source: Source::Interpolated, ..limit };
        Self { free: each(|metric| self.free.get(metric).map(guess)), is_borrowed: true, ..self.clone() }
    }

    fn range(&self, metric: Metric) -> Option<Range> {
        self.range[metric.index()]
    }

    /// An end of the published range.
    fn published(&self, value: u64) -> Limit {
        Limit { value, source: if self.is_borrowed { Source::Interpolated } else { Source::Documented } }
    }

    /// A free model's limit: what was seen of it, else of its class, else the low end.
    fn fixed(&self, metric: Metric, seen: Option<Limit>) -> Option<Limit> {
        let range = self.range(metric);
        let limit = seen.or(self.free.get(metric)).or(range.map(|range| self.published(range.low)))?;
        let is_published = range.is_some_and(|range| range.low == range.high && range.low == limit.value);
        Some(if is_published { self.published(limit.value) } else { limit })
    }

    /// A paid model's limit, with what was seen of it at L0. Never lower than at the tier below.
    fn at_tier(&self, metric: Metric, seen: Option<Limit>, tier: Tier) -> Option<Limit> {
        let Some(range) = self.range(metric) else { return seen };
        let low = seen.unwrap_or(self.published(range.low));
        let high = if low.value < range.high { self.published(range.high) } else { low };
        Some(match tier {
            Tier::L0 => low,
            Tier::L5 => high,
            _ if low.value == high.value => high,
            _ => Limit { value: between(low.value, high.value, tier), source: Source::Interpolated },
        })
    }
}

/// Equal factors from tier to tier, rounded to thousands (ours).
fn between(low: u64, high: u64, tier: Tier) -> u64 {
    let share = tier.index() as f64 / Tier::L5.index() as f64;
    let value = low as f64 * (high as f64 / low.max(1) as f64).powf(share);
    ((value / 1_000.0).round() as u64).saturating_mul(1_000).clamp(low, high)
}
