//! Every metric of the gateway: name, help text, labels and buckets, in one place.
//!
//! Label values are closed sets. The name of a model becomes a label only after the upstream
//! answered for it, and only the first [`MAX_MODELS`] of them; the rest count as `other`, so that
//! hostile names cannot make series.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use prometheus::{
    Encoder, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// How many models get series of their own (ours; SiliconFlow listed 87 on 2026-07-21).
pub const MAX_MODELS: usize = 256;
/// The label of every model beyond that, and of names nobody answered for.
pub const OTHER: &str = "other";

/// From a local refusal to a long reasoning answer (seconds; ours, within clients.md B1).
const DURATION_BUCKETS: &[f64] = &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// OpenTelemetry GenAI, `gen_ai.server.time_to_first_token` (clients.md B2), without the finest.
const FIRST_TOKEN_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0];
/// OpenTelemetry GenAI, `gen_ai.server.time_per_output_token` (clients.md B2).
const PER_TOKEN_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

pub mod models;
pub mod policy;
pub mod quota;

use models::ModelMetrics;
use policy::PolicyMetrics;
use quota::QuotaMetrics;

/// The metrics of one gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    model_labels: RwLock<HashSet<String>>,
    requests: IntCounterVec,
    duration: HistogramVec,
    first_token: HistogramVec,
    per_token: HistogramVec,
    tokens: IntCounterVec,
    usage: IntCounterVec,
    in_flight: IntGaugeVec,
    upstream_errors: IntCounterVec,
    upstream_retries: IntCounterVec,
    client_retries: IntCounter,
    refused: IntCounterVec,
    reloads: IntCounterVec,
    reload_ok: IntGauge,
    reload_time: Gauge,
    /// Client connections open now.
    pub connections: IntGauge,
    /// Bytes of request bodies held in memory now.
    pub held_bytes: IntGauge,
    /// 1 while the breaker refuses to call the upstream at all.
    pub breaker_open: IntGauge,
    /// Panics that cost one request.
    pub panics: IntCounter,
    /// The quota's.
    pub quota: QuotaMetrics,
    /// Those of who was called.
    pub policy: PolicyMetrics,
    /// The upstream's list of models.
    pub models: ModelMetrics,
}

/// What is known of one request when it is over; see [`Metrics::observe`].
#[derive(Debug, Clone)]
pub struct Observation<'a> {
    /// Route template, a constant of the program.
    pub route: &'static str,
    /// Virtual key's name, from the configuration.
    pub key: &'a str,
    /// The model that was really called.
    pub model: &'a str,
    /// HTTP status the caller saw; 499 when it left before there was one.
    pub status: u16,
    /// From the request's head to the last byte of the answer.
    pub duration: Duration,
    /// From the request's head to the first byte of a streamed answer.
    pub first_token: Option<Duration>,
    /// Tokens: input, output, cached (part of input), reasoning (part of output).
    pub tokens: [u64; 4],
    /// How the usage is known: `exact`, `at_least`, `estimated`, `unknown`, `none`.
    pub certainty: &'static str,
}

