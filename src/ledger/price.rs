//! What a request costs, exactly: integers from the data file to the sum.
//!
//! * The input's length chooses the band of prices, and the band holds for the whole request (siliconflow-api.md,
//!   section 18).
//! * Off-peak prices hold at the hours of Asia/Shanghai at the moment handed in. Which moment SiliconFlow takes, that of
//!   the request or of its end, is not documented; the caller chooses.
//! * A band without a price for cached input keeps the one of the model; a model without one bills a hit as input.
//! * Known and shown, but not counted: `price_in_image` (image tokens of two embedding and rerank models), because no usage
//!   tells them apart.
//! * Lines of a batch cost half ([`Price::of_batch`]).

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Rates {
    /// Of the input.
    pub input: Money,
    /// Of the input that came from the prompt cache.
    pub cached: Money,
    /// Of the output.
    pub output: Money,
}

/// Other rates for long inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Band {
    /// Input tokens from which on they hold.
    pub from_tokens: u64,
    /// What a token of such a request costs.
    pub rates: Rates,
}

/// Other rates at some hours of the day in Asia/Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OffPeak {
    /// First moment, since midnight.
    pub from: Duration,
    /// End, since midnight; it does not belong to them.
    pub until: Duration,
    /// What a token costs then.
    pub rates: Rates,
}

/// What a model costs; a part that costs nothing is zero. `Price::default()` is that of a free model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
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
    /// What the same costs in a batch: half (siliconflow-api.md, section 13), at any hour.
    #[must_use]
    pub fn of_batch(self) -> Self {
        let half = |money: Money| Money::from_picos_cny(money.picos_cny() / 2);
        let rates =
            |rates: Rates| Rates { input: half(rates.input), cached: half(rates.cached), output: half(rates.output) };
        Self {
            tokens: rates(self.tokens),
            long: self.long.map(|band| Band { rates: rates(band.rates), ..band }),
            off_peak: None,
            ..self
        }
    }

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
