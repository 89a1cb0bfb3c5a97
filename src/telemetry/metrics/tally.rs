//! The counters summed up for people who look now: over everything, by model, by key, and by what went wrong.
//!
//! Read from the same families that the page of metrics shows, so that both say the same. Only what counts when a request ends
//! is read; gauges that are set when the page is asked for are not.

use std::collections::BTreeMap;

use prometheus::core::Collector;
use prometheus::proto::Metric;
use serde::Serialize;

use super::Metrics;

/// Sums since the start, and what is under way.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Totals {
    /// Requests answered.
    pub requests: u64,
    /// Those answered with 5xx, and those whose answer broke off.
    pub failed: u64,
    /// Those answered with 4xx.
    pub refused: u64,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// What all of that cost (CNY).
    pub cost_cny: f64,
    /// Refusals by the upstream's limits.
    pub upstream_429: u64,
    /// Requests that the upstream would have refused had they not waited.
    pub avoided_429: u64,
    /// Requests being served now.
    pub in_flight: u64,
    /// Requests in line now. Metrics do not know them: whoever does sets them.
    pub waiting: u64,
}

/// What one model did.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ModelTally {
    /// Its label: `other` for those that have none, and for requests without a model.
    pub model: String,
    /// Requests answered.
    pub requests: u64,
    /// Those answered with 5xx, and those whose answer broke off.
    pub failed: u64,
    /// Those answered with 4xx.
    pub refused: u64,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// What all of that cost (CNY).
    pub cost_cny: f64,
    /// Requests in line now; set by whoever knows.
    pub waiting: u64,
}

/// What one key used while it was in one team.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct KeyTally {
    /// Its name; `open` where there are no keys.
    pub key: String,
    /// Its team; empty without one.
    pub team: String,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// What all of that cost (CNY).
    pub cost_cny: f64,
}

/// How often one thing went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorTally {
    /// `refused` by the gateway itself, or a failure or a refusal of the `upstream`.
    pub kind: &'static str,
    /// Why, of the sets in `docs/metrics.md`.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// All of it at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// Over everything.
    pub totals: Totals,
    /// By model; the busiest first. Those that nobody asked for are left out.
    pub models: Vec<ModelTally>,
    /// By key; who used most first.
    pub keys: Vec<KeyTally>,
    /// By reason; the most frequent first. What never happened is left out.
    pub errors: Vec<ErrorTally>,
}

impl Metrics {
    /// Sums up all counters. Takes as long as the part of the page that is about requests, and holds up nobody.
    pub fn tally(&self) -> Tally {
        let mut sums = Sums::default();
        let requests = &self.requests;
        read(&requests.requests, |metric| sums.answered(metric));
        read(&requests.broken, |metric| sums.broke(metric));
        read(&requests.tokens, |metric| sums.used(metric));
        read(&requests.cost, |metric| sums.paid(metric));
        read(&self.quota.refusals, |metric| sums.totals.upstream_429 += count(metric));
        read(&self.quota.avoided, |metric| sums.totals.avoided_429 += count(metric));
        read(&self.in_flight, |metric| sums.totals.in_flight += metric.get_gauge().get_value() as u64);
        let mut errors = Vec::new();
        for (kind, label, family) in
            [("refused", "reason", &self.refused), ("upstream", "cause", &self.upstream.errors)]
        {
            let error =
                |metric: &Metric| ErrorTally { kind, reason: of(metric, label).to_owned(), count: count(metric) };
            read(family, |metric| errors.extend(Some(error(metric)).filter(|error| error.count > 0)));
        }
        sums.tally(errors)
    }
}

/// Sums that grow.
#[derive(Default)]
struct Sums {
    totals: Totals,
    models: BTreeMap<String, ModelTally>,
    /// By key and team.
    keys: BTreeMap<(String, String), KeyTally>,
}

impl Sums {
    fn model(&mut self, metric: &Metric) -> &mut ModelTally {
        self.models.entry(of(metric, "model").to_owned()).or_default()
    }

    fn key(&mut self, metric: &Metric) -> &mut KeyTally {
        self.keys.entry((of(metric, "key").to_owned(), of(metric, "team").to_owned())).or_default()
    }

    fn answered(&mut self, metric: &Metric) {
        let count = count(metric);
        // What was never seen is there for `rate()` only.
        if count == 0 {
            return;
        }
        let class = of(metric, "code").as_bytes().first().copied();
        let (failed, refused) = (class == Some(b'5'), class == Some(b'4'));
        self.totals.requests += count;
        self.totals.failed += count * u64::from(failed);
        self.totals.refused += count * u64::from(refused);
        let model = self.model(metric);
        model.requests += count;
        model.failed += count * u64::from(failed);
        model.refused += count * u64::from(refused);
    }

    fn broke(&mut self, metric: &Metric) {
        let count = count(metric);
        if count > 0 {
            self.totals.failed += count;
            self.model(metric).failed += count;
        }
    }

