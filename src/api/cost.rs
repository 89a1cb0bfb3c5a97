//! What a request may cost at most, and what it did cost.

use std::time::SystemTime;

use super::estimate::{Size, most_output};
use super::head::RequestHead;
use super::route::Route;
use super::speech;
use crate::catalog::plan::Facts;
use crate::ledger::price::{Consumed, Price};
use crate::quota::ask::{Ask, Guess};
use crate::quota::money::Money;
use crate::relay::usage::{Certainty, Tokens, Usage};

/// Standard deviations above what is expected that nothing is thought to pass (ours): one request in 30,000 does.
const CAUTION: f64 = 4.0;
/// Tokens of an answer where neither the request nor the catalogue bounds them (ours): `thinking_budget` at its highest
/// (siliconflow-api.md, section 2).
const MOST_OUTPUT: u64 = 32_768;
/// Tokens of an answer that a stream takes of a budget at a time, where nothing bounds it (ours).
const PIECE: u64 = 4096;

/// What a request of `size` may consume at most.
pub(super) fn most(facts: &Facts, route: Route, head: &RequestHead<'_>, size: &Size) -> Consumed {
    let learned = size.ask.output.upper(CAUTION);
    let said = || most_output(head).or(facts.most_output).unwrap_or(MOST_OUTPUT);
    let answers = number(head, "n").unwrap_or(1).max(1);
    Consumed {
        input_tokens: size.ask.prompt.upper(CAUTION),
        output_tokens: if route.answers_tokens() { learned.max(said()).saturating_mul(answers) } else { 0 },
        images: size.ask.images,
        videos: videos(route, head),
        // Whatever model it will be: the style is counted too.
        utf8_bytes: spoken(route, head, "CosyVoice2"),
        ..Consumed::default()
    }
}

/// What of that is held of a stream for which nobody said how long it may be: a piece, for it takes more as it grows. At its
/// longest, a few of them would fill a small budget of which nothing is spent.
pub(super) fn first_piece(most: Consumed, size: &Size) -> Consumed {
    let piece = size.ask.output.upper(CAUTION).max(PIECE);
    Consumed { output_tokens: most.output_tokens.min(piece), ..most }
}

/// What that costs at most if it begins at the moment `at`: it may last into another hour of the day.
pub(super) fn upper(price: &Price, consumed: &Consumed, at: SystemTime) -> Money {
    let by_day = Price { off_peak: None, ..*price };
    price.cost(consumed, at).max(by_day.cost(consumed, at))
}

/// What a request is thought to use: what is said of it if nobody ever tells.
pub(super) fn expected(ask: Option<&Ask>, route: Route, head: &RequestHead<'_>, model: &str) -> Usage {
    let tokens = |guess: fn(&Ask) -> Guess| ask.map_or(0, |ask| guess(ask).whole());
    Usage {
        tokens: Tokens { input: tokens(|ask| ask.prompt), output: tokens(|ask| ask.output), ..Tokens::default() },
        images: ask.map_or(0, |ask| ask.images),
        videos: videos(route, head),
        spoken_bytes: spoken(route, head, model),
        certainty: Certainty::Estimated,
    }
}

/// Videos that it will make: one, unless it only asks how one is doing.
fn videos(route: Route, head: &RequestHead<'_>) -> u64 {
    u64::from(route == Route::Video && !head.model.is_empty())
}

fn number(head: &RequestHead<'_>, key: &str) -> Option<u64> {
    head.object.get(key)?.value.parse().ok()
}

/// Text that is to be spoken (UTF-8 bytes).
fn spoken(route: Route, head: &RequestHead<'_>, model: &str) -> u64 {
    match route {
        Route::Speech => speech::spoken_bytes(head, model),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::catalog::Catalogue;

    /// What a request for `model` may cost at most at an hour of a day in Shanghai.
    fn held(model: &str, route: Route, body: &str, ask: Ask, hour: u64) -> Option<String> {
        let at = UNIX_EPOCH + Duration::from_secs(1_795_190_400 + hour * 3600);
        let facts = Facts::of(Catalogue::builtin().get(model));
        let head = RequestHead::parse(body.as_bytes()).unwrap();
        let consumed = most(&facts, route, &head, &Size { ask, estimated: None });
        facts.price.as_deref().map(|price| upper(price, &consumed, at).to_string())
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
