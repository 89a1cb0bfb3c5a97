//! `x-ratelimit-*` in OpenAI's format, `anthropic-ratelimit-*` in Anthropic's (clients.md B3): what is left of the scarcer of
//! the key's limits and the model's.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::face::Face;
use crate::quota::metric::Metric;
use crate::quota::view::Left;

/// What OpenAI's headers know.
pub(super) const METRICS: [Metric; 2] = [Metric::Rpm, Metric::Tpm];

/// For each of them: limit, remaining, reset.
const HEADERS: [[HeaderName; 3]; 2] = [
    [
        HeaderName::from_static("x-ratelimit-limit-requests"),
        HeaderName::from_static("x-ratelimit-remaining-requests"),
        HeaderName::from_static("x-ratelimit-reset-requests"),
    ],
    [
        HeaderName::from_static("x-ratelimit-limit-tokens"),
        HeaderName::from_static("x-ratelimit-remaining-tokens"),
        HeaderName::from_static("x-ratelimit-reset-tokens"),
    ],
];

/// Limit, remaining and reset of one of Anthropic's metrics.
macro_rules! anthropic {
    ($metric:literal) => {
        [
            HeaderName::from_static(concat!("anthropic-ratelimit-", $metric, "-limit")),
            HeaderName::from_static(concat!("anthropic-ratelimit-", $metric, "-remaining")),
            HeaderName::from_static(concat!("anthropic-ratelimit-", $metric, "-reset")),
        ]
    };
}

/// Room for the values of all headers (bytes).
const ROOM: usize = 96;

/// The same in Anthropic's names: requests and tokens. The upstream counts tokens of prompt and answer together, so what is
/// left is left for either.
const ANTHROPIC: [[HeaderName; 3]; 4] =
    [anthropic!("requests"), anthropic!("tokens"), anthropic!("input-tokens"), anthropic!("output-tokens")];

/// Adds what is `left` of each of [`METRICS`]; for Anthropic's tools in their names too.
pub(super) fn write(headers: &mut HeaderMap, left: [Option<Left>; 2], face: Face) {
    write_openai(headers, left);
    if face == Face::Anthropic {
        write_anthropic(headers, left, SystemTime::now());
    }
}

/// Resets are moments there.
fn write_anthropic(headers: &mut HeaderMap, left: [Option<Left>; 2], now: SystemTime) {
    let [requests, tokens] = left;
    for (left, [limit, remaining, at]) in [requests, tokens, tokens, tokens].into_iter().zip(ANTHROPIC) {
        let Some(left) = left else { continue };
        headers.insert(limit, HeaderValue::from(left.limit));
        headers.insert(remaining, HeaderValue::from(left.remaining));
        let reset = now.checked_add(left.reset).map(|reset| humantime::format_rfc3339_seconds(reset).to_string());
        if let Some(reset) = reset.and_then(|reset| HeaderValue::try_from(reset).ok()) {
            headers.insert(at, reset);
        }
    }
}

/// All values share one piece of memory.
fn write_openai(headers: &mut HeaderMap, left: [Option<Left>; 2]) {
    let mut text = String::with_capacity(ROOM);
    let ends = left.map(|left| left.map(|left| put_all(&mut text, left)));
    let text = Bytes::from(text);
    let mut start = 0;
    for (ends, names) in ends.into_iter().zip(HEADERS) {
        for (end, name) in ends.into_iter().flatten().zip(names) {
            if let Ok(value) = HeaderValue::from_maybe_shared(text.slice(start..end)) {
                headers.insert(name, value);
            }
            start = end;
        }
    }
}

/// Appends limit, remaining and reset, and says where each of them ends.
fn put_all(text: &mut String, left: Left) -> [usize; 3] {
    put(text, left.limit, "");
    let limit = text.len();
    put(text, left.remaining, "");
    let remaining = text.len();
    go_duration(text, left.reset);
    [limit, remaining, text.len()]
}

fn put(text: &mut String, number: u64, unit: &str) {
    text.push_str(itoa::Buffer::new().format(number));
    text.push_str(unit);
}

/// As Go writes durations: `12ms`, `7s`, `1m30s`; from a second on rounded up to whole ones.
fn go_duration(text: &mut String, span: Duration) {
    let millis = u64::try_from(span.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    if millis < 1000 {
        return put(text, millis, "ms");
    }
    let seconds = millis.div_ceil(1000);
    if seconds >= 3600 {
        put(text, seconds / 3600, "h");
    }
    if seconds >= 60 {
        put(text, seconds / 60 % 60, "m");
    }
    put(text, seconds % 60, "s");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        let text = |span| {
            let mut text = String::new();
            go_duration(&mut text, span);
            text
        };
        let millis = |millis| text(Duration::from_millis(millis));
        assert_eq!(millis(0), "0ms");
        assert_eq!(millis(12), "12ms");
        assert_eq!(millis(6000), "6s");
        assert_eq!(millis(6500), "7s");
        assert_eq!(text(Duration::from_micros(999_001)), "1s");
        assert_eq!(millis(90_000), "1m30s");
        assert_eq!(millis(3_600_000), "1h0m0s");
        assert_eq!(millis(86_399_999), "24h0m0s");
    }
}
