//! Durations and sizes as people write them.

use std::time::Duration;

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
}
