//! Metrics of single requests, counted when they are over.

use std::time::Duration;

use prometheus::{CounterVec, HistogramVec, IntCounter, IntCounterVec};

use super::families::Families;
use super::gen_ai::GenAi;
use super::labels::{OTHER, Pair, PairLabels};
use super::series::{ByLabel, Series, Served, Used};
use super::sets::{ROUTES, USUAL_STATUSES};

/// From a local refusal to a long reasoning answer (seconds; ours, within clients.md B1).
const DURATION_BUCKETS: &[f64] = &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// OpenTelemetry GenAI, `gen_ai.server.time_to_first_token` (clients.md B2), without the finest.
const FIRST_TOKEN_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0];
/// OpenTelemetry GenAI, `gen_ai.server.time_per_output_token` (clients.md B2).
const PER_TOKEN_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

/// The types of tokens, in the order of [`Observation::tokens`].
const TOKENS: [&str; 4] = ["input", "output", "cached", "reasoning"];

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
    pub(super) requests: IntCounterVec,
    pub(super) broken: IntCounterVec,
    duration: HistogramVec,
    first_token: HistogramVec,
    per_token: HistogramVec,
    pub(super) tokens: IntCounterVec,
    usage: IntCounterVec,
    pub(super) cost: CounterVec,
    unpriced: IntCounter,
    pairs: PairLabels,
    gen_ai: GenAi,
    certainties: ByLabel<IntCounter>,
    series: Series,
}

