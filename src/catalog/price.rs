//! What a request costs, exactly: integers from the data file to the sum.
//!
//! * The input's length chooses the band of prices, and the band holds for the whole request (siliconflow-api.md,
//!   section 18).
//! * Off-peak prices hold at the hours of Asia/Shanghai at the moment handed in. Which moment SiliconFlow takes, that of
//!   the request or of its end, is not documented; the caller chooses.
//! * A band without a price for cached input keeps the one of the model; a model without one bills a hit as input.
//! * Known and shown, but not counted: `price_in_image` (image tokens of two embedding and rerank models), because no usage
//!   tells them apart. Not counted either: the discount of batches.

use std::time::{Duration, SystemTime};

use crate::quota::calendar;
use crate::quota::money::Money;

/// What a request used, as far as it can cost anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Consumed {
    /// Input tokens, those from the cache included.
    pub input_tokens: u64,
    /// The part of the input that came from the prompt cache.
    pub cached_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Pictures made.
    pub images: u64,
    /// Videos made.
    pub videos: u64,
    /// Text spoken (UTF-8 bytes; siliconflow-api.md, section 10).
    pub utf8_bytes: u64,
    /// Audio heard (milliseconds).
    pub audio_millis: u64,
}

/// What one token costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Of the input.
    pub input: Money,
    /// Of the input that came from the prompt cache.
    pub cached: Money,
    /// Of the output.
    pub output: Money,
}

/// Other rates for long inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// Input tokens from which on they hold.
    pub from_tokens: u64,
    /// What a token of such a request costs.
    pub rates: Rates,
}

/// Other rates at some hours of the day in Asia/Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffPeak {
    /// First moment, since midnight.
    pub from: Duration,
    /// End, since midnight; it does not belong to them.
    pub until: Duration,
    /// What a token costs then.
    pub rates: Rates,
}

/// What a model costs; a part that costs nothing is zero. `Price::default()` is that of a free model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// What a token costs if nothing below says otherwise.
    pub tokens: Rates,
    /// Rates of long inputs; they come before those of the hour.
    pub long: Option<Band>,
    /// Rates of some hours.
    pub off_peak: Option<OffPeak>,
    /// A picture.
    pub image: Money,
    /// A video.
    pub video: Money,
    /// A UTF-8 byte of spoken text (the data file has the price of 1,000).
    pub utf8_byte: Money,
    /// A millisecond of audio that is listened to (the data file would have the price of a second; no source gives one
    /// today).
    pub audio_milli: Money,
    /// A token of a picture in the input, where that has a price of its own.
    pub picture_token: Option<Money>,
}

impl Rates {
    fn cost(&self, consumed: &Consumed) -> Money {
        let cached = consumed.cached_tokens.min(consumed.input_tokens);
        let input = self.input.times(consumed.input_tokens - cached);
        input + self.cached.times(cached) + self.output.times(consumed.output_tokens)
    }
}

impl OffPeak {
    fn holds_at(&self, at: SystemTime) -> bool {
        (self.from..self.until).contains(&calendar::time_of_day(at))
    }
}

impl Price {
    /// What a token costs in a request with such an input at the moment `at`.
    pub fn rates(&self, input_tokens: u64, at: SystemTime) -> Rates {
        let long = self.long.filter(|band| input_tokens >= band.from_tokens).map(|band| band.rates);
        let off_peak = || self.off_peak.filter(|hours| hours.holds_at(at)).map(|hours| hours.rates);
        long.or_else(off_peak).unwrap_or(self.tokens)
    }

    /// What `consumed` cost at the moment `at`.
    pub fn cost(&self, consumed: &Consumed, at: SystemTime) -> Money {
        let tokens = self.rates(consumed.input_tokens, at).cost(consumed);
        let things = self.image.times(consumed.images) + self.video.times(consumed.videos);
        let sound = self.utf8_byte.times(consumed.utf8_bytes) + self.audio_milli.times(consumed.audio_millis);
        tokens + things + sound
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::catalog::Catalogue;

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
}
