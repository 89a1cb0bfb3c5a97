//! Prices as the data file writes them: CNY as decimals, for a million tokens, a picture, a video or 1,000 bytes of text.
//! Must not know what a request used.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::fault::CatalogueError;
use super::row::RawModel;
use crate::catalog::model::Kind;
use crate::ledger::price::{Band, OffPeak, Price, Rates};
use crate::quota::money::Money;

/// A number as it is written: read by its place, so that it never becomes a float.
pub(super) type Decimal = Spanned<IgnoredAny>;

#[derive(Deserialize)]
pub(super) struct RawBand {
    input_tokens_from: u64,
    price_in: Decimal,
    price_out: Decimal,
    price_cached: Option<Decimal>,
}

#[derive(Deserialize)]
pub(super) struct RawOffPeak {
    hours: String,
    price_in: Decimal,
    price_out: Decimal,
    price_cached: Option<Decimal>,
}

/// Reads the prices of one model out of the text of the file.
pub(super) struct Pricing<'a> {
    text: &'a str,
    model: &'a str,
}

impl<'a> Pricing<'a> {
    pub(super) fn new(text: &'a str, model: &'a str) -> Self {
        Self { text, model }
    }

    /// `None` when nothing is written.
    pub(super) fn price(&self, raw: &RawModel, kind: Kind) -> Result<Option<Price>, CatalogueError> {
        if !has_price(raw) {
            return Ok(None);
        }
        let depends = raw.price_out.is_some() || raw.price_cached.is_some() || raw.price_tier.is_some();
        let output = match (&raw.price_in, &raw.price_out) {
            (None, _) if depends || raw.price_offpeak.is_some() => return Err(self.wrong()),
            // A model that talks and has one price has it for both; embeddings and rerank have no output.
            (Some(both), None) if kind.talks() => Some(both),
            (_, output) => output.as_ref(),
        };
        let tokens = self.rates(raw.price_in.as_ref(), output, raw.price_cached.as_ref())?;
        let picture = raw.price_in_image.as_ref().map(|price| self.money(Some(price))).transpose()?;
        Ok(Some(Price {
            tokens,
            long: raw.price_tier.as_ref().map(|band| self.band(band, raw)).transpose()?,
            off_peak: raw.price_offpeak.as_ref().map(|hours| self.off_peak(hours, raw)).transpose()?,
            image: self.money(raw.price_per_image.as_ref())?,
            video: self.money(raw.price_per_video.as_ref())?,
            utf8_byte: per(1_000, self.money(raw.price_per_kchar.as_ref())?),
            audio_milli: per(1_000, self.money(raw.price_per_second.as_ref())?),
            picture_token: picture.map(|price| per(1_000_000, price)),
        }))
    }

    fn band(&self, band: &RawBand, raw: &RawModel) -> Result<Band, CatalogueError> {
        let cached = band.price_cached.as_ref().or(raw.price_cached.as_ref());
        let rates = self.rates(Some(&band.price_in), Some(&band.price_out), cached)?;
        Ok(Band { from_tokens: band.input_tokens_from, rates })
    }

    fn off_peak(&self, off_peak: &RawOffPeak, raw: &RawModel) -> Result<OffPeak, CatalogueError> {
        let cached = off_peak.price_cached.as_ref().or(raw.price_cached.as_ref());
        let rates = self.rates(Some(&off_peak.price_in), Some(&off_peak.price_out), cached)?;
        let (from, until) = hours(&off_peak.hours).ok_or_else(|| self.wrong())?;
        Ok(OffPeak { from, until, rates })
    }

    /// From prices of a million tokens.
    fn rates(
        &self,
        input: Option<&Decimal>,
        output: Option<&Decimal>,
        cached: Option<&Decimal>,
    ) -> Result<Rates, CatalogueError> {
        let of_one = |price| self.money(price).map(|price| per(1_000_000, price));
        Ok(Rates { input: of_one(input)?, cached: of_one(cached.or(input))?, output: of_one(output)? })
    }

    fn money(&self, price: Option<&Decimal>) -> Result<Money, CatalogueError> {
        let Some(price) = price else { return Ok(Money::ZERO) };
        let micros = self.text.get(price.span()).and_then(millionths);
        micros.map(Money::from_micros_cny).ok_or_else(|| self.wrong())
    }

    fn wrong(&self) -> CatalogueError {
        CatalogueError::Price(self.model.to_owned())
    }
}

/// A price of `count` things for one: exact up to a million of them, as prices have whole micro-CNY.
fn per(count: u64, price: Money) -> Money {
    Money::from_picos_cny(price.picos_cny() / count)
}

/// `02:00-08:00 UTC+8` as times of the day in Shanghai.
fn hours(text: &str) -> Option<(Duration, Duration)> {
    let (from, until) = text.strip_suffix(" UTC+8")?.split_once('-')?;
    let (from, until) = (time_of_day(from)?, time_of_day(until)?);
    (from < until).then_some((from, until))
}

fn time_of_day(text: &str) -> Option<Duration> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 24 && minutes < 60).then(|| Duration::from_secs(hours * 3600 + minutes * 60))
}

fn has_price(raw: &RawModel) -> bool {
    let tokens = [&raw.price_in, &raw.price_out, &raw.price_cached, &raw.price_in_image];
    let things = [&raw.price_per_image, &raw.price_per_video, &raw.price_per_kchar, &raw.price_per_second];
    let others = raw.price_tier.is_some() || raw.price_offpeak.is_some();
    others || tokens.into_iter().chain(things).any(Option::is_some)
}

/// A decimal such as `0.175` in millionths, exactly; `None` for anything else, and for more than six decimals.
fn millionths(text: &str) -> Option<u64> {
    let text = text.replace('_', "");
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 6 {
        return None;
    }
    format!("{whole}{part:0<6}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_to_the_last_digit() {
        for (text, expected) in [("0.175", 175_000), ("12", 12_000_000), ("1_0.000_001", 10_000_001), ("0.1", 100_000)]
        {
            assert_eq!(millionths(text), Some(expected), "{text}");
        }
        for wrong in ["", ".", "1.", ".5", "-1.0", "+1", "1e3", "nan", "true", "0.0000001", "99999999999999999"] {
            assert_eq!(millionths(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hours_are_read() {
        let clock = |hour: u64, minute: u64| Duration::from_secs(hour * 3600 + minute * 60);
        assert_eq!(hours("02:30-24:00 UTC+8"), Some((clock(2, 30), clock(24, 0))));
        for wrong in ["02:00-08:00", "08:00-02:00 UTC+8", "2-8 UTC+8", "02:60-08:00 UTC+8", ""] {
            assert_eq!(hours(wrong), None, "{wrong}");
        }
    }
}