impl Metrics {
    /// A fresh set with every family registered.
    ///
    /// # Errors
    /// Only if two families had one name, which a test rules out.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Self::families(&registry)?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        metrics.build_info()?;
        metrics.initialise();
        Ok(metrics)
    }

    fn families(registry: &Registry) -> prometheus::Result<Self> {
        let new = Families { registry };
        Ok(Self {
            registry: registry.clone(),
            model_labels: RwLock::default(),
            requests: new.counters(
                "flowgate_requests_total",
                "Requests answered, by HTTP status (499: the caller left first).",
                &["route", "model", "code"],
            )?,
            duration: new.histogram(
                "flowgate_request_duration_seconds",
                "From a request's head to the last byte of its answer.",
                &["route", "model"],
                DURATION_BUCKETS,
            )?,
            first_token: new.histogram(
                "flowgate_time_to_first_token_seconds",
                "From a request's head to the first byte of its streamed answer.",
                &["route", "model"],
                FIRST_TOKEN_BUCKETS,
            )?,
            per_token: new.histogram(
                "flowgate_time_per_output_token_seconds",
                "Time between output tokens of a streamed answer, first token excluded.",
                &["model"],
                PER_TOKEN_BUCKETS,
            )?,
            tokens: new.counters(
                "flowgate_tokens_total",
                "Tokens the upstream reported; cached is part of input, reasoning part of output.",
                &["key", "model", "type"],
            )?,
            usage: new.counters("flowgate_usage_total", "Requests by how their usage is known.", &["certainty"])?,
            in_flight: new.gauges("flowgate_requests_in_flight", "Requests being served now.", &["route"])?,
            upstream_errors: new.counters(
                "flowgate_upstream_errors_total",
                "Failures of the upstream, by cause.",
                &["cause"],
            )?,
            upstream_retries: new.counters(
                "flowgate_upstream_retries_total",
                "Second and later tries of a request before its first byte, by reason.",
                &["reason"],
            )?,
            client_retries: new.counter(
                "flowgate_client_retries_total",
                "Requests that an SDK marked as its own retry (x-stainless-retry-count above 0).",
            )?,
            refused: new.counters(
                "flowgate_refused_total",
                "Requests refused before any upstream call, by reason.",
                &["reason"],
            )?,
            reloads: new.counters("flowgate_config_reloads_total", "Configuration reloads, by result.", &["result"])?,
            reload_ok: new.gauge(
                "flowgate_config_last_reload_successful",
                "1 if the configuration file is in force as it stands, 0 if it was refused.",
            )?,
            reload_time: new.float_gauge(
                "flowgate_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was loaded.",
            )?,
            connections: new.gauge("flowgate_connections", "Client connections open on the data plane.")?,
            held_bytes: new.gauge("flowgate_request_body_bytes", "Bytes of request bodies held in memory.")?,
            breaker_open: new.gauge(
                "flowgate_upstream_breaker_open",
                "1 while the upstream is not called because it kept failing.",
            )?,
            panics: new.counter("flowgate_panics_total", "Panics caught; each cost one request.")?,
            quota: QuotaMetrics::new(&new)?,
            policy: PolicyMetrics::new(&new)?,
            models: ModelMetrics::new(&new)?,
        })
    }

    fn build_info(&self) -> prometheus::Result<()> {
        let info = IntGaugeVec::new(
            Opts::new("flowgate_build_info", "Version of this program; always 1."),
            &["version", "revision", "rustc"],
        )?;
        let revision = option_env!("FLOWGATE_COMMIT").unwrap_or("unknown");
        info.with_label_values(&[env!("CARGO_PKG_VERSION"), revision, env!("FLOWGATE_RUSTC")]).set(1);
        self.registry.register(Box::new(info))
    }

    /// Known series start at 0, so that `rate()` sees the first event.
    fn initialise(&self) {
        self.quota.initialise();
        self.policy.initialise();
        self.models.initialise();
        for cause in crate::telemetry::metrics::UPSTREAM_CAUSES {
            self.upstream_errors.with_label_values(&[*cause]);
        }
        for result in ["ok", "refused"] {
            self.reloads.with_label_values(&[result]);
        }
        for certainty in ["exact", "at_least", "estimated", "unknown"] {
            self.usage.with_label_values(&[certainty]);
        }
        for reason in ["connect", "busy"] {
            self.upstream_retries.with_label_values(&[reason]);
        }
    }

    /// Counts one finished request. Called once for each request, whatever ended it.
    pub fn observe(&self, seen: &Observation<'_>) {
        let model = if self.admits(seen.model, seen.status < 300) { seen.model } else { OTHER };
        let mut code = [0; 3];
        self.requests.with_label_values(&[seen.route, model, status_text(seen.status, &mut code)]).inc();
        self.duration.with_label_values(&[seen.route, model]).observe(seen.duration.as_secs_f64());
        if seen.certainty != "none" {
            self.usage.with_label_values(&[seen.certainty]).inc();
        }
        for (kind, count) in ["input", "output", "cached", "reasoning"].into_iter().zip(seen.tokens) {
            if count > 0 {
                self.tokens.with_label_values(&[seen.key, model, kind]).inc_by(count);
            }
        }
        if let Some(first) = seen.first_token {
            self.observe_stream(seen, model, first);
        }
    }

    fn observe_stream(&self, seen: &Observation<'_>, model: &str, first: Duration) {
        self.first_token.with_label_values(&[seen.route, model]).observe(first.as_secs_f64());
        let output = seen.tokens[1];
        if output > 1 {
            let rest = seen.duration.saturating_sub(first).as_secs_f64();
            self.per_token.with_label_values(&[model]).observe(rest / (output - 1) as f64);
        }
    }

    /// The label of a model that may or may not have one.
    pub fn model_label<'a>(&self, model: &'a str) -> &'a str {
        if self.admits(model, false) { model } else { OTHER }
    }

    /// Whether `model` may be a label value.
    fn admits(&self, model: &str, answered: bool) -> bool {
        if model.is_empty() || model.len() > 128 {
            return false;
        }
        let known = self.model_labels.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(model) {
            return true;
        }
        let room = known.len() < MAX_MODELS;
        drop(known);
        answered && room && {
            let mut known = self.model_labels.write().unwrap_or_else(PoisonError::into_inner);
            known.len() < MAX_MODELS && known.insert(model.to_owned())
        }
    }

    /// The gauge of requests in flight on `route`.
    pub fn in_flight(&self, route: &'static str) -> IntGauge {
        self.in_flight.with_label_values(&[route])
    }

    /// Counts a failure of the upstream; `cause` is one of [`UPSTREAM_CAUSES`].
    pub fn upstream_error(&self, cause: &'static str) {
        self.upstream_errors.with_label_values(&[cause]).inc();
    }

    /// Counts a second or later try.
    pub fn upstream_retry(&self, reason: &'static str) {
        self.upstream_retries.with_label_values(&[reason]).inc();
    }

    /// Counts a request that its SDK marked as a retry.
    pub fn client_retry(&self) {
        self.client_retries.inc();
    }

    /// Counts a refusal at the door.
    pub fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    /// Records how a reload ended, and when (seconds since the epoch).
    pub fn reloaded(&self, accepted: bool, now_seconds: f64) {
        self.reloads.with_label_values(&[if accepted { "ok" } else { "refused" }]).inc();
        self.loaded(accepted, now_seconds);
    }

    /// Records which configuration is in force since when.
    pub fn loaded(&self, accepted: bool, now_seconds: f64) {
        self.reload_ok.set(i64::from(accepted));
        if accepted {
            self.reload_time.set(now_seconds);
        }
    }

    /// The text exposition format, version 0.0.4.
    ///
    /// # Errors
    /// When a family cannot be written, which the encoder rules out for families made here.
    pub fn render(&self) -> prometheus::Result<Vec<u8>> {
        let mut page = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut page)?;
        Ok(page)
    }
}

