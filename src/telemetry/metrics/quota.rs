//! Metrics of the quota: what no other gateway shows. Gauges are set when the page is asked for.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec};

use super::Families;
use super::series::ByLabel;
use super::sets::LIMITS;

/// From "at once" to the longest that a caller waits (seconds; ours).
const WAIT_BUCKETS: &[f64] = &[0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0];
/// Estimate against truth: 5 % is the product's bar (product.md, section 2).
const ERROR_BUCKETS: &[f64] = &[0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0];

/// See the module.
#[derive(Debug)]
pub struct QuotaMetrics {
    limit: IntGaugeVec,
    used: IntGaugeVec,
    reserved: IntGaugeVec,
    waiting: IntGaugeVec,
    tier: IntGaugeVec,
    wait: HistogramVec,
    waits: ByLabel<Histogram>,
    pub(super) avoided: IntCounterVec,
    pub(super) refusals: IntCounterVec,
    estimate_error: HistogramVec,
    estimate_errors: ByLabel<Histogram>,
    /// Reservations that were never settled; settled by force.
    pub leaks: IntCounter,
    /// Events that could not be written to the state folder.
    pub unwritten: IntCounter,
}

/// One limit of a model of an account, as gauges.
#[derive(Debug, Clone, Copy)]
pub struct LimitGauges<'a> {
    /// The account's name, from the configuration.
    pub account: &'a str,
    /// The model.
    pub model: &'a str,
    /// The metric, as `rpm`.
    pub metric: &'static str,
    /// Where the limit comes from.
    pub source: &'static str,
    /// The limit in force.
    pub limit: u64,
    /// What counts now.
    pub used: u64,
    /// What requests under way may add.
    pub reserved: u64,
}

impl QuotaMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        const LIMIT: &[&str] = &["account", "model", "metric"];
        Ok(Self {
            limit: new.gauges(
                "flowgate_quota_limit",
                "Limit believed to be in force, by where it comes from.",
                &["account", "model", "metric", "source"],
            )?,
            used: new.gauges("flowgate_quota_used", "What counts against the limit now.", LIMIT)?,
            reserved: new.gauges("flowgate_quota_reserved", "What requests under way may still add.", LIMIT)?,
            waiting: new.gauges(
                "flowgate_queue_requests",
                "Requests waiting for their turn, by what they had to wait for when they came.",
                &["account", "model", "reason"],
            )?,
            tier: new.gauges("flowgate_account_tier", "Tier of the account in force (0 to 5).", &["account"])?,
            wait: new.histogram(
                "flowgate_queue_wait_seconds",
                "How long requests that were let in had waited, by what for (none: at once).",
                &["reason"],
                WAIT_BUCKETS,
            )?,
            waits: ByLabel::default(),
            avoided: new.counters(
                "flowgate_upstream_429_avoided_total",
                "Requests that the upstream would have refused had they not waited, by metric.",
                &["metric"],
            )?,
            refusals: new.counters(
                "flowgate_upstream_429_total",
                "Refusals by the upstream's limits, by metric and by whether our own count was at the limit by then.",
                &["metric", "predicted"],
            )?,
            estimate_error: new.histogram(
                "flowgate_estimate_error_ratio",
                "Estimate of tokens against what the upstream counted, as a part of the latter.",
                &["kind"],
                ERROR_BUCKETS,
            )?,
            estimate_errors: ByLabel::default(),
            leaks: new.counter("flowgate_reservation_leaks_total", "Reservations that nobody settled (always 0).")?,
            unwritten: new.counter(
                "flowgate_state_write_errors_total",
                "Events that could not be written to the state folder; a restart may forget them.",
            )?,
        })
    }

    pub(super) fn initialise(&self) {
        for reason in ["none", "key", "turn", "rpm", "tpm"] {
            self.wait.with_label_values(&[reason]);
        }
        for metric in LIMITS {
            self.avoided.with_label_values(&[*metric]);
        }
        for (metric, predicted) in
            LIMITS.iter().chain(&["unknown"]).flat_map(|metric| [(metric, "true"), (metric, "false")])
        {
            self.refusals.with_label_values(&[*metric, predicted]);
        }
        for kind in ["prompt", "output"] {
            self.estimate_error.with_label_values(&[kind]);
        }
    }

    /// A request was let in after `waited`; `reason` is what it waited for, `none` if it had not to.
    pub fn admitted(&self, waited: Duration, reason: &'static str) {
        let make = || self.wait.with_label_values(&[reason]);
        self.waits.with(reason, make, |wait| wait.observe(waited.as_secs_f64()));
    }

    /// The upstream would have refused a request for `metric` that had waited instead.
    pub fn avoided(&self, metric: &'static str) {
        self.avoided.with_label_values(&[metric]).inc();
    }

    /// The upstream refused a request for `metric`.
    pub fn refused(&self, metric: &'static str, is_predicted: bool) {
        self.refusals.with_label_values(&[metric, if is_predicted { "true" } else { "false" }]).inc();
    }

    /// The estimate of `kind` (`prompt` or `output`) was wrong by this part of the truth.
    pub fn estimated(&self, kind: &'static str, error: f64) {
        if error.is_finite() {
            let make = || self.estimate_error.with_label_values(&[kind]);
            self.estimate_errors.with(kind, make, |errors| errors.observe(error.abs()));
        }
    }

    /// Forgets all gauges: those that are still true are set again.
    pub fn begin(&self) {
        [&self.limit, &self.used, &self.reserved, &self.waiting, &self.tier].into_iter().for_each(IntGaugeVec::reset);
    }

    /// Sets the gauges of one limit.
    pub fn limit(&self, gauges: &LimitGauges<'_>) {
        let LimitGauges { account, model, metric, source, .. } = *gauges;
        self.limit.with_label_values(&[account, model, metric, source]).set(signed(gauges.limit));
        self.used.with_label_values(&[account, model, metric]).set(signed(gauges.used));
        self.reserved.with_label_values(&[account, model, metric]).set(signed(gauges.reserved));
    }

    /// Sets the gauge of a queue: so many wait there for `reason`. Those who wait for limits of their keys have no account and
    /// no model.
    pub fn waiting(&self, account: &str, model: &str, reason: &'static str, requests: usize) {
        self.waiting.with_label_values(&[account, model, reason]).set(signed(requests as u64));
    }

    /// Sets the gauge of an account's tier.
    pub fn tier(&self, account: &str, tier: usize) {
        self.tier.with_label_values(&[account]).set(signed(tier as u64));
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
