//! Which headers cross the gateway, both ways. Lists of what may pass, never of what may not: a
//! header nobody thought of must not carry a credential or a user's name to the other side
//! (clients.md, finding 12).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::error::GatewayError;
use crate::catalog::policy::Policy;
use crate::quota::budget::{BudgetView, Scope, Unit};
use crate::quota::money::Money;

/// Request headers that go upstream. `x-trace-id` and `traceparent` are documented there
/// (siliconflow-api.md, section 1); it tells agents apart by their user agent.
const REQUEST: &[&str] = &[
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "idempotency-key",
    "range",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-trace-id",
];

/// Answer headers that come back. `content-length` is not among them: the body's own length counts.
const ANSWER: &[&str] = &[
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
    "x-siliconcloud-trace-id",
];

/// Room for the headers of an answer, the upstream's and ours.
pub(super) const ROOM: usize = 24;

/// The upstream's id of a request; its support asks for it.
pub(super) const TRACE_ID: HeaderName = HeaderName::from_static("x-siliconcloud-trace-id");
/// How often the caller's SDK has tried before.
pub(super) const RETRY_COUNT: HeaderName = HeaderName::from_static("x-stainless-retry-count");
/// Our id of a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The same for Anthropic's SDKs.
pub(super) const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Whoever sends it speaks Anthropic's protocol.
pub(super) const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// The model that was really called.
pub(super) const MODEL: HeaderName = HeaderName::from_static("x-flowgate-model");
/// What the gateway changed in request and answer.
pub(super) const EDITS: HeaderName = HeaderName::from_static("x-flowgate-edits");

/// How long the caller lets its request stand in line.
const MAX_WAIT: HeaderName = HeaderName::from_static("x-flowgate-max-wait");
/// How often the caller wants a sign of life while it waits for a stream.
pub(super) const KEEP_ALIVE: HeaderName = HeaderName::from_static("x-flowgate-keep-alive");
/// How long it did (milliseconds).
pub(super) const WAITED: HeaderName = HeaderName::from_static("x-flowgate-wait-ms");

/// Which of two twins the caller wants.
const POLICY: HeaderName = HeaderName::from_static("x-flowgate-policy");
/// What the answer cost (CNY, exact), where that is known when its head goes out.
pub(super) const COST: HeaderName = HeaderName::from_static("x-flowgate-cost-cny");

/// Budgets of the caller that are nearly used up.
pub(super) const BUDGET: HeaderName = HeaderName::from_static("x-flowgate-budget");

/// Budgets that passed a threshold, as the value of [`BUDGET`]: `key=ann; period=month; unit=cny; used=83%; limit=100.00`,
/// with commas between them. Of those that a key shares, the limit is left out.
pub(super) fn budgets(views: &[BudgetView]) -> Option<HeaderValue> {
    let passed = views.iter().filter(|view| view.passed().is_some() && !matches!(view.scope, Scope::Spill(_)));
    let passed: Vec<String> = passed.map(budget).collect();
    HeaderValue::try_from(passed.join(", ")).ok().filter(|value| !value.is_empty())
}

fn budget(view: &BudgetView) -> String {
    let (scope, name, period, unit) = (view.scope.label(), view.scope.name(), view.period.label(), view.unit.label());
    let limit = match (&view.scope, view.unit) {
        (Scope::Key(_), Unit::Money) => format!("; limit={}", Money::from_picos_cny(view.limit)),
        (Scope::Key(_), Unit::Tokens) => format!("; limit={}", view.limit),
        _ => String::new(),
    };
    format!("{scope}={name}; period={period}; unit={unit}; used={}%{limit}", view.used_percent())
}

/// The caller's policy, if it says one.
///
/// # Errors
/// [`GatewayError::Policy`] when it is none.
pub(super) fn policy(headers: &HeaderMap) -> Result<Option<Policy>, GatewayError> {
    let Some(value) = headers.get(POLICY) else { return Ok(None) };
    text(value).and_then(|word| Policy::parse(word.trim())).map(Some).ok_or(GatewayError::Policy)
}

/// An amount as the value of [`COST`]. Most answers cost nothing.
pub(super) fn cost(amount: Money) -> Option<HeaderValue> {
    match amount {
        Money::ZERO => Some(HeaderValue::from_static("0.00")),
        amount => HeaderValue::try_from(amount.to_string()).ok(),
    }
}

