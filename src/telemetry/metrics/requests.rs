//! Metrics of single requests, counted when they are over.

use std::time::Duration;

use prometheus::{CounterVec, HistogramVec, IntCounter, IntCounterVec};

use super::families::Families;
use super::gen_ai::GenAi;
use super::labels::{OTHER, Pair, PairLabels};
use super::sets::{ROUTES, USUAL_STATUSES};

/// From a local refusal to a long reasoning answer (seconds; ours, within clients.md B1).
const DURATION_BUCKETS: &[f64] = &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// OpenTelemetry GenAI, `gen_ai.server.time_to_first_token` (clients.md B2), without the finest.
const FIRST_TOKEN_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0];
/// OpenTelemetry GenAI, `gen_ai.server.time_per_output_token` (clients.md B2).
const PER_TOKEN_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

/// What is known of one request when it is over; see [`Metrics::observe`](super::Metrics::observe).
#[derive(Debug, Clone)]
pub struct Observation<'a> {
    /// Route template, a constant of the program.
    pub route: &'static str,
    /// Virtual key's name, from the configuration.
    pub key: &'a str,
    /// Its team; empty without one.
    pub team: &'a str,
    /// The model that was really called.
    pub model: &'a str,
    /// HTTP status the caller saw; 499 when it left before there was one.
    pub status: u16,
    /// From the request's head to the last byte of the answer.
    pub duration: Duration,
    /// How long it stood in line.
    pub waited: Duration,
    /// From the request's head to the first byte of a streamed answer.
    pub first_token: Option<Duration>,
    /// Tokens: input, output, cached (part of input), reasoning (part of output).
    pub tokens: [u64; 4],
    /// How the usage is known: `exact`, `at_least`, `estimated`, `unknown`, `none`.
    pub certainty: &'static str,
    /// What it cost (CNY); `None` where nobody knows the price of what it used.
    pub cost_cny: Option<f64>,
    /// Whether the upstream may have seen it.
    pub is_sent: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct RequestMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    first_token: HistogramVec,
    per_token: HistogramVec,
    tokens: IntCounterVec,
    usage: IntCounterVec,
    cost: CounterVec,
    unpriced: IntCounter,
    pairs: PairLabels,
    gen_ai: GenAi,
}

impl RequestMetrics {
    pub(super) fn new(new: &Families<'_>) -> prometheus::Result<Self> {
        Ok(Self {
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
                &["team", "key", "model", "type"],
            )?,
            usage: new.counters("flowgate_usage_total", "Requests by how their usage is known.", &["certainty"])?,
            cost: new.float_counters(
                "flowgate_cost_cny_total",
                "What requests cost, in CNY, by the prices of the catalogue.",
                &["team", "key", "model"],
            )?,
            unpriced: new.counter(
                "flowgate_unpriced_requests_total",
                "Requests that used something of a model without a known price; their cost is in no sum.",
            )?,
            pairs: PairLabels::default(),
            gen_ai: GenAi::new(new)?,
        })
    }

    pub(super) fn initialise(&self) {
        for certainty in ["exact", "at_least", "estimated", "unknown"] {
            self.usage.with_label_values(&[certainty]);
        }
        ROUTES.iter().for_each(|(route, _)| self.begin(route, OTHER));
    }

    /// `model` was called for the first time: its usual outcomes are there from now on.
    pub(super) fn begin(&self, route: &str, model: &str) {
        USUAL_STATUSES.iter().for_each(|code| drop(self.requests.with_label_values(&[route, model, *code])));
    }

    /// Counts one finished request; `model` is the label of its model.
    pub(super) fn observe(&self, seen: &Observation<'_>, model: &str) {
        let mut code = [0; 3];
        self.requests.with_label_values(&[seen.route, model, status_text(seen.status, &mut code)]).inc();
        self.duration.with_label_values(&[seen.route, model]).observe(seen.duration.as_secs_f64());
        if seen.certainty != "none" {
            self.usage.with_label_values(&[seen.certainty]).inc();
        }
        if seen.is_sent {
            self.gen_ai.observe(seen, model);
            self.observe_use(seen, model);
        }
        if let Some(first) = seen.first_token {
            self.observe_stream(seen, model, first);
        }
    }

    fn observe_use(&self, seen: &Observation<'_>, model: &str) {
        let Pair { team, key, model } = self.pairs.label(Pair { team: seen.team, key: seen.key, model });
        for (kind, count) in ["input", "output", "cached", "reasoning"].into_iter().zip(seen.tokens) {
            if count > 0 {
                self.tokens.with_label_values(&[team, key, model, kind]).inc_by(count);
            }
        }
        match seen.cost_cny {
            Some(cost) => self.cost.with_label_values(&[team, key, model]).inc_by(cost),
            None => self.unpriced.inc(),
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
}

fn status_text(status: u16, buffer: &mut [u8; 3]) -> &str {
    for (place, divisor) in [100, 10, 1].into_iter().enumerate() {
        buffer[place] = b'0' + u8::try_from(status / divisor % 10).unwrap_or(0);
    }
    std::str::from_utf8(buffer).unwrap_or("000")
}
