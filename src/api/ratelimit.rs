//! `x-ratelimit-*` in OpenAI's format (clients.md B3): what is left of the scarcer of the key's limits and the model's.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::quota::metric::Metric;
use crate::quota::view::Left;

/// For each metric that OpenAI's headers know: limit, remaining, reset.
const HEADERS: [(Metric, [HeaderName; 3]); 2] = [
    (
        Metric::Rpm,
        [
            HeaderName::from_static("x-ratelimit-limit-requests"),
            HeaderName::from_static("x-ratelimit-remaining-requests"),
            HeaderName::from_static("x-ratelimit-reset-requests"),
        ],
    ),
    (
        Metric::Tpm,
        [
            HeaderName::from_static("x-ratelimit-limit-tokens"),
            HeaderName::from_static("x-ratelimit-remaining-tokens"),
            HeaderName::from_static("x-ratelimit-reset-tokens"),
        ],
    ),
];

/// Adds what is `left` of requests and tokens.
pub(super) fn write(headers: &mut HeaderMap, left: impl Fn(Metric) -> Option<Left>) {
    for (metric, [limit, remaining, reset]) in HEADERS {
        let Some(left) = left(metric) else { continue };
        headers.insert(limit, HeaderValue::from(left.limit));
        headers.insert(remaining, HeaderValue::from(left.remaining));
        if let Ok(value) = HeaderValue::from_str(&go_duration(left.reset)) {
            headers.insert(reset, value);
        }
    }
}

/// As Go writes durations: `12ms`, `7s`, `1m30s`; from a second on rounded up to whole ones.
fn go_duration(span: Duration) -> String {
    let millis = span.as_micros().div_ceil(1000);
    let seconds = millis.div_ceil(1000);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        _ if millis < 1000 => format!("{millis}ms"),
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
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
        assert_eq!(text(90_000), "1m30s");
        assert_eq!(text(3_600_000), "1h0m0s");
        assert_eq!(text(86_399_999), "24h0m0s");
    }
}