/// Every value of the label `cause`: `connect`, `tls`, the four limits, how a stream can break, and
/// what a refusal can mean.
pub const UPSTREAM_CAUSES: &[&str] = &[
    "connect",
    "local",
    "connect_timeout",
    "tls",
    "first_byte_timeout",
    "idle_timeout",
    "total_timeout",
    "closed",
    "protocol",
    "redirect",
    "bad_answer",
    "stream_broken",
    "stream_error",
    "breaker",
    "key_invalid",
    "balance",
    "identity",
    "forbidden",
    "rate_limit",
    "busy",
    "timeout",
    "server",
    "model",
    "request",
];

fn status_text(status: u16, buffer: &mut [u8; 3]) -> &str {
    for (place, divisor) in [100, 10, 1].into_iter().enumerate() {
        buffer[place] = b'0' + u8::try_from(status / divisor % 10).unwrap_or(0);
    }
    std::str::from_utf8(buffer).unwrap_or("000")
}

struct Families<'a> {
    registry: &'a Registry,
}

impl Families<'_> {
    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        let family = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let counter = IntCounter::new(name, help)?;
        self.registry.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::new(name, help)?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn float_gauge(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        let gauge = Gauge::new(name, help)?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn float_gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        let family = GaugeVec::new(Opts::new(name, help), labels)?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn histogram(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let family = HistogramVec::new(options, labels)?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }
}
