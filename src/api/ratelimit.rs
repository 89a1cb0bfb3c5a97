//! `x-ratelimit-*` in OpenAI's format, `anthropic-ratelimit-*` in Anthropic's (clients.md B3): what is left of the scarcer of
//! the key's limits and the model's.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::face::Face;
use crate::quota::metric::Metric;
use crate::quota::view::Left;

/// What OpenAI's headers know.
pub(super) const METRICS: [Metric; 2] = [Metric::Rpm, Metric::Tpm];

/// For each of them: limit, remaining, reset.
static HEADERS: [[HeaderName; 3]; 2] = [
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

/// Room for a duration of hours (bytes).
const ROOM: usize = 16;

/// The same in Anthropic's names: requests and tokens. The upstream counts tokens of prompt and answer together, so what is
/// left is left for either.
static ANTHROPIC: [[HeaderName; 3]; 4] =
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
    for (left, [limit, remaining, at]) in [requests, tokens, tokens, tokens].into_iter().zip(&ANTHROPIC) {
        let Some(left) = left else { continue };
        insert_number(headers, limit, left.limit);
        insert_number(headers, remaining, left.remaining);
        if let Some(reset) = now.checked_add(left.reset) {
            insert(headers, at, &humantime::format_rfc3339_seconds(reset).to_string());
        }
    }
}

fn write_openai(headers: &mut HeaderMap, left: [Option<Left>; 2]) {
    let mut text = String::with_capacity(ROOM);
    for (left, [limit, remaining, reset]) in left.iter().zip(&HEADERS) {
        let Some(left) = left else { continue };
        insert_number(headers, limit, left.limit);
        insert_number(headers, remaining, left.remaining);
        text.clear();
        push_duration(&mut text, left.reset);
        insert(headers, reset, &text);
    }
}

/// One function for all of them: less code for a request to go through.
#[inline(never)]
fn insert(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name.clone(), value);
    }
}

/// `HeaderValue::from` takes two pieces of memory for a number, a text takes one.
pub(super) fn insert_number(headers: &mut HeaderMap, name: &HeaderName, value: u64) {
    insert(headers, name, itoa::Buffer::new().format(value));
}

/// As Go writes durations: `12ms`, `7s`, `1m30s`; from a second on rounded up to whole ones.
fn push_duration(text: &mut String, span: Duration) {
    let part = u64::from(span.subsec_micros().div_ceil(1000));
    let millis = span.as_secs().saturating_mul(1000).saturating_add(part);
    let seconds = millis.div_ceil(1000);
    let parts: &[(u64, &str)] = match seconds {
        _ if millis < 1000 => &[(millis, "ms")],
        0..60 => &[(seconds, "s")],
        60..3600 => &[(seconds / 60, "m"), (seconds % 60, "s")],
        3600.. => &[(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")],
    };
    for (number, unit) in parts {
        text.push_str(itoa::Buffer::new().format(*number));
        text.push_str(unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        let go_duration = |span| {
            let mut text = String::new();
            push_duration(&mut text, span);
            text
        };
        let millis = |millis| go_duration(Duration::from_millis(millis));
        assert_eq!(millis(0), "0ms");
        assert_eq!(millis(12), "12ms");
        assert_eq!(millis(6000), "6s");
        assert_eq!(millis(6500), "7s");
        assert_eq!(go_duration(Duration::from_micros(999_001)), "1s");
        assert_eq!(millis(90_000), "1m30s");
        assert_eq!(millis(3_600_000), "1h0m0s");
        assert_eq!(millis(86_399_999), "24h0m0s");
    }
}