impl RequestMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            requests: new.counters(
                "flowgate_requests_total",
                "Requests answered, by HTTP status (499: the caller left first).",
                &["route", "model", "code"],
            )?,
            broken: new.counters(
                "flowgate_broken_answers_total",
                "Answers that broke off after their head had told that all was well.",
                &["model"],
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
            // The library tells series apart by their values in a row: a model between key and team keeps `a`, `bc` and `ab`,
            // `c` apart.
            tokens: new.counters(
                "flowgate_tokens_total",
                "Tokens the upstream reported; cached is part of input, reasoning part of output.",
                &["key", "model", "team", "type"],
            )?,
            usage: new.counters("flowgate_usage_total", "Requests by how their usage is known.", &["certainty"])?,
            cost: new.float_counters(
                "flowgate_cost_cny_total",
                "What requests cost, in CNY, by the prices of the catalogue.",
                &["key", "model", "team"],
            )?,
            unpriced: new.counter(
                "flowgate_unpriced_requests_total",
                "Requests that used something of a model without a known price; their cost is in no sum.",
            )?,
            pairs: PairLabels::default(),
            gen_ai: GenAi::new(new)?,
            certainties: ByLabel::default(),
            series: Series::default(),
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
        self.broken.with_label_values(&[model]);
    }

    /// Counts an answer that broke off; `model` is the label of its model.
    pub(super) fn broke(&self, model: &str) {
        self.broken.with_label_values(&[model]).inc();
    }

    /// Counts one finished request; `model` is the label of its model.
    pub(super) fn observe(&self, seen: &Observation<'_>, model: &str) {
        let Observation { route, status, certainty, .. } = *seen;
        let make = || {
            let mut code = [0; 3];
            Served {
                requests: self.requests.with_label_values(&[route, model, status_text(status, &mut code)]),
                duration: self.duration.with_label_values(&[route, model]),
                operation: self.gen_ai.operation(route, status, model),
            }
        };
        self.series.served(model, (route, status), make, |served| self.count(seen, model, served));
        if certainty != "none" {
            let make = || self.usage.with_label_values(&[certainty]);
            self.certainties.with(certainty, make, IntCounter::inc);
        }
        if seen.is_sent {
            self.observe_use(seen, model);
        }
        if let Some(first) = seen.first_token {
            self.observe_stream(seen, model, first);
        }
    }

    fn count(&self, seen: &Observation<'_>, model: &str, served: &Served) {
        served.requests.inc();
        served.duration.observe(seen.duration.as_secs_f64());
        if let Some(operation) = served.operation.as_ref().filter(|_| seen.is_sent) {
            self.gen_ai.observe(operation, seen, model);
        }
    }

    /// Counts what was used and what it cost.
    pub(super) fn observe_use(&self, seen: &Observation<'_>, model: &str) {
        let asked = Pair { team: seen.team, key: seen.key, model };
        let make = || {
            let pair = self.pairs.label(asked);
            let Pair { team, key, model } = pair;
            let tokens = TOKENS.map(|kind| self.tokens.with_label_values(&[key, model, team, kind]));
            (Used { tokens, cost: self.cost.with_label_values(&[key, model, team]) }, pair == asked)
        };
        self.series.used(asked, make, |used| {
            for (counter, count) in used.tokens.iter().zip(seen.tokens) {
                counter.inc_by(count);
            }
            match seen.cost_cny {
                Some(cost) => used.cost.inc_by(cost),
                None => self.unpriced.inc(),
            }
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    fn seen<'a>(key: &'a str, team: &'a str) -> Observation<'a> {
        Observation {
            route: "/v1/chat/completions",
            key,
            team,
            model: "m",
            status: 200,
            duration: Duration::from_millis(1),
            waited: Duration::ZERO,
            first_token: None,
            tokens: [3, 5, 0, 0],
            certainty: "exact",
            cost_cny: Some(0.0),
            is_sent: true,
        }
    }

    #[test]
    fn names_that_read_the_same_in_a_row_are_apart() {
        let metrics = Metrics::new().unwrap();
        metrics.observe(&seen("bc", "a"));
        metrics.observe(&seen("c", "ab"));
        let page = String::from_utf8(metrics.render()).unwrap();
        for (key, team) in [("bc", "a"), ("c", "ab")] {
            let series =
                format!("flowgate_tokens_total{{key=\"{key}\",model=\"m\",team=\"{team}\",type=\"input\"}} 3\n");
            assert!(page.contains(&series), "{series} is not in {page}");
        }
    }

    #[test]
    fn every_request_counts_in_its_own_series() {
        let metrics = Metrics::new().unwrap();
        let mut seen = seen("ann", "");
        metrics.observe(&seen);
        metrics.observe(&seen);
        seen.key = "bob";
        metrics.observe(&seen);
        (seen.status, seen.tokens, seen.certainty) = (502, [0; 4], "none");
        metrics.observe(&seen);
        seen.route = "/v1/messages";
        metrics.observe(&seen);
        let page = String::from_utf8(metrics.render()).unwrap();
        let counts: Vec<&str> = page
            .lines()
            .filter(|line| line.contains("model=\"m\"") && (line.contains("_total") || line.contains("_count")))
            .collect();
        insta::assert_snapshot!(counts.join("\n"), @r#"
        flowgate_broken_answers_total{model="m"} 0
        flowgate_cost_cny_total{key="ann",model="m",team=""} 0
        flowgate_cost_cny_total{key="bob",model="m",team=""} 0
        flowgate_request_duration_seconds_count{model="m",route="/v1/chat/completions"} 4
        flowgate_request_duration_seconds_count{model="m",route="/v1/messages"} 1
        flowgate_requests_total{code="200",model="m",route="/v1/chat/completions"} 3
        flowgate_requests_total{code="400",model="m",route="/v1/chat/completions"} 0
        flowgate_requests_total{code="429",model="m",route="/v1/chat/completions"} 0
        flowgate_requests_total{code="500",model="m",route="/v1/chat/completions"} 0
        flowgate_requests_total{code="502",model="m",route="/v1/chat/completions"} 1
        flowgate_requests_total{code="502",model="m",route="/v1/messages"} 1
        flowgate_requests_total{code="503",model="m",route="/v1/chat/completions"} 0
        flowgate_requests_total{code="504",model="m",route="/v1/chat/completions"} 0
        flowgate_tokens_total{key="ann",model="m",team="",type="cached"} 0
        flowgate_tokens_total{key="ann",model="m",team="",type="input"} 6
        flowgate_tokens_total{key="ann",model="m",team="",type="output"} 10
        flowgate_tokens_total{key="ann",model="m",team="",type="reasoning"} 0
        flowgate_tokens_total{key="bob",model="m",team="",type="cached"} 0
        flowgate_tokens_total{key="bob",model="m",team="",type="input"} 3
        flowgate_tokens_total{key="bob",model="m",team="",type="output"} 5
        flowgate_tokens_total{key="bob",model="m",team="",type="reasoning"} 0
        "#);
    }
}
