//! Metrics of who was called: free or paid, by which right, and what took the place of what failed. The money of spilling
//! is set when the page is asked for.

use prometheus::{GaugeVec, IntCounter, IntCounterVec};

use super::Families;

/// Every value of the label `choice`.
pub const CHOICES: &[&str] = &["free", "name", "policy", "spill"];
/// Every value of the label `cause`.
pub const FALLBACK_CAUSES: &[&str] = &["busy", "withdrawn", "context", "budget"];

/// See the module.
#[derive(Debug)]
pub struct PolicyMetrics {
    /// In the order of [`CHOICES`]: nothing is looked up on the way of a request.
    choices: Vec<IntCounter>,
    fallbacks: IntCounterVec,
    reserved: GaugeVec,
    spent: GaugeVec,
}

impl PolicyMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        let choices = new.counters(
            "flowgate_model_choices_total",
            "Answers, by the right by which their model was called (free: it costs nothing).",
            &["choice"],
        )?;
        Ok(Self {
            choices: CHOICES.iter().map(|choice| choices.with_label_values(&[*choice])).collect(),
            fallbacks: new.counters(
                "flowgate_fallbacks_total",
                "Requests that went on to another model of a declared list, by why the one before failed.",
                &["cause"],
            )?,
            reserved: new.float_gauges(
                "flowgate_spill_reserved_cny",
                "Money that spilled requests under way hold of today's budget.",
                &["account"],
            )?,
            spent: new.float_gauges(
                "flowgate_spill_spent_cny",
                "Money spent today by spilling from free models to paid ones.",
                &["account"],
            )?,
        })
    }

    pub(super) fn initialise(&self) {
        FALLBACK_CAUSES.iter().for_each(|cause| drop(self.fallbacks.with_label_values(&[*cause])));
    }

    /// Counts an answer by the right of its model, one of [`CHOICES`].
    pub fn chosen(&self, choice: &'static str) {
        let counter = CHOICES.iter().position(|known| *known == choice).and_then(|index| self.choices.get(index));
        counter.into_iter().for_each(IntCounter::inc);
    }

    /// Counts a request that went on to another model, by one of [`FALLBACK_CAUSES`].
    pub fn fell_back(&self, cause: &'static str) {
        self.fallbacks.with_label_values(&[cause]).inc();
    }

    /// Shows what an account's spill budget has come to today (micro-CNY).
    pub fn spill(&self, account: &str, reserved_micros: u64, spent_micros: u64) {
        let cny = |micros: u64| micros as f64 / 1e6;
        self.reserved.with_label_values(&[account]).set(cny(reserved_micros));
        self.spent.with_label_values(&[account]).set(cny(spent_micros));
    }
}
