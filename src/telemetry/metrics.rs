//! Every metric of the gateway: name, help text, labels and buckets, in one place.
//!
//! Label values are closed sets. The name of a model becomes a label only after the upstream
//! answered for it, and only the first [`MAX_MODELS`] of them; the rest count as `other`, so that
//! hostile names cannot make series.

use std::sync::{Mutex, PoisonError};

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

pub mod budget;
mod families;
mod gen_ai;
pub mod jobs;
pub mod keys;
mod labels;
pub mod ledger;
pub mod media;
pub mod models;
pub mod policy;
pub mod quota;
mod requests;
mod series;
mod sets;
mod tally;
mod text;
pub mod traces;
pub mod upstream;

use budget::BudgetMetrics;
use families::{Collectors, Families};
use jobs::JobMetrics;
use keys::KeyMetrics;
use labels::ModelLabels;
pub use labels::{MAX_KEYS, MAX_MODELS, MAX_PAIRS, OTHER};
use ledger::LedgerMetrics;
use media::MediaMetrics;
use models::ModelMetrics;
use policy::PolicyMetrics;
use quota::QuotaMetrics;
pub use requests::Observation;
use requests::RequestMetrics;
use series::ByLabel;
pub(super) use sets::operation;
pub use sets::{REFUSAL_REASONS, ROUTES, UPSTREAM_CAUSES};
pub use tally::{ErrorTally, KeyTally, ModelTally, Tally, Totals};
use text::Shown;
use traces::TraceMetrics;
use upstream::UpstreamMetrics;

/// By how much a page is usually larger than the one before at most (bytes; ours).
const GROWTH: usize = 16 * 1024;

/// The metrics of one gateway.
#[derive(Debug)]
pub struct Metrics {
    collectors: Collectors,
    /// The length of the last page (bytes).
    pages: Mutex<usize>,
    labels: ModelLabels,
    requests: RequestMetrics,
    in_flight: IntGaugeVec,
    in_flights: ByLabel<IntGauge>,
    client_retries: IntCounter,
    refused: IntCounterVec,
    reloads: IntCounterVec,
    reload_ok: IntGauge,
    reload_time: Gauge,
    /// Client connections open now.
    pub connections: IntGauge,
    /// Bytes of request bodies held in memory now.
    pub held_bytes: IntGauge,
    /// Panics that cost one request.
    pub panics: IntCounter,
    /// Those of the upstream's health.
    pub upstream: UpstreamMetrics,
    /// The quota's.
    pub quota: QuotaMetrics,
    /// The ledger's.
    pub ledger: LedgerMetrics,
    /// Those of budgets.
    pub budgets: BudgetMetrics,
    /// Those of who was called.
    pub policy: PolicyMetrics,
    /// The upstream's list of models.
    pub models: ModelMetrics,
    /// Virtual keys.
    pub keys: KeyMetrics,
    /// Pictures and videos.
    pub media: MediaMetrics,
    /// What is made in the background.
    pub jobs: JobMetrics,
    /// Traces.
    pub traces: TraceMetrics,
}

impl Metrics {
    /// A fresh set with every family registered.
    ///
    /// # Errors
    /// Only if two families had one name, which a test rules out.
    pub fn new() -> prometheus::Result<Self> {
        let new = Families::default();
        let mut metrics = Self::families(&new)?;
        build_info(&new)?;
        metrics.collectors = new.collectors();
        #[cfg(target_os = "linux")]
        metrics.collectors.add(prometheus::process_collector::ProcessCollector::for_self());
        metrics.initialise();
        Ok(metrics)
    }

