//! The estimate on the way of every request: counting a body of 4 KB, and what follows from the counts.
//! `cargo bench --bench estimate`; results with date and machine are kept in docs/bench.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark; criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowgate::quota::estimate::{Estimator, Features, Learned};

const ENGLISH: &str = "The ferry left an hour late, and by the time it reached the island the shops along the quay had pulled down their shutters. Margaret carried both suitcases up the hill because her brother's back was bad again. Nobody had told the landlady they were coming, and so the \"front room\" was cold.\n\n";

const CHINESE: &str = "傍晚的集市慢慢散了，卖豆腐的老人把最后两块豆腐送给了隔壁摊位的小姑娘，自己推着三轮车往巷子深处走去。路灯一盏接一盏亮起来，照着青石板上还没干透的水迹，远处有人在练二胡。\n";

const CODE: &str = "    fn escape(&mut self, bytes: &[u8], at: usize) -> usize {\n        let code = match bytes.get(at) {\n            Some(b'n') => 10,\n            Some(b'u') => return self.unicode(bytes, at + 1),\n            _ => return at, // \"unknown\"\n        };\n        self.character(code);\n        at + 1\n    }\n\n";

/// The raw JSON of `messages` with 4 KB of `text` in one message.
fn messages(text: &str) -> String {
    let long = text.repeat(8_000 / text.len());
    let long = &long[..long.floor_char_boundary(4_096)];
    format!(r#"[{{"role":"user","content":{}}}]"#, serde_json::to_string(long).unwrap())
}

fn count(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("count 4 KB");
    for (name, text) in [("English", ENGLISH), ("Chinese", CHINESE), ("code", CODE)] {
        let messages = messages(text);
        group.throughput(Throughput::Bytes(messages.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| Features::of_chat(black_box(&messages), None)));
    }
    group.finish();
    let short = r#"[{"role":"user","content":"Hello!"}]"#;
    criterion.bench_function("count a greeting", |bencher| bencher.iter(|| Features::of_chat(black_box(short), None)));
}

fn estimate(criterion: &mut Criterion) {
    let estimator = Estimator::default();
    let features = Features::of_chat(&messages(ENGLISH), None);
    let learned = Learned {
        model: "Qwen/Qwen3-8B",
        key: "ann",
        features: Some(&features),
        asked: Some(1_024),
        is_thinking: None,
        input: Some(900),
        output: Some(300),
        first_token: None,
        total: None,
    };
    estimator.learn(learned);
    let (model, key) = (learned.model, learned.key);
    criterion.bench_function("prompt", |bencher| bencher.iter(|| estimator.prompt(black_box(model), &features)));
    criterion.bench_function("output", |bencher| {
        bencher.iter(|| estimator.output(black_box(model), key, Some(1_024), None))
    });
    criterion.bench_function("learn", |bencher| bencher.iter(|| estimator.learn(black_box(learned))));
}

criterion_group!(benches, count, estimate);
criterion_main!(benches);
