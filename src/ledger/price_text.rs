//! A price as it stands in reports and in the database: JSON with what costs something, in CNY as text, exactly.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::price::{Band, OffPeak, Price, Rates};
use crate::quota::money::Money;

const MILLION: u64 = 1_000_000;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Text {
    #[serde(flatten)]
    tokens: RatesText,
    #[serde(skip_serializing_if = "Option::is_none")]
    long: Option<BandText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    off_peak: Option<OffPeakText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thousand_bytes_spoken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_heard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    million_picture_tokens: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct RatesText {
    #[serde(skip_serializing_if = "Option::is_none")]
    million_input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    million_cached: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    million_output: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct BandText {
    from_tokens: u64,
    #[serde(flatten)]
    rates: RatesText,
}

#[derive(Debug, Serialize, Deserialize)]
struct OffPeakText {
    from_second: u64,
    until_second: u64,
    #[serde(flatten)]
    rates: RatesText,
}

/// What so many of a thing cost, unless that is nothing.
fn written(one: Money, count: u64) -> Option<String> {
    (one > Money::ZERO).then(|| one.times(count).to_string())
}

/// What one of them costs.
fn read(text: Option<String>, count: u64) -> Option<Money> {
    let picos = text.map_or(Some(0), |text| picos(&text))?;
    Some(Money::from_picos_cny(picos / count))
}

/// A decimal of CNY in pico-CNY.
fn picos(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if part.len() > 12 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(1_000_000_000_000)?;
    whole.checked_add(format!("{part:0<12}").parse().ok()?)
}

impl RatesText {
    fn of(rates: &Rates) -> Self {
        Self {
            million_input: written(rates.input, MILLION),
            million_cached: written(rates.cached, MILLION),
            million_output: written(rates.output, MILLION),
        }
    }

    fn rates(self) -> Option<Rates> {
        Some(Rates {
            input: read(self.million_input, MILLION)?,
            cached: read(self.million_cached, MILLION)?,
            output: read(self.million_output, MILLION)?,
        })
    }
}

impl Price {
    /// The price as JSON; `{}` of what is free.
    pub fn to_json(&self) -> String {
        let text = Text {
            tokens: RatesText::of(&self.tokens),
            long: self.long.map(|band| BandText { from_tokens: band.from_tokens, rates: RatesText::of(&band.rates) }),
            off_peak: self.off_peak.map(|hours| OffPeakText {
                from_second: hours.from.as_secs(),
                until_second: hours.until.as_secs(),
                rates: RatesText::of(&hours.rates),
            }),
            image: written(self.image, 1),
            video: written(self.video, 1),
            thousand_bytes_spoken: written(self.utf8_byte, 1000),
            second_heard: written(self.audio_milli, 1000),
            million_picture_tokens: self.picture_token.and_then(|token| written(token, MILLION)),
        };
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// What [`Price::to_json`] has written; `None` of anything else.
    pub fn of_json(text: &str) -> Option<Self> {
        let Text { tokens, long, off_peak, image, video, thousand_bytes_spoken, second_heard, million_picture_tokens } =
            serde_json::from_str(text).ok()?;
        let band = |band: BandText| Some(Band { from_tokens: band.from_tokens, rates: band.rates.rates()? });
        let hours = |hours: OffPeakText| {
            let (from, until) = (Duration::from_secs(hours.from_second), Duration::from_secs(hours.until_second));
            Some(OffPeak { from, until, rates: hours.rates.rates()? })
        };
        Some(Self {
            tokens: tokens.rates()?,
            long: long.and_then(band),
            off_peak: off_peak.and_then(hours),
            image: read(image, 1)?,
            video: read(video, 1)?,
            utf8_byte: read(thousand_bytes_spoken, 1000)?,
            audio_milli: read(second_heard, 1000)?,
            picture_token: million_picture_tokens.and_then(|text| read(Some(text), MILLION)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let rates = |input, output| Rates {
            input: Money::from_picos_cny(input),
            cached: Money::ZERO,
            output: Money::from_picos_cny(output),
        };
        let price =
            Price { tokens: rates(350_000, 4_130_000), image: Money::from_micros_cny(100_000), ..Price::default() };
        assert_eq!(price.to_json(), r#"{"million_input":"0.35","million_output":"4.13","image":"0.10"}"#);
        let hours = OffPeak { from: Duration::ZERO, until: Duration::from_secs(3600), rates: rates(1, 2) };
        let long = Some(Band { from_tokens: 128_000, rates: rates(7, 8) });
        for price in [Price::default(), price, Price { long, off_peak: Some(hours), ..price }] {
            assert_eq!(Price::of_json(&price.to_json()), Some(price));
        }
        assert_eq!((Price::default().to_json().as_str(), Price::of_json("")), ("{}", None));
    }
}