    fn families(new: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            collectors: Collectors::default(),
            pages: Mutex::default(),
            labels: ModelLabels::default(),
            requests: RequestMetrics::new(new)?,
            in_flight: new.gauges("flowgate_requests_in_flight", "Requests being served now.", &["route"])?,
            in_flights: ByLabel::default(),
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
            panics: new.counter("flowgate_panics_total", "Panics caught; each cost one request.")?,
            upstream: UpstreamMetrics::new(new)?,
            quota: QuotaMetrics::new(new)?,
            ledger: LedgerMetrics::new(new)?,
            budgets: BudgetMetrics::new(new)?,
            policy: PolicyMetrics::new(new)?,
            models: ModelMetrics::new(new)?,
            keys: KeyMetrics::new(new)?,
            media: MediaMetrics::new(new)?,
            jobs: JobMetrics::new(new)?,
            traces: TraceMetrics::new(new)?,
        })
    }

    /// Known series start at 0, so that `rate()` sees the first event.
    fn initialise(&self) {
        self.requests.initialise();
        self.upstream.initialise();
        self.quota.initialise();
        self.budgets.initialise();
        self.policy.initialise();
        self.models.initialise();
        self.keys.initialise();
        self.media.initialise();
        self.jobs.initialise();
        self.traces.initialise();
        for (route, _) in ROUTES {
            self.in_flight.with_label_values(&[*route]);
        }
        for reason in REFUSAL_REASONS {
            self.refused.with_label_values(&[*reason]);
        }
        for result in ["ok", "refused"] {
            self.reloads.with_label_values(&[result]);
        }
    }

    /// Counts one finished request. Called once for each request, whatever ended it.
    pub fn observe(&self, seen: &Observation<'_>) {
        let (model, is_new) = self.labels.label(seen.model, seen.status < 300);
        if is_new {
            self.requests.begin(seen.route, model);
        }
        self.requests.observe(seen, model);
    }

    /// Counts an answer of `model` that broke off after its head had told that all was well.
    pub fn broke(&self, model: &str) {
        self.requests.broke(self.labels.label(model, false).0);
    }

    /// Counts what a line of a batch has used and cost: it was no request of its own.
    pub fn used(&self, seen: &Observation<'_>) {
        let (model, _) = self.labels.label(seen.model, seen.status < 300);
        self.requests.observe_use(seen, model);
    }

    /// The label of a model that may or may not have one.
    pub fn model_label<'a>(&self, model: &'a str) -> &'a str {
        self.labels.label(model, false).0
    }

    /// The gauge of requests in flight on `route`.
    pub fn in_flight(&self, route: &'static str) -> IntGauge {
        self.in_flights.with(route, || self.in_flight.with_label_values(&[route]), IntGauge::clone)
    }

    /// Counts a failure of the upstream; `cause` is one of [`UPSTREAM_CAUSES`].
    pub fn upstream_error(&self, cause: &'static str) {
        self.upstream.failed(cause);
    }

    /// Counts a second or later try.
    pub fn upstream_retry(&self, reason: &'static str) {
        self.upstream.retried(reason);
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

    /// The text exposition format, version 0.0.4, after `refresh` has set the gauges that are set when the page is asked for.
    /// One page at a time, so that nobody reads gauges that are being set for somebody else. Blocks for milliseconds; what
    /// requests count in is not locked while the page is written.
    pub fn page(&self, refresh: impl FnOnce()) -> Vec<u8> {
        let mut size = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        refresh();
        let families = self.collectors.collect();
        let mut shown: Vec<Shown<'_>> = families.iter().map(Shown::own).chain(gen_ai::renamed(&families)).collect();
        shown.sort_unstable_by_key(|family| family.name);
        let mut page = Vec::with_capacity(*size + GROWTH);
        shown.iter().for_each(|family| family.write(&mut page));
        *size = page.len();
        page
    }

    /// The same without a refresh.
    pub fn render(&self) -> Vec<u8> {
        self.page(|| {})
    }
}

fn build_info(new: &Families) -> prometheus::Result<()> {
    let labels = ["version", "revision", "rustc"];
    let info = new.gauges("flowgate_build_info", "Version of this program; always 1.", &labels)?;
    let revision = option_env!("FLOWGATE_COMMIT").unwrap_or("unknown");
    info.with_label_values(&[env!("CARGO_PKG_VERSION"), revision, env!("FLOWGATE_RUSTC")]).set(1);
    Ok(())
}
