//! `x-ratelimit-*` in OpenAI's format, `anthropic-ratelimit-*` in Anthropic's (clients.md B3): what is left of the scarcer of
//! the key's limits and the model's.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

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

/// What of three names that belong together is what is left, and when it will be whole again.
const REMAINING: usize = 1;
const RESET: usize = 2;

thread_local! {
    /// What each of [`NAMES`] said last, and the number that stands for it.
    static SAID: RefCell<[(Option<u64>, Option<HeaderValue>); NAMES.len()]> = const {
        RefCell::new([const { (None, None) }; NAMES.len()])
    };
}

/// Headers with the names that [`write`] gives values, and with room for all of an answer. A map finds a place for a name by
/// all its letters, one after the other; whoever copies them with their places spares that with each answer.
pub(super) fn begun() -> HeaderMap {
    static BEGUN: LazyLock<HeaderMap> =
        LazyLock::new(|| NAMES.iter().map(|name| (name.clone(), HeaderValue::from_static(""))).collect());
    let mut headers = BEGUN.clone();
    // At once: a copy has no room to spare, and hyper reads the next request into the same map.
    headers.reserve(super::headers::ROOM - NAMES.len());
    headers
}

/// Says what is `left` of each of [`METRICS`], for Anthropic's tools in their names too, and how long the request stood in
/// line (milliseconds). No name that was [`begun`] is left without a value.
pub(super) fn write(headers: &mut HeaderMap, left: [Option<Left>; 2], waited: Option<u64>, face: Face) {
    let numbers = numbers(left, waited);
    // Names that were begun lie where ours do, before all others.
    let is_begun = headers.keys().next().is_some_and(|first| std::ptr::eq(first.as_str(), NAMES[0].as_str()));
    if is_begun {
        fill(headers, numbers);
    } else {
        let values = numbers.into_iter().enumerate().map(|(place, number)| value(place, number?));
        headers.extend(NAMES.iter().zip(values).filter_map(|(name, value)| Some((name.clone(), value?))));
    }
    if face == Face::Anthropic {
        write_anthropic(headers, left, SystemTime::now());
    }
}

fn fill(headers: &mut HeaderMap, numbers: [Option<u64>; NAMES.len()]) {
    for ((place, number), slot) in numbers.iter().enumerate().zip(headers.values_mut()) {
        if let Some(value) = number.and_then(|number| value(place, number)) {
            *slot = value;
        }
    }
    if numbers.contains(&None) {
        let blank =
            NAMES.iter().filter(|name| headers.get(*name).is_some_and(HeaderValue::is_empty)).collect::<Vec<_>>();
        blank.into_iter().for_each(|name| drop(headers.remove(name)));
    }
}

/// What [`NAMES`] say, each as a number: milliseconds for spans.
fn numbers(left: [Option<Left>; 2], waited: Option<u64>) -> [Option<u64>; NAMES.len()] {
    let [requests, tokens] = left.map(|left| match left {
        Some(Left { limit, remaining, reset }) => [Some(limit), Some(remaining), Some(millis(reset))],
        None => [None; 3],
    });
    let [limit, remaining, reset] = requests;
    let [limit_tokens, remaining_tokens, reset_tokens] = tokens;
    [limit, remaining, reset, limit_tokens, remaining_tokens, reset_tokens, waited]
}

/// `number` as the name at `place` says it. All but what is left is mostly what it was in the answer before, and need not be
/// made anew.
// One copy of it: each that the compiler makes has to come from memory with each answer.
#[inline(never)]
fn value(place: usize, number: u64) -> Option<HeaderValue> {
    if place % 3 == REMAINING {
        return made(place, number);
    }
    SAID.with_borrow_mut(|said| {
        let (last, value) = said.get_mut(place)?;
        if *last != Some(number) {
            (*last, *value) = (Some(number), made(place, number));
        }
        value.clone()
    })
}

fn made(place: usize, number: u64) -> Option<HeaderValue> {
    match place % 3 {
        RESET => HeaderValue::try_from(go_duration(number)).ok(),
        _ if number == 0 => Some(HeaderValue::from_static("0")),
        _ => HeaderValue::from_str(itoa::Buffer::new().format(number)).ok(),
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

/// A span in milliseconds, rounded up: from a second on to whole ones.
fn millis(span: Duration) -> u64 {
    match span.as_secs() {
        0 => span.subsec_micros().div_ceil(1000).into(),
        seconds => seconds.saturating_add(u64::from(span.subsec_micros() > 0)).saturating_mul(1000),
    }
}

/// Such a span as Go writes it: `12ms`, `7s`, `1m30s`.
fn go_duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        _ if millis < 1000 => format!("{millis}ms"),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600.. => format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        let written = |micros| go_duration(millis(Duration::from_micros(micros)));
        assert_eq!(written(0), "0ms");
        assert_eq!(written(11_001), "12ms");
        assert_eq!(written(999_000), "999ms");
        assert_eq!(written(999_001), "1s");
        assert_eq!(written(6_000_000), "6s");
        assert_eq!(written(6_000_001), "7s");
        assert_eq!(written(89_500_000), "1m30s");
        assert_eq!(written(3_600_000_000), "1h0m0s");
        assert_eq!(written(86_399_999_999), "24h0m0s");
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
        // Whatever was said before.
        write(&mut headers, [left(21), left(50_000)], Some(0), Face::OpenAi);
        let values = NAMES.each_ref().map(|name| headers[name].to_str().unwrap());
        assert_eq!(values, ["21", "20", "1m1s", "50000", "49999", "1m1s", "0"]);
    }
}
