//! Metrics of the upstream's health. Gauges are set when the page is asked for.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};

use super::Families;
use super::sets::UPSTREAM_CAUSES;

/// Every value of the label `reason` of retries.
const RETRY_REASONS: &[&str] = &["connect", "busy"];

/// See the module.
#[derive(Debug)]
pub struct UpstreamMetrics {
    pub(super) errors: IntCounterVec,
    retries: IntCounterVec,
    resting: IntGaugeVec,
    /// 1 while the breaker refuses to call the upstream at all.
    pub breaker_open: IntGauge,
    /// Models that are not called for a while because they kept answering 503.
    pub paused_models: IntGauge,
}

impl UpstreamMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            errors: new.counters(
                "flowgate_upstream_errors_total",
                "Failures and refusals of the upstream, by cause.",
                &["cause"],
            )?,
            retries: new.counters(
                "flowgate_upstream_retries_total",
                "Second and later tries of a request before its first byte, by reason.",
                &["reason"],
            )?,
            resting: new.gauges(
                "flowgate_upstream_key_resting",
                "1 while the account's key is not used because the upstream refused it.",
                &["account"],
            )?,
            breaker_open: new.gauge(
                "flowgate_upstream_breaker_open",
                "1 while the upstream is not called because it kept failing.",
            )?,
            paused_models: new.gauge(
                "flowgate_upstream_paused_models",
                "Models that are left alone for a while because they kept answering 503.",
            )?,
        })
    }

    pub(super) fn initialise(&self) {
        UPSTREAM_CAUSES.iter().for_each(|cause| drop(self.errors.with_label_values(&[*cause])));
        RETRY_REASONS.iter().for_each(|reason| drop(self.retries.with_label_values(&[*reason])));
    }

    /// Counts a failure; `cause` is one of [`UPSTREAM_CAUSES`].
    pub(super) fn failed(&self, cause: &'static str) {
        self.errors.with_label_values(&[cause]).inc();
    }

    /// Counts a second or later try.
    pub(super) fn retried(&self, reason: &'static str) {
        self.retries.with_label_values(&[reason]).inc();
    }

    /// Shows the key of each account: its name, and whether it rests.
    pub fn keys<'a>(&self, accounts: impl Iterator<Item = (&'a str, bool)>) {
        self.resting.reset();
        accounts.for_each(|(name, rests)| self.resting.with_label_values(&[name]).set(i64::from(rests)));
    }
}
