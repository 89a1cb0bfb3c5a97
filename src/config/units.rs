//! Durations and sizes as people write them.

use std::time::Duration;

use crate::quota::money::Money;

/// Reads `5s`, `500ms`, `1m 30s`, `2h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is not a duration; write it like \"30s\", \"500ms\" or \"5m\""))?;
    if duration.is_zero() { Err("a duration of zero would refuse everything".to_owned()) } else { Ok(duration) }
}

/// Reads `64MiB`, `512KiB`, `1GiB` or a number of bytes.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    let size = text[..digits].parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    size.filter(|size| *size > 0)
        .ok_or_else(|| format!("`{text}` is not a size; write it like \"64MiB\", \"512KiB\" or \"1GiB\""))
}

/// Reads `5 CNY`, `0.50 CNY`: an amount exactly as it is written, with six decimals at most.
pub(super) fn money(text: &str) -> Result<Money, String> {
    let wrong = || format!("`{text}` is not an amount; write it like \"5 CNY\" or \"0.50 CNY\"");
    let number = text.strip_suffix("CNY").map(str::trim_end).ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 6 {
        return Err(wrong());
    }
    format!("{whole}{part:0<6}").parse().map(Money::from_micros_cny).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(duration("5").is_err() && duration("0s").is_err());
        assert_eq!((bytes("64MiB"), bytes("10")), (Ok(64 << 20), Ok(10)));
        assert!(
            bytes("64MB").is_err() && bytes("0").is_err() && bytes("99999999999GiB").is_err() && bytes("é").is_err()
        );
    }

    #[test]
    fn reads_amounts_to_the_last_digit() {
        for (text, micros) in [("5 CNY", 5_000_000), ("0.50CNY", 500_000), ("0 CNY", 0), ("12.000001 CNY", 12_000_001)]
        {
            assert_eq!(money(text), Ok(Money::from_micros_cny(micros)), "{text}");
        }
        for wrong in ["5", "CNY", "-1 CNY", "1e3 CNY", ".5 CNY", "5 USD", "0.0000001 CNY", "99999999999999999999 CNY"] {
            assert!(money(wrong).is_err(), "{wrong}");
        }
    }
}
