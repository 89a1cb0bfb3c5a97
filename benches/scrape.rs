//! The page of metrics when it is as large as it can be: every model and every pair of a key and a model that gets series.
//! `cargo bench --bench scrape` says how large it is, and times it; results with date and machine are kept in docs/bench.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark; criterion's macros make public items")]
#![allow(clippy::print_stderr, reason = "the size of the page stands beside its time")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use flowgate::telemetry::metrics::quota::LimitGauges;
use flowgate::telemetry::metrics::{MAX_MODELS, MAX_PAIRS, Metrics, Observation};
use tokio::time::Instant;

/// Where chats come from.
const ROUTES: [&str; 3] = ["/chat/completions", "/messages", "/responses"];
/// Every model's limits of one account.
const LIMITS: [&str; 2] = ["rpm", "tpm"];
/// Pages of which the quickest is told.
const PAGES: usize = 20;

fn model(number: usize) -> String {
    format!("organisation-{}/Some-Model-{number}-Instruct-2026", number % 16)
}

/// Metrics after so many requests that no more series come: each model was called by eight keys, in all ways of chatting, and
/// answered, refused and broken.
fn full() -> Metrics {
    let metrics = Metrics::new().unwrap();
    for number in 0..MAX_PAIRS {
        let (key, model) = (format!("key-of-somebody-{}", number / MAX_MODELS), model(number % MAX_MODELS));
        for (route, status) in ROUTES.iter().flat_map(|route| [200, 429, 502].map(|status| (*route, status))) {
            metrics.observe(&Observation {
                route,
                key: &key,
                team: "team",
                model: &model,
                status,
                duration: Duration::from_millis(1234),
                waited: Duration::ZERO,
                first_token: Some(Duration::from_millis(321)),
                tokens: [1234, 567, 8, 9],
                certainty: "exact",
                cost_cny: Some(0.012_345),
                is_sent: true,
            });
        }
    }
    metrics
}

/// Sets the gauges that are set when the page is asked for, as the gateway does.
fn refresh(metrics: &Metrics) {
    metrics.quota.begin();
    for number in 0..MAX_MODELS {
        let model = model(number);
        for metric in LIMITS {
            metrics.quota.waiting("main", &model, metric, 1);
            let (account, source, limit) = ("main", "catalogue", 500_000);
            let gauges = LimitGauges { account, model: &model, metric, source, limit, used: 123_456, reserved: 789 };
            metrics.quota.limit(&gauges);
        }
    }
}

fn page(metrics: &Metrics) -> Vec<u8> {
    metrics.page(|| refresh(metrics))
}

fn scrape(criterion: &mut Criterion) {
    let metrics = full();
    let text = page(&metrics);
    let samples = text.split(|byte| *byte == b'\n').filter(|line| line.first().is_some_and(|first| *first != b'#'));
    let quickest = (0..PAGES).map(|_| {
        let started = Instant::now();
        black_box(page(&metrics));
        started.elapsed()
    });
    let (samples, quickest) = (samples.count(), quickest.min().unwrap_or_default());
    eprintln!("{samples} samples, {} bytes; the quickest of {PAGES} pages took {quickest:?}", text.len());
    let mut group = criterion.benchmark_group("scrape");
    group.sample_size(20);
    group.bench_function("the largest page", |bencher| bencher.iter(|| page(black_box(&metrics))));
    group.bench_function("the first page", |bencher| {
        let metrics = Metrics::new().unwrap();
        bencher.iter(|| black_box(&metrics).render().len());
    });
    group.finish();
}

criterion_group!(benches, scrape);
criterion_main!(benches);
