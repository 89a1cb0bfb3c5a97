//! `x-ratelimit-*` in OpenAI's format, `anthropic-ratelimit-*` in Anthropic's (clients.md B3): what is left of the scarcer of
//! the key's limits and the model's.

use std::array;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::face::Face;
use super::headers::WAITED;
use crate::quota::metric::Metric;
use crate::quota::view::Left;

/// What OpenAI's headers know.
pub(super) const METRICS: [Metric; 2] = [Metric::Rpm, Metric::Tpm];

/// Limit, remaining and reset of each of them, and how long a request stood in line.
static NAMES: [HeaderName; 7] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
    WAITED,
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

/// The same in Anthropic's names: requests and tokens. The upstream counts tokens of prompt and answer together, so what is
/// left is left for either.
static ANTHROPIC: [[HeaderName; 3]; 4] =
    [anthropic!("requests"), anthropic!("tokens"), anthropic!("input-tokens"), anthropic!("output-tokens")];

/// Room for five numbers of 64 bits and two durations of hours (bytes).
const ROOM: usize = 5 * 20 + 2 * 16;

/// Headers with the names that [`write`] gives values, and with `room` for so many in all. A map finds a place for a name
/// by all its letters, one after the other; whoever copies them with their places spares that with each answer.
pub(super) fn begun() -> HeaderMap {
    static BEGUN: LazyLock<HeaderMap> = LazyLock::new(|| {
        let mut headers = HeaderMap::with_capacity(super::headers::ROOM);
        headers.extend(NAMES.iter().map(|name| (name.clone(), HeaderValue::from_static(""))));
        headers
    });
    BEGUN.clone()
}

/// Says what is `left` of each of [`METRICS`], for Anthropic's tools in their names too, and how long the request stood in
/// line (milliseconds). No name that was [`begun`] is left without a value.
pub(super) fn write(headers: &mut HeaderMap, left: [Option<Left>; 2], waited: Option<u64>, face: Face) {
    let values = Values::of(left, waited);
    // Names that were begun lie where ours do, before all others.
    let is_begun = headers.keys().next().is_some_and(|first| std::ptr::eq(first.as_str(), NAMES[0].as_str()));
    if is_begun {
        fill(headers, values);
    } else {
        headers.extend(NAMES.iter().zip(values).filter_map(|(name, value)| Some((name.clone(), value?))));
    }
    if face == Face::Anthropic {
        write_anthropic(headers, left, SystemTime::now());
    }
}

fn fill(headers: &mut HeaderMap, values: Values) {
    let mut is_whole = true;
    for (place, value) in headers.values_mut().zip(values) {
        match value {
            Some(value) => *place = value,
            None => is_whole = false,
        }
    }
    if !is_whole {
        let blank =
            NAMES.iter().filter(|name| headers.get(*name).is_some_and(HeaderValue::is_empty)).collect::<Vec<_>>();
        blank.into_iter().for_each(|name| drop(headers.remove(name)));
    }
}

/// The values of [`NAMES`], those that there are: pieces of one text.
struct Values {
    text: Bytes,
    lengths: array::IntoIter<usize, { NAMES.len() }>,
}

impl Values {
    fn of(left: [Option<Left>; 2], waited: Option<u64>) -> Self {
        let (mut text, mut lengths) = (String::with_capacity(ROOM), [0; NAMES.len()]);
        for (left, lengths) in left.iter().zip(lengths.chunks_exact_mut(3)) {
            let (Some(left), [limit, remaining, reset]) = (left, lengths) else { continue };
            *limit = push_number(&mut text, left.limit);
            *remaining = push_number(&mut text, left.remaining);
            *reset = push_duration(&mut text, left.reset);
        }
        if let (Some(waited), Some(last)) = (waited, lengths.last_mut()) {
            *last = push_number(&mut text, waited);
        }
        Self { text: text.into(), lengths: lengths.into_iter() }
    }
}

impl Iterator for Values {
    type Item = Option<HeaderValue>;

    fn next(&mut self) -> Option<Option<HeaderValue>> {
        let length = self.lengths.next()?;
        Some(if length == 0 { None } else { HeaderValue::from_maybe_shared(self.text.split_to(length)).ok() })
    }
}

/// Resets are moments there.
fn write_anthropic(headers: &mut HeaderMap, left: [Option<Left>; 2], now: SystemTime) {
    let [requests, tokens] = left;
    for (left, [limit, remaining, at]) in [requests, tokens, tokens, tokens].into_iter().zip(&ANTHROPIC) {
        let Some(left) = left else { continue };
        headers.insert(limit, left.limit.into());
        headers.insert(remaining, left.remaining.into());
        let reset = now.checked_add(left.reset).map(|at| humantime::format_rfc3339_seconds(at).to_string());
        headers.extend(reset.and_then(|reset| HeaderValue::try_from(reset).ok()).map(|reset| (at.clone(), reset)));
    }
}

/// Puts `number` behind `text`; how long it is.
fn push_number(text: &mut String, number: u64) -> usize {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number);
    text.push_str(digits);
    digits.len()
}

/// The same with `span` as Go writes it: `12ms`, `7s`, `1m30s`; from a second on rounded up to whole ones.
fn push_duration(text: &mut String, span: Duration) -> usize {
    let begin = text.len();
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
        push_number(text, *number);
        text.push_str(unit);
    }
    text.len() - begin
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

    fn left(limit: u64) -> Option<Left> {
        Some(Left { limit, remaining: limit - 1, reset: Duration::from_secs(61) })
    }

    fn sorted(headers: &HeaderMap) -> Vec<(String, String)> {
        let pair = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.to_str().unwrap().to_owned());
        let mut pairs: Vec<_> = headers.iter().map(pair).collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn headers_that_were_begun_say_the_same_as_others() {
        let most = Some(Left { limit: u64::MAX, remaining: u64::MAX, reset: Duration::MAX });
        for lefts in [[left(20), left(50_000)], [left(20), None], [None, left(50_000)], [None, None], [most, most]] {
            for waited in [None, Some(0), Some(u64::MAX)] {
                let (mut begun, mut other) = (begun(), HeaderMap::new());
                for headers in [&mut begun, &mut other] {
                    headers.insert("x-flowgate-model", HeaderValue::from_static("m"));
                    write(headers, lefts, waited, Face::OpenAi);
                }
                assert_eq!(sorted(&begun), sorted(&other));
                let said = 1 + 3 * lefts.iter().flatten().count() + waited.iter().count();
                assert_eq!(begun.len(), said, "{begun:?}");
                assert!(begun.values().all(|value| !value.is_empty()), "{begun:?}");
            }
        }
    }

    #[test]
    fn each_value_stands_under_its_name() {
        let mut headers = begun();
        write(&mut headers, [left(20), left(50_000)], Some(7), Face::OpenAi);
        let values = NAMES.each_ref().map(|name| headers[name].to_str().unwrap());
        assert_eq!(values, ["20", "19", "1m1s", "50000", "49999", "1m1s", "7"]);
    }
}
