//! What a request may cost at most, and what it did cost.

use std::time::SystemTime;

use super::estimate::{Size, most_output};
use super::head::RequestHead;
use super::route::Route;
use crate::catalog::plan::Facts;
use crate::catalog::price::{Consumed, Price};
use crate::quota::money::Money;
use crate::relay::usage::{Certainty, Usage};

/// Standard deviations above what is expected that nothing is thought to pass (ours): one request in 30,000 does.
const CAUTION: f64 = 4.0;
/// Tokens of an answer where neither the request nor the catalogue bounds them (ours): `thinking_budget` at its highest
/// (siliconflow-api.md, section 2).
const MOST_OUTPUT: u64 = 32_768;

/// What a request of `size` may cost at most at the moment `at`; `None` where no source gives a price.
pub(super) fn most(facts: &Facts, route: Route, head: &RequestHead<'_>, size: &Size, at: SystemTime) -> Option<Money> {
    let price = facts.price?;
    let learned = size.ask.output.upper(CAUTION);
    let said = || most_output(head).or(facts.most_output).unwrap_or(MOST_OUTPUT);
    let answers = number(head, "n").unwrap_or(1).max(1);
    let consumed = Consumed {
        input_tokens: size.ask.prompt.upper(CAUTION),
        output_tokens: if route.answers_tokens() { learned.max(said()).saturating_mul(answers) } else { 0 },
        images: size.ask.images,
        videos: u64::from(route == Route::Video),
        utf8_bytes: spoken(route, head),
        ..Consumed::default()
    };
    // It may last into another hour of the day.
    let by_day = Price { off_peak: None, ..price };
    Some(price.cost(&consumed, at).max(by_day.cost(&consumed, at)))
}

/// What `usage` says was consumed.
pub fn consumed(usage: &Usage) -> Consumed {
    Consumed {
        input_tokens: usage.tokens.input,
        cached_tokens: usage.tokens.cached,
        output_tokens: usage.tokens.output,
        images: usage.images,
        ..Consumed::default()
    }
}

/// What `usage` has cost at the moment `at`.
pub(super) fn of(price: &Price, usage: &Usage, at: SystemTime) -> Money {
    price.cost(&consumed(usage), at)
}

/// The same where it is known for sure.
pub(super) fn exactly(price: Option<&Price>, usage: &Usage) -> Option<Money> {
    let is_exact = usage.certainty == Certainty::Exact;
    price.filter(|_| is_exact).map(|price| of(price, usage, SystemTime::now()))
}

fn number(head: &RequestHead<'_>, key: &str) -> Option<u64> {
    head.object.get(key)?.value.parse().ok()
}

/// Text that is to be spoken (UTF-8 bytes).
fn spoken(route: Route, head: &RequestHead<'_>) -> u64 {
    match route {
        Route::Speech => head.object.string("input").map_or(0, |text| text.len() as u64),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::catalog::Catalogue;
    use crate::quota::ask::{Ask, Guess};

    /// What a request for `model` may cost at most at an hour of a day in Shanghai.
    fn held(model: &str, route: Route, body: &str, ask: Ask, hour: u64) -> Option<String> {
        let at = UNIX_EPOCH + Duration::from_secs(1_795_190_400 + hour * 3600);
        let facts = Facts::of(Catalogue::builtin().get(model));
        let head = RequestHead::parse(body.as_bytes()).unwrap();
        most(&facts, route, &head, &Size { ask, estimated: None }, at).map(|cost| cost.to_string())
    }

    #[test]
    fn the_most_of_everything_is_held() {
        let ask = |prompt, mean, deviation| Ask {
            prompt: Guess::exactly(prompt),
            output: Guess { mean, deviation },
            ..Ask::default()
        };
        // 0.35 for a million, each way.
        let pro = |body, ask| held("Pro/Qwen/Qwen2.5-7B-Instruct", Route::Chat, body, ask, 12);
        assert_eq!(pro(r#"{"max_tokens":900}"#, ask(100, 10.0, 1.0)).as_deref(), Some("0.00035"));
        assert_eq!(pro(r#"{"max_tokens":900,"n":3}"#, ask(100, 10.0, 1.0)).as_deref(), Some("0.00098"));
        // Answers were longer than was asked for: reasoning may not count upstream.
        assert_eq!(pro(r#"{"max_tokens":100}"#, ask(100, 500.0, 100.0)).as_deref(), Some("0.00035"));
        let vectors = held("Pro/BAAI/bge-m3", Route::Embeddings, r#"{"input":"x"}"#, ask(1_000, 0.0, 0.0), 12);
        assert_eq!(vectors.as_deref(), Some("0.00007"));
        // Half the price at night, but it may last until the morning: 3 and 9.
        let night =
            held("deepseek-ai/DeepSeek-V4-Flash", Route::Chat, r#"{"max_tokens":1000}"#, ask(1_000, 0.0, 0.0), 3);
        assert_eq!(night.as_deref(), Some("0.012"));
        let speech =
            held("FunAudioLLM/CosyVoice2-0.5B", Route::Speech, r#"{"input":"\u4f60\u597d"}"#, Ask::default(), 12);
        assert_eq!(speech.as_deref(), Some("0.0003"));
        assert_eq!(held("Pro/zai-org/GLM-5", Route::Chat, "{}", ask(1, 1.0, 0.0), 12), None, "no source gives a price");
    }
}
