//! The pure functions of the hot path: reading a head, resolving a model, splicing a body, tapping a stream; and metrics.
//! `cargo bench --bench hot_path`; results with date and machine are kept in docs/bench.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark; criterion's macros make public items")]

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowgate::api::head::RequestHead;
use flowgate::api::rewrite::Rewrite;
use flowgate::api::route::Route;
use flowgate::catalog::alias::Aliases;
use flowgate::catalog::policy::{KeyPolicy, Policy, Rules, SpillRules, Wish};
use flowgate::catalog::{Catalogue, ResolvedModel};
use flowgate::relay::chat_stream::ChatStream;
use flowgate::relay::usage_tap::UsageTap;
use flowgate::telemetry::metrics::{Metrics, Observation};

/// A chat request of about `size` bytes, its text Chinese and English with escapes.
fn request(size: usize) -> Bytes {
    let turn = r#"{"role":"user","content":"Explain \"back-pressure\" 给我一个例子\nand keep it short, please."},"#;
    let turns = turn.repeat(size / turn.len());
    Bytes::from(format!(
        "{{\"model\":\"gpt-4o\",\"messages\":[{}],\"temperature\":0.7,\"max_tokens\":512,\"stream\":true}}",
        turns.trim_end_matches(',')
    ))
}

/// 32 events as SiliconFlow sends them; with usage in each of them or in none.
fn stream(has_usage: bool) -> Bytes {
    let event = |n: usize| {
        let usage = if has_usage {
            format!(",\"usage\":{{\"prompt_tokens\":12,\"completion_tokens\":{n},\"total_tokens\":{}}}", n + 12)
        } else {
            String::new()
        };
        format!(
            "data: {{\"id\":\"0a1b2c3d4e5f\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"Qwen/Qwen3-8B\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{n}\",\"reasoning_content\":null}},\"finish_reason\":null}}],\"system_fingerprint\":\"\"{usage}}}\n\n"
        )
    };
    Bytes::from((0..32).map(event).collect::<String>())
}

fn head(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    for (name, size) in [("1 KB", 1_000), ("4 KB", 4_000), ("64 KB", 64_000)] {
        let body = request(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| RequestHead::parse(black_box(&body)).unwrap().is_streaming)
        });
    }
    group.finish();
}

/// A thousand aliases, half of them patterns, some of which begin like others.
fn aliases() -> Vec<(String, &'static str)> {
    let alias = |n: usize| match n % 4 {
        0 => format!("team-{n}/model"),
        1 => format!("team-{}*", n / 8),
        2 => format!("{}-alias", n),
        _ => format!("team-{}/{}*", n / 8, "x".repeat(n % 24)),
    };
    (0..1_000).map(|n| (alias(n), "Qwen/Qwen3-8B")).collect()
}

/// The bars: a look-up below 1 µs, a thousand aliases and patterns ready within 1 ms (issue 4).
fn models(criterion: &mut Criterion) {
    let pairs = aliases();
    let load = || Aliases::new(pairs.iter().map(|(alias, target)| (alias.as_str(), *target))).0;
    let (aliases, catalogue) = (load(), Catalogue::builtin());
    let mut group = criterion.benchmark_group("model");
    for (name, asked) in [
        ("no alias", "deepseek-ai/DeepSeek-V3.2"),
        ("exact", "team-500/model"),
        ("pattern", "team-42/xxxxxxxxxxxxxxx-2026"),
        ("nearly a pattern", "team-"),
    ] {
        group.bench_function(format!("resolve and get, {name}"), |bencher| {
            bencher.iter(|| {
                let model = aliases.resolve(black_box(asked));
                catalogue.get(&model.id).is_some()
            });
        });
    }
    group.bench_function("load 1,000 aliases and patterns", |bencher| bencher.iter(load));
    group.finish();
}

fn splice(criterion: &mut Criterion) {
    let body = request(4_000);
    let head = RequestHead::parse(&body).unwrap();
    let model = ResolvedModel { id: "Qwen/Qwen3-8B".to_owned(), is_renamed: true };
    criterion.bench_function("splice 4 KB, model and usage", |bencher| {
        bencher.iter(|| Rewrite::plan(Route::Chat, black_box(&head), &model).apply(&body));
    });
}

/// Who is called for a name: the bar is a microsecond.
fn plan(criterion: &mut Criterion) {
    let (aliases, _) = Aliases::new([("gpt-4o*", "deepseek-ai/DeepSeek-V3.2"), ("small", "Qwen/Qwen2.5-7B-Instruct")]);
    let catalogue = Catalogue::builtin();
    let mut group = criterion.benchmark_group("plan");
    for (name, policy) in [("exact", Policy::Exact), ("prefer-free", Policy::PreferFree)] {
        let spill = SpillRules { is_allowed: true, ..SpillRules::default() };
        let rules = Rules { policy, spill, ..Rules::default() };
        for model in ["Qwen/Qwen2.5-7B-Instruct", "small", "gpt-4o-mini", "Qwen/Qwen2.5-7B-Instruct:pro"] {
            group.bench_function(format!("{name}, {model}"), |bencher| {
                let wish = Wish { name: black_box(model), policy: None, key: KeyPolicy::default(), may_use: &|_| true };
                bencher.iter(|| rules.plan(&wish, &aliases, catalogue));
            });
        }
    }
    group.finish();
}

fn tap(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tap, 32 events");
    for (name, has_usage) in [("plain", false), ("usage in each", true)] {
        let stream = stream(has_usage);
        group.throughput(Throughput::Elements(32));
        group.bench_function(name, |bencher| bencher.iter(|| ChatStream::new(false).push(black_box(stream.clone()))));
    }
    let stream = stream(true);
    group.bench_function("looked at only", |bencher| bencher.iter(|| UsageTap::default().look(black_box(&stream))));
    group.finish();
}

/// A request that is over, as metrics see it.
fn seen<'a>(key: &'a str, model: &'a str) -> Observation<'a> {
    Observation {
        route: "/chat/completions",
        key,
        team: "ml",
        model,
        status: 200,
        duration: Duration::from_secs(2),
        waited: Duration::ZERO,
        first_token: Some(Duration::from_millis(300)),
        tokens: [400, 300, 64, 100],
        certainty: "exact",
        cost_cny: Some(0.001),
        is_sent: true,
    }
}

/// Metrics of one request, and a page of them: the bar is 20 ms for the models that there are.
fn metrics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("metrics");
    let metrics = Metrics::new().unwrap();
    group.bench_function("one request", |bencher| {
        bencher.iter(|| metrics.observe(black_box(&seen("ann", "Qwen/Qwen3-8B"))));
    });
    for (models, keys) in [(5, 5), (87, 10), (256, 8)] {
        let metrics = Metrics::new().unwrap();
        for model in (0..models).map(|number| format!("organisation/model-{number}")) {
            (0..keys).for_each(|key| metrics.observe(&seen(&format!("key-{key}"), &model)));
        }
        group.bench_function(format!("page, {models} models, {keys} keys"), |bencher| {
            bencher.iter(|| metrics.render().len());
        });
    }
    group.finish();
}

criterion_group!(benches, head, models, splice, plan, tap, metrics);
criterion_main!(benches);
