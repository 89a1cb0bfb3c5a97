//! What the catalogue's prices make of a request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Catalogue;
use crate::ledger::price::Consumed;
use crate::quota::money::Money;

/// 2026-11-21 00:00 in Shanghai.
const MIDNIGHT: u64 = 1_795_190_400;

fn at(hour: u64, second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(MIDNIGHT + hour * 3600 + second)
}

fn tokens(input_tokens: u64, cached_tokens: u64, output_tokens: u64) -> Consumed {
    Consumed { input_tokens, cached_tokens, output_tokens, ..Consumed::default() }
}

/// What it cost at noon, as CNY to the last decimal.
fn check(model: &str, consumed: Consumed, expected: &str) {
    let cost = Catalogue::builtin().get(model).unwrap().cost(&consumed, at(12, 0));
    assert_eq!(cost.map(|cost| cost.to_string()).as_deref(), Some(expected), "{model}");
}

#[test]
fn tokens_cost_what_a_million_does_in_parts() {
    // 4.0 in, 0.4 cached, 6.0 out: 600 × 4 + 400 × 0.4 + 500 × 6 = 5,560 millionths.
    check("deepseek-ai/DeepSeek-V3.2", tokens(1_000, 400, 500), "0.00556");
    // 0.07 in: one token is 0.07 millionths.
    check("Pro/BAAI/bge-m3", tokens(1, 0, 0), "0.00000007");
    // No price for hits: 0.7 each way.
    check("Qwen/Qwen2.5-14B-Instruct", tokens(10, 10, 10), "0.000014");
    // One price for both: 4.13.
    check("Qwen/Qwen2-72B-Instruct", tokens(100, 0, 100), "0.000826");
    // More hits than input is a mistake of whoever counted.
    check("deepseek-ai/DeepSeek-V3.2", tokens(10, 99, 0), "0.000004");
}

#[test]
fn the_length_of_the_input_prices_the_whole_request() {
    // 0.4 and 3.2 below 128,000; 1.6 and 12.8 from there on.
    check("Qwen/Qwen3.5-35B-A3B", tokens(127_999, 0, 1_000), "0.0543996"); // 51,199.6 + 3,200
    check("Qwen/Qwen3.5-35B-A3B", tokens(128_000, 0, 1_000), "0.2176"); // 204,800 + 12,800
    // The band of this one has no price for hits: the model's 1.3 holds. 31,000 × 8 + 1,000 × 1.3.
    check("Pro/zai-org/GLM-5.1", tokens(32_000, 1_000, 0), "0.2493");
}

#[test]
fn nights_are_half_price_for_one_model() {
    let cost = |hour, second| {
        let model = Catalogue::builtin().get("deepseek-ai/DeepSeek-V4-Flash").unwrap();
        model.cost(&tokens(1_000_000, 100_000, 1_000_000), at(hour, second)).unwrap().micros_cny()
    };
    // 0.9 × 3 + 0.1 × 0.3 + 9, and half of it from 02:00 to 08:00.
    assert_eq!(
        [cost(1, 3_599), cost(2, 0), cost(7, 3_599), cost(8, 0)],
        [11_730_000, 5_865_000, 5_865_000, 11_730_000]
    );
}

#[test]
fn pictures_videos_and_speech_have_prices_of_their_own() {
    check("Tongyi-MAI/Z-Image-Turbo", Consumed { images: 3, ..Consumed::default() }, "0.30");
    check("Wan-AI/Wan2.2-T2V-A14B", Consumed { videos: 2, ..Consumed::default() }, "4.00");
    // 0.05 for 1,000 bytes; "你好" has six.
    check("FunAudioLLM/CosyVoice2-0.5B", Consumed { utf8_bytes: 6, ..Consumed::default() }, "0.0003");
}

#[test]
fn free_costs_nothing_and_unknown_is_not_free() {
    check("Qwen/Qwen3-8B", tokens(1_000_000, 0, 1_000_000), "0.00");
    for unknown in ["Qwen/Qwen3.8-27B", "Pro/zai-org/GLM-5"] {
        assert_eq!(Catalogue::builtin().get(unknown).unwrap().cost(&tokens(1, 0, 1), at(0, 0)), None);
    }
}

#[test]
fn no_number_overflows() {
    let most = tokens(u64::MAX, u64::MAX, u64::MAX);
    let model = Catalogue::builtin().get("zai-org/GLM-5.2").unwrap();
    assert_eq!(model.cost(&most, at(0, 0)), Some(Money::MAX));
}
