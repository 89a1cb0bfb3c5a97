//! The estimator against real vocabularies: samples.jsonl holds chats of six kinds with their tokens as the
//! tokenizers of Qwen and DeepSeek count them (count.py). The weights of `quota::estimate` were fitted on the even
//! lines; what is measured here is measured on the odd ones.

mod errors;
mod fit;
mod pictures;

use flowgate::quota::estimate::{Feature, Features};
use flowgate::wire::json::Object;

/// The two vocabularies and a model that has each.
const TOKENIZERS: [(&str, &str); 2] = [("qwen", "Qwen/Qwen3-8B"), ("deepseek", "deepseek-ai/DeepSeek-V3.1")];

/// The kinds of samples that the product's bar is for; `other` (more languages, logs, encoded bytes) is only watched.
const CLASSES: [&str; 5] = ["chinese", "english", "code", "tools", "mixed"];

/// One chat with its tokens.
struct Sample {
    class: String,
    features: Features,
    /// By the order of [`TOKENIZERS`].
    tokens: [u64; 2],
}

fn samples() -> Vec<Sample> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tokenizers/samples.jsonl")).unwrap();
    text.lines().map(sample).collect()
}

fn sample(line: &str) -> Sample {
    let object = Object::parse(line).unwrap();
    let tokens = Object::parse(object.get("tokens").unwrap().value).unwrap();
    let tools = object.get("tools").map(|tools| tools.value);
    Sample {
        class: object.string("class").unwrap().into_owned(),
        features: Features::of_chat(object.get("messages").unwrap().value, tools),
        tokens: TOKENIZERS.map(|(name, _)| tokens.get(name).unwrap().value.parse().unwrap()),
    }
}

/// Every kind has enough samples, of all lengths.
#[test]
fn there_are_samples_of_every_kind() {
    let samples = samples();
    for class in CLASSES {
        let lengths: Vec<u64> =
            samples.iter().filter(|sample| sample.class == class).map(|sample| sample.tokens[0]).collect();
        assert!(lengths.len() >= 120, "{class}: {}", lengths.len());
        assert!(lengths.iter().all(|length| (20..=4_200).contains(length)), "{class}");
        assert!(lengths.iter().max().unwrap() > &(5 * lengths.iter().min().unwrap()), "{class}");
    }
    assert!(samples.iter().all(|sample| sample.features.get(Feature::Request) == 1.0));
}
