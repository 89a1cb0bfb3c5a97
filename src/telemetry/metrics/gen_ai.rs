//! OpenTelemetry's names for what a server and a client of generative AI do, so that ready-made dashboards work.
//!
//! What callers see is measured once, under our own names, and written a second time under OpenTelemetry's when the page is
//! asked for. Only what has no name of ours is counted here: what the upstream takes without the time in line, and
//! the sizes of requests.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus::proto::{Metric, MetricFamily};
use prometheus::{Histogram, HistogramVec};

use super::families::Families;
use super::requests::Observation;
use super::sets::operation;
use super::text::Shown;

/// OpenTelemetry, `gen_ai.client.operation.duration` (clients.md B2); three more for long answers (ours).
const OPERATION_BUCKETS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68];
/// OpenTelemetry, `gen_ai.client.token.usage` (clients.md B2), without the largest three: no model reads 4 million tokens.
const TOKEN_BUCKETS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0];

const OPERATION: &str = "gen_ai_operation_name";
const MODEL: &str = "gen_ai_request_model";
const PROVIDER: &str = "gen_ai_provider_name";
/// A name of our own: OpenTelemetry lists none for it, and allows that.
const SILICONFLOW: &str = "siliconflow";
/// OpenTelemetry's word for an error that is not told apart.
const ANY_ERROR: &str = "_OTHER";

/// Families of ours that OpenTelemetry has a name for.
const RENAMED: &[(&str, &str)] = &[
    ("flowgate_request_duration_seconds", "gen_ai_server_request_duration_seconds"),
    ("flowgate_time_to_first_token_seconds", "gen_ai_server_time_to_first_token_seconds"),
    ("flowgate_time_per_output_token_seconds", "gen_ai_server_time_per_output_token_seconds"),
];

/// What is counted under OpenTelemetry's names only.
#[derive(Debug)]
pub(super) struct GenAi {
    duration: HistogramVec,
    tokens: HistogramVec,
}

impl GenAi {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            duration: new.histogram_of(
                "gen_ai_client_operation_duration_seconds",
                "From a request's head to the last byte of its answer, without its time in line, of requests that were sent.",
                &[OPERATION, MODEL, "error_type"],
                OPERATION_BUCKETS,
                (PROVIDER, SILICONFLOW),
            )?,
            tokens: new.histogram_of(
                "gen_ai_client_token_usage",
                "Tokens of a request that the upstream reported.",
                &[OPERATION, MODEL, "gen_ai_token_type"],
                TOKEN_BUCKETS,
                (PROVIDER, SILICONFLOW),
            )?,
        })
    }

    /// What requests of `model` at `route` that ended with `status` count in; `None` where OpenTelemetry has no word for them.
    pub(super) fn operation(&self, route: &str, status: u16, model: &str) -> Option<Operation> {
        let name = operation(route)?;
        let error = if status < 400 { "" } else { ANY_ERROR };
        Some(Operation {
            name,
            duration: self.duration.with_label_values(&[name, model, error]),
            sizes: Default::default(),
        })
    }

    /// Counts one finished request that was sent; `model` is the label of its model.
    pub(super) fn observe(&self, operation: &Operation, seen: &Observation<'_>, model: &str) {
        let took: Duration = seen.duration.saturating_sub(seen.waited);
        operation.duration.observe(took.as_secs_f64());
        // What nobody reported is not invented.
        if matches!(seen.certainty, "exact" | "at_least") {
            let sizes = ["input", "output"].into_iter().zip(&operation.sizes).zip(seen.tokens);
            for ((kind, size), count) in sizes.filter(|(_, count)| *count > 0) {
                let make = || self.tokens.with_label_values(&[operation.name, model, kind]);
                size.get_or_init(make).observe(count as f64);
            }
        }
    }
}

/// The handles of one operation, model and outcome.
#[derive(Debug)]
pub(super) struct Operation {
    name: &'static str,
    duration: Histogram,
    /// Of what went in and of what came out, made when there is some.
    sizes: [OnceLock<Histogram>; 2],
}

/// Those of `families` that OpenTelemetry has a name for, under that name.
pub(super) fn renamed(families: &[MetricFamily]) -> impl Iterator<Item = Shown<'_>> {
    let own = |name: &str| families.iter().find(|family| family.name() == name);
    RENAMED.iter().filter_map(move |(name, new)| Some(Shown { name: new, family: own(name)?, labels }))
}

/// What the labels of a series of ours are there. The route stays beside its operation: several are one. Lists of models and
/// the like are no operation, and not there.
fn labels(metric: &Metric) -> Option<Vec<(&str, &str)>> {
    let mut labels = vec![(PROVIDER, SILICONFLOW)];
    for own in metric.get_label() {
        match own.name() {
            "model" => labels.push((MODEL, own.value())),
            "route" => labels.extend([(OPERATION, operation(own.value())?), ("route", own.value())]),
            name => labels.push((name, own.value())),
        }
    }
    labels.sort_unstable();
    Some(labels)
}
