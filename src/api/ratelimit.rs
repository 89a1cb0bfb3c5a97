//! `x-ratelimit-*` in OpenAI's format (clients.md B3): what is left of the scarcer of the key's limits and the model's.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

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

/// Adds what is `left` of each of [`METRICS`].
pub(super) fn write(headers: &mut HeaderMap, left: [Option<Left>; 2]) {
    for (left, [limit, remaining, reset]) in left.into_iter().zip(HEADERS) {
        let Some(left) = left else { continue };
        headers.insert(limit, HeaderValue::from(left.limit));
        headers.insert(remaining, HeaderValue::from(left.remaining));
        if let Ok(value) = HeaderValue::try_from(go_duration(left.reset)) {
            headers.insert(reset, value);
        }
    }
}

/// As Go writes durations: `12ms`, `7s`, `1m30s`; from a second on rounded up to whole ones.
fn go_duration(span: Duration) -> String {
    let mut text = String::with_capacity(12);
    let mut put = |number: u64, unit: &str| {
        text.push_str(itoa::Buffer::new().format(number));
        text.push_str(unit);
    };
    let millis = u64::try_from(span.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    if millis < 1000 {
        put(millis, "ms");
        return text;
    }
    let seconds = millis.div_ceil(1000);
    if seconds >= 3600 {
        put(seconds / 3600, "h");
    }
    if seconds >= 60 {
        put(seconds / 60 % 60, "m");
    }
    put(seconds % 60, "s");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        let text = |millis| go_duration(Duration::from_millis(millis));
        assert_eq!(text(0), "0ms");
        assert_eq!(text(12), "12ms");
        assert_eq!(text(6000), "6s");
        assert_eq!(text(6500), "7s");
        assert_eq!(go_duration(Duration::from_micros(999_001)), "1s");
        assert_eq!(text(90_000), "1m30s");
        assert_eq!(text(3_600_000), "1h0m0s");
        assert_eq!(text(86_399_999), "24h0m0s");
    }
}