/// How long a request may wait: at most `most`, less if its header says so. `None` when that cannot be read.
pub(super) fn patience(headers: &HeaderMap, most: Duration) -> Option<Duration> {
    let Some(value) = headers.get(MAX_WAIT) else { return Some(most) };
    duration(value).map(|asked| asked.min(most))
}

/// A span of time: seconds such as `0` or `2.5`, or with a unit such as `30s`.
pub(super) fn duration(value: &HeaderValue) -> Option<Duration> {
    let asked = text(value)?.trim();
    let seconds = asked.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.or_else(|| humantime::parse_duration(asked).ok())
}

/// The headers of an upstream call: those of the caller that may pass, and what `extra` allows.
pub(super) fn upstream_headers(caller: &HeaderMap, extra: &[HeaderName]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in caller {
        if REQUEST.contains(&name.as_str()) || extra.contains(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// The headers of an answer: those of the upstream that may pass.
pub(super) fn answer_headers(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(ROOM);
    pass_answer(upstream, &mut headers);
    headers
}

/// The same to those that are there.
pub(super) fn pass_answer(upstream: &HeaderMap, headers: &mut HeaderMap) {
    for (name, value) in upstream {
        if ANSWER.contains(&name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// The credential a caller sent, from any of the places where clients put it (finding 12).
pub(super) fn credential(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(text).map(strip_scheme);
    let others = ["x-api-key", "api-key"].into_iter().filter_map(|name| headers.get(name).and_then(text));
    bearer.into_iter().chain(others).find(|credential| !credential.is_empty())
}

/// A header's value as text.
pub(super) fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

fn strip_scheme(value: &str) -> &str {
    match value.trim().split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        None if value.trim().eq_ignore_ascii_case("bearer") => "",
        _ => value.trim(),
    }
}

/// Whether the caller can read an answer that came compressed with `encoding`.
/// `accepted` is the caller's `accept-encoding`.
pub(super) fn accepts(accepted: &HeaderValue, encoding: &str) -> bool {
    text(accepted).unwrap_or_default().split(',').map(str::trim).any(|offer| {
        let (name, quality) = offer.split_once(';').unwrap_or((offer, ""));
        let is_refused = quality.trim().strip_prefix("q=").is_some_and(|value| value.parse() == Ok(0.0));
        !is_refused && (name.trim().eq_ignore_ascii_case(encoding) || name.trim() == "*")
    })
}

/// Whether an answer is a stream of events.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).and_then(text).is_some_and(|kind| {
        kind.trim_start().get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case("text/event-stream"))
    })
}

/// Whether an answer says that it is JSON, or says nothing.
pub(super) fn may_be_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).and_then(text).is_none_or(|kind| kind.contains("json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn credentials_from_three_places() {
        for (name, value) in [
            ("authorization", "Bearer sk-1"),
            ("authorization", "bearer  sk-1 "),
            ("authorization", "sk-1"),
            ("x-api-key", "sk-1"),
            ("api-key", "sk-1"),
        ] {
            assert_eq!(credential(&with(name, value)), Some("sk-1"), "{name}: {value}");
        }
        assert_eq!(credential(&HeaderMap::new()), None);
    }

    #[test]
    fn compression_is_for_those_who_can_read_it() {
        for (offer, can) in
            [("gzip, br", true), ("*", true), ("identity", false), ("gzip;q=0, br", false), ("GZIP;q=0.5", true)]
        {
            assert_eq!(accepts(&HeaderValue::from_static(offer), "gzip"), can, "{offer}");
        }
    }

    #[test]
    fn nothing_personal_goes_upstream() {
        for name in [
            "authorization",
            "x-api-key",
            "api-key",
            "cookie",
            "x-forwarded-for",
            "x-openwebui-user-email",
            "accept-encoding",
            "host",
            "connection",
        ] {
            assert!(upstream_headers(&with(name, "secret"), &[]).is_empty(), "{name}");
        }
        assert_eq!(upstream_headers(&with("traceparent", "00-1"), &[]).len(), 1);
        assert!(answer_headers(&with("set-cookie", "x")).is_empty());
    }
}