    fn used(&mut self, metric: &Metric) {
        let count = count(metric);
        // Cached and reasoning tokens are parts of these two.
        let (input, output) = match of(metric, "type") {
            "input" => (count, 0),
            "output" => (0, count),
            _ => return,
        };
        self.totals.input_tokens += input;
        self.totals.output_tokens += output;
        let model = self.model(metric);
        (model.input_tokens, model.output_tokens) = (model.input_tokens + input, model.output_tokens + output);
        let key = self.key(metric);
        (key.input_tokens, key.output_tokens) = (key.input_tokens + input, key.output_tokens + output);
    }

    fn paid(&mut self, metric: &Metric) {
        let cost = metric.get_counter().get_value();
        self.totals.cost_cny += cost;
        self.model(metric).cost_cny += cost;
        self.key(metric).cost_cny += cost;
    }

    fn tally(self, mut errors: Vec<ErrorTally>) -> Tally {
        let own = |(model, tally)| ModelTally { model, ..tally };
        let mut models: Vec<ModelTally> = self.models.into_iter().map(own).collect();
        let own = |((key, team), tally)| KeyTally { key, team, ..tally };
        let mut keys: Vec<KeyTally> = self.keys.into_iter().map(own).collect();
        models.iter_mut().for_each(|model| model.cost_cny = rounded(model.cost_cny));
        keys.iter_mut().for_each(|key| key.cost_cny = rounded(key.cost_cny));
        // Names are in order already, and equals stay so.
        models.sort_by_key(|model| std::cmp::Reverse(model.requests));
        keys.sort_by_key(|key| std::cmp::Reverse(key.input_tokens + key.output_tokens));
        errors.sort_by_key(|error| std::cmp::Reverse(error.count));
        let totals = Totals { cost_cny: rounded(self.totals.cost_cny), ..self.totals };
        Tally { totals, models, keys, errors }
    }
}

/// Reads each series of a family.
fn read(family: &impl Collector, with: impl FnMut(&Metric)) {
    family.collect().iter().flat_map(|family| family.get_metric()).for_each(with);
}

fn count(metric: &Metric) -> u64 {
    metric.get_counter().get_value() as u64
}

/// The value of a label; empty where there is none.
fn of<'a>(metric: &'a Metric, label: &str) -> &'a str {
    metric.get_label().iter().find(|own| own.name() == label).map_or("", |own| own.value())
}

/// To a billionth of a yuan: sums of floating numbers end in noise.
fn rounded(cny: f64) -> f64 {
    (cny * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::metrics::Observation;

    fn seen<'a>(key: &'a str, model: &'a str, status: u16) -> Observation<'a> {
        Observation {
            route: "/chat/completions",
            key,
            team: "",
            model,
            status,
            duration: Duration::from_millis(1),
            waited: Duration::ZERO,
            first_token: None,
            tokens: [3, 5, 2, 1],
            certainty: "exact",
            cost_cny: Some(0.1),
            is_sent: true,
        }
    }

    #[test]
    fn nothing_has_happened_at_first() {
        assert_eq!(Metrics::new().unwrap().tally(), Tally::default());
    }

    #[test]
    fn sums_are_those_of_the_page() {
        let metrics = Metrics::new().unwrap();
        let unsent = |seen| Observation { is_sent: false, ..seen };
        metrics.observe(&seen("ann", "a", 200));
        metrics.observe(&seen("ann", "b", 200));
        metrics.observe(&seen("bob", "b", 200));
        metrics.broke("b");
        metrics.observe(&unsent(seen("ann", "a", 503)));
        metrics.observe(&unsent(seen("ann", "b", 429)));
        metrics.observe(&unsent(seen("ann", "never answered", 404)));
        metrics.refused("bad_key");
        metrics.upstream_error("connect");
        metrics.upstream_error("connect");
        metrics.quota.avoided("rpm");
        metrics.quota.refused("tpm", false);
        metrics.in_flight("/models").inc();
        let Tally { totals, models, keys, errors } = metrics.tally();
        let expected = Totals {
            requests: 6,
            failed: 2,
            refused: 2,
            input_tokens: 9,
            output_tokens: 15,
            cost_cny: 0.3,
            upstream_429: 1,
            avoided_429: 1,
            in_flight: 1,
            waiting: 0,
        };
        assert_eq!(totals, expected);
        let models: Vec<_> =
            models.iter().map(|own| (&*own.model, own.requests, own.failed, own.refused, own.input_tokens)).collect();
        assert_eq!(models, [("b", 3, 1, 1, 6), ("a", 2, 1, 0, 3), ("other", 1, 0, 1, 0)]);
        let keys: Vec<_> = keys.iter().map(|own| (&*own.key, own.output_tokens, own.cost_cny)).collect();
        assert_eq!(keys, [("ann", 10, 0.2), ("bob", 5, 0.1)]);
        let errors: Vec<_> = errors.iter().map(|own| (own.kind, &*own.reason, own.count)).collect();
        assert_eq!(errors, [("upstream", "connect", 2), ("refused", "bad_key", 1)]);
    }
}
