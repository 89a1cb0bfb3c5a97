//! Errors as callers see them: always OpenAI's object (Anthropic's on `/messages`), with a status,
//! a type and a code that SDKs act on rightly, the cause and the remedy in a sentence.
//!
//! The only place where errors become HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::body::BodyError;
use super::head::HeadError;
use super::route::RouteError;
use crate::relay::answer::AnswerFault;
use crate::relay::body::{RelayBody, RelayError};
use crate::relay::chat_stream::StreamFault;
use crate::tenant::TenantError;
use crate::upstream::refusal::{Cause, Metric, Refusal};
use crate::upstream::{BodyFailure, UpstreamError};

/// Anything that ends a request with an error object.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No or a bad key.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// The path leads nowhere.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The body could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body was not understood.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A model that this key may not use, or that is not in the list.
    #[error("The model `{0}` does not exist or you do not have access to it.")]
    Model(String),
    /// A key that is limited to some models, at an endpoint where any model can run.
    #[error("This key is limited to certain models, so it cannot use `{0}`, where the model cannot be checked. Ask the operator for another key.")]
    Endpoint(&'static str),
    /// Paths that the gateway does not know are switched off.
    #[error("`{0}` is not served here: the operator has set `server.unknown_paths = \"refuse\"`.")]
    UnknownPath(String),
    /// No answer came.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The upstream said no: what it meant, and the model asked for.
    #[error("{}", refusal_message(.0, .1))]
    Refused(Refusal, String),
    /// An answer that is none.
    #[error("{0} The request may have been charged; try again.")]
    Answer(#[from] AnswerFault),
    /// The answer broke off before any of it was sent on.
    #[error("{0}.")]
    Relay(#[from] RelayError),
    /// The upstream wants to send us elsewhere.
    #[error("The upstream answered with a redirect ({0}), which is never followed. Set `upstream.base_url` to where it points, if you trust that.")]
    Redirect(u16),
    /// Silence in place of a transcript, right after the account was throttled.
    #[error("SiliconFlow answered with an empty text, as it does when this model is throttled. Try again in a minute.")]
    ThrottledTranscript,
    /// The request's `Host` or `Origin` is not one this gateway answers to.
    #[error("{0}")]
    Door(DoorError),
    /// A panic was caught.
    #[error("The gateway made a mistake with this request. It is logged with the request id; other requests are not affected.")]
    Panic,
}

/// A request refused before anything of it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// No, several or malformed `Host`, or lengths that contradict each other.
    #[error("Malformed request: {0}.")]
    Malformed(&'static str),
    /// A name that is not this machine's.
    #[error("This gateway does not answer to the host name in your request. Add it to `server.hosts` if it is right.")]
    Host,
    /// A web page from elsewhere.
    #[error("Web pages from this origin may not use this gateway. Add the origin to `server.origins` to allow it.")]
    Origin,
}

/// Whether and when the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// The client's own judgement.
    Unsaid,
    /// After this long.
    After(Duration),
}

/// Everything a caller learns of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// HTTP status.
    pub status: StatusCode,
    /// OpenAI's `type`.
    pub kind: &'static str,
    /// OpenAI's `code`.
    pub code: Option<&'static str>,
    /// OpenAI's `param`.
    pub param: Option<String>,
    /// May it be sent again?
    pub retry: Retry,
    /// The closed-set label for metrics.
    pub label: &'static str,
}

/// Above this SDKs ignore a `retry-after` (clients.md A3: 60 s), so they are told not to retry.
const LONGEST_HONOURED: Duration = Duration::from_secs(60);
/// The minute windows are over by then (siliconflow-api.md, section 16).
const MINUTE: Duration = Duration::from_secs(60);
/// When an overloaded model is worth another try (ours).
const BUSY_PAUSE: Duration = Duration::from_secs(2);

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";

impl GatewayError {
    /// What the caller learns besides the message.
    pub fn view(&self) -> View {
        match self {
            Self::Tenant(TenantError::Missing) => caller(401, None, "no_key").never(),
            Self::Tenant(TenantError::Unknown) => caller(401, Some("invalid_api_key"), "bad_key").never(),
            Self::Route(error) => route_view(error),
            Self::Body(error) => body_view(error),
            Self::Head(error) => caller(400, None, "bad_body").about(error.param()),
            Self::Model(_) => caller(404, Some("model_not_found"), "no_model").about(Some("model")),
            Self::Endpoint(_) => caller(403, Some("endpoint_not_allowed"), "endpoint").never(),
            Self::UnknownPath(_) => caller(404, Some("unknown_url"), "no_route"),
            Self::Upstream(error) => upstream_view(error),
            Self::Refused(refusal, _) => refusal_view(refusal),
            Self::Answer(AnswerFault::Refused(body)) => refusal_view(&Refusal::read(200, body)),
            Self::Answer(_) => server(502, "upstream_bad_answer", "bad_answer"),
            Self::Relay(error) => relay_view(error),
            Self::Redirect(_) => server(502, "upstream_redirect", "redirect").never(),
            Self::ThrottledTranscript => limited("requests", MINUTE),
            Self::Door(DoorError::Malformed(_)) => caller(400, None, "malformed").never(),
            Self::Door(DoorError::Host) => caller(403, Some("host_not_allowed"), "host").never(),
            Self::Door(DoorError::Origin) => caller(403, Some("origin_not_allowed"), "origin").never(),
            Self::Panic => server(500, "internal_error", "panic"),
        }
    }

    /// Whether the upstream had a part in it, so that it counts as its error.
    pub fn is_upstreams(&self) -> bool {
        match self {
            Self::Upstream(UpstreamError::Body(_) | UpstreamError::Url(_)) => false,
            Self::Upstream(_) | Self::Refused(..) | Self::Answer(_) | Self::Relay(_) => true,
            Self::Redirect(_) | Self::ThrottledTranscript => true,
            _ => false,
        }
    }

    /// The message; an error object that hides in a 200 is read like a refusal.
    fn message(&self) -> String {
        match self {
            Self::Answer(AnswerFault::Refused(body)) => refusal_message(&Refusal::read(200, body), ""),
            other => other.to_string(),
        }
    }

    /// The whole response, but for the headers that every response has.
    pub fn response(&self, is_anthropic: bool, request_id: &str) -> Response<RelayBody> {
        let view = self.view();
        let body = body(&view, &self.message(), is_anthropic, request_id);
        let mut response = Response::new(RelayBody::plain(body));
        *response.status_mut() = view.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        retry_headers(headers, view.retry);
        if let Self::Route(RouteError::Method { allowed, .. }) = self {
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}

/// The error object's bytes.
fn body(view: &View, message: &str, is_anthropic: bool, request_id: &str) -> Vec<u8> {
    let value = if is_anthropic {
        json!({"type": "error", "error": {"type": anthropic_kind(view.status), "message": message}, "request_id": request_id})
    } else {
        json!({"error": {"message": message, "type": view.kind, "param": view.param, "code": view.code}})
    };
    value.to_string().into_bytes()
}

/// The event that ends a stream which broke off (OpenAI's shape).
pub fn error_event(error: &RelayError) -> Bytes {
    let (view, message) = relayed(error);
    let object = String::from_utf8_lossy(&body(&view, &message, false, "")).into_owned();
    Bytes::from(format!("data: {object}\n\n"))
}

/// The event that ends a stream which broke off (Anthropic's shape).
pub fn anthropic_error_event(error: &RelayError) -> Bytes {
    let (view, message) = relayed(error);
    let object = String::from_utf8_lossy(&body(&view, &message, true, "")).into_owned();
    Bytes::from(format!("event: error\ndata: {object}\n\n"))
}

fn relayed(error: &RelayError) -> (View, String) {
    match error {
        RelayError::Stream(StreamFault::Error(text)) => {
            let refusal = Refusal::read(200, text.as_bytes());
            (refusal_view(&refusal), refusal_message(&refusal, ""))
        }
        other => (relay_view(other), format!("{other}. What you received is not the whole answer.")),
    }
}

fn retry_headers(headers: &mut http::HeaderMap, retry: Retry) {
    match retry {
        Retry::Unsaid => {}
        Retry::Never => {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        Retry::After(wait) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000) as u64));
            headers.insert("retry-after-ms", HeaderValue::from(wait.as_millis() as u64));
            let is_honoured = wait <= LONGEST_HONOURED;
            headers.insert("x-should-retry", HeaderValue::from_static(if is_honoured { "true" } else { "false" }));
        }
    }
}

impl View {
    fn never(self) -> Self {
        Self { retry: Retry::Never, ..self }
    }

    fn after(self, wait: Duration) -> Self {
        Self { retry: Retry::After(wait), ..self }
    }

    fn about(self, param: Option<&str>) -> Self {
        Self { param: param.map(str::to_owned), ..self }
    }

    fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }
}

fn view(status: u16, kind: &'static str, code: Option<&'static str>, label: &'static str) -> View {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    View { status, kind, code, param: None, retry: Retry::Unsaid, label }
}

fn caller(status: u16, code: Option<&'static str>, label: &'static str) -> View {
    view(status, INVALID, code, label)
}

fn server(status: u16, code: &'static str, label: &'static str) -> View {
    view(status, SERVER, Some(code), label)
}

fn limited(kind: &'static str, wait: Duration) -> View {
    view(429, kind, Some("rate_limit_exceeded"), "rate_limit").after(wait)
}

fn overloaded(label: &'static str, wait: Duration) -> View {
    view(503, "service_unavailable_error", Some("server_is_overloaded"), label).after(wait)
}

fn route_view(error: &RouteError) -> View {
    match error {
        RouteError::Unknown(_) => caller(404, Some("unknown_url"), "no_route"),
        RouteError::Responses => caller(404, Some("unknown_url"), "no_route").never(),
        RouteError::Method { .. } => caller(405, None, "method").never(),
        RouteError::Climbs => caller(400, None, "malformed").never(),
    }
}

fn body_view(error: &BodyError) -> View {
    match error {
        BodyError::TooLarge(_) => caller(413, Some("request_too_large"), "too_large").never(),
        BodyError::TooSlow(_) => caller(408, Some("request_timeout"), "slow_body"),
        BodyError::Broken(_) => caller(400, None, "broken_body"),
        BodyError::NoRoom => overloaded("memory", Duration::from_secs(1)),
    }
}

fn upstream_view(error: &UpstreamError) -> View {
    let label = error.label();
    match error {
        UpstreamError::Connect(_) => server(502, "upstream_unreachable", label),
        UpstreamError::ConnectTimeout(_) => server(504, "upstream_connect_timeout", label),
        UpstreamError::Tls(_) => server(502, "upstream_tls", label).never(),
        UpstreamError::FirstByteTimeout(_) => server(504, "upstream_first_byte_timeout", label),
        UpstreamError::Closed => server(502, "upstream_closed", label),
        UpstreamError::Protocol(_) => server(502, "upstream_protocol", label),
        UpstreamError::BreakerOpen(wait, _) => server(503, "upstream_unreachable", label).after(*wait),
        UpstreamError::ModelBusy(_, wait) => overloaded(label, *wait),
        UpstreamError::KeysResting => server(502, "upstream_key_invalid", label).never(),
        UpstreamError::Body(BodyFailure::TooLarge(_)) => caller(413, Some("request_too_large"), "too_large").never(),
        UpstreamError::Body(BodyFailure::Model(_)) => caller(404, Some("model_not_found"), "no_model").about(Some("model")),
        UpstreamError::Body(BodyFailure::Caller(_)) => caller(400, None, "broken_body"),
        UpstreamError::Url(_) => caller(400, None, "malformed").never(),
    }
}

fn relay_view(error: &RelayError) -> View {
    match error {
        RelayError::Idle(_) => server(504, "upstream_idle_timeout", error.label()),
        RelayError::Total => server(504, "upstream_total_timeout", error.label()),
        RelayError::Broken(_) | RelayError::Stream(_) => server(502, "upstream_stream_broken", error.label()),
    }
}

fn refusal_view(refusal: &Refusal) -> View {
    match refusal.cause {
        Cause::ModelUnknown => caller(404, Some("model_not_found"), "model").about(Some("model")),
        Cause::ModelDisabled => caller(404, Some("model_not_found"), "model").about(Some("model")),
        Cause::ContextTooLong => caller(400, Some("context_length_exceeded"), "request").about(Some("messages")),
        Cause::ThinkingUnsupported => caller(400, Some("unsupported_parameter"), "request").about(Some("enable_thinking")),
        Cause::JsonUnsupported => caller(400, Some("unsupported_parameter"), "request").about(Some("response_format")),
        Cause::Parameter | Cause::Caller => caller(client_status(refusal.status), None, "request"),
        Cause::KeyInvalid => server(502, "upstream_key_invalid", "key_invalid").never(),
        Cause::Balance => server(503, "upstream_balance_insufficient", "balance").never(),
        Cause::Identity => server(503, "upstream_identity_unverified", "identity").never(),
        Cause::Forbidden => server(502, "upstream_forbidden", "forbidden").never(),
        Cause::NotFound => caller(404, Some("unknown_url"), "request"),
        Cause::Gone => caller(410, Some("endpoint_withdrawn"), "request").never(),
        Cause::TooLarge => caller(413, Some("request_too_large"), "request").never(),
        Cause::RateLimit(metric) => rate_view(metric),
        Cause::Busy => overloaded("busy", BUSY_PAUSE),
        Cause::Timeout => server(504, "upstream_timeout", "timeout"),
        Cause::Server => server(502, "upstream_error", "server"),
    }
}

/// The upstream's own status where it tells the caller something, else 400.
fn client_status(status: u16) -> u16 {
    if (400..500).contains(&status) { status } else { 400 }
}

fn rate_view(metric: Metric) -> View {
    let kind = |name: &str| if name.starts_with('T') { "tokens" } else { "requests" };
    match metric {
        Metric::Minute(name) => limited(kind(name), MINUTE),
        Metric::Hour(name) => limited(kind(name), Duration::from_secs(3600)),
        Metric::Day(name) => limited(kind(name), until_midnight_in_shanghai(std::time::SystemTime::now())),
        Metric::Unknown => limited("requests", MINUTE).kind("rate_limit_error"),
    }
}

/// Day quotas turn at midnight in Asia/Shanghai, which has had UTC+8 without summer time since 1991.
fn until_midnight_in_shanghai(now: std::time::SystemTime) -> Duration {
    const DAY: u64 = 86_400;
    let seconds = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    Duration::from_secs(DAY - (seconds + 8 * 3600) % DAY)
}

fn anthropic_kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        500.. => "api_error",
        _ => INVALID,
    }
}

/// Cause and remedy in a sentence, then the upstream's own words.
fn refusal_message(refusal: &Refusal, model: &str) -> String {
    let model = if model.is_empty() { "this model".to_owned() } else { format!("the model `{model}`") };
    let sentence = match refusal.cause {
        Cause::ModelUnknown => format!("{} does not exist on SiliconFlow or was withdrawn; `GET /v1/models` lists what there is.", capital(&model)),
        Cause::ModelDisabled => format!("SiliconFlow has switched {model} off; use another one."),
        Cause::ContextTooLong => context_sentence(&refusal.text),
        Cause::ThinkingUnsupported => format!("{} has no thinking switch: leave `enable_thinking` out.", capital(&model)),
        Cause::JsonUnsupported => format!("{} has no JSON mode: leave `response_format` out or use another model.", capital(&model)),
        Cause::Parameter | Cause::Caller => "SiliconFlow refused a parameter of this request.".to_owned(),
        Cause::KeyInvalid => "SiliconFlow refused the gateway's own API key. The operator has to check the key of the account (`flowgate doctor`).".to_owned(),
        Cause::Balance => "The SiliconFlow account behind this gateway has no balance left, which blocks free models as well. The operator has to recharge it.".to_owned(),
        Cause::Identity => "The SiliconFlow account behind this gateway has not passed identity verification. The operator has to complete it in the console; waiting does not help.".to_owned(),
        Cause::Forbidden => "SiliconFlow forbids this request for the account behind this gateway.".to_owned(),
        Cause::NotFound => "SiliconFlow has no such endpoint.".to_owned(),
        Cause::Gone => "SiliconFlow has withdrawn this endpoint.".to_owned(),
        Cause::TooLarge => "The request is larger than SiliconFlow accepts.".to_owned(),
        Cause::RateLimit(metric) => rate_sentence(metric, &model),
        Cause::Busy => format!("SiliconFlow is overloaded for {model}; try again in a moment or use another one."),
        Cause::Timeout => "SiliconFlow gave up waiting for the answer. Long answers need `\"stream\": true`.".to_owned(),
        Cause::Server => "SiliconFlow failed to answer this request; try again.".to_owned(),
    };
    format!("{sentence} {}", refusal.quote())
}

/// `text` as the beginning of a sentence.
fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

fn rate_sentence(metric: Metric, model: &str) -> String {
    match metric {
        Metric::Minute(name) => format!("The account's {name} limit for {model} is used up for this minute."),
        Metric::Hour(name) => format!("The account's {name} limit for {model} is used up for this hour."),
        Metric::Day(name) => format!("The account's {name} limit for {model} is used up for today (days turn at midnight in China)."),
        Metric::Unknown => format!("A rate limit of the account for {model} is used up."),
    }
}

/// The wording by which agents recognise that they have to shorten their prompt.
fn context_sentence(text: &str) -> String {
    let numbers: Vec<u64> = text
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    match numbers[..] {
        [used, limit, ..] => format!("This model's maximum context length is {limit} tokens. However, your messages resulted in {used} tokens. Please reduce the length of the messages."),
        _ => "This model's maximum context length is exceeded. Please reduce the length of the messages.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_in_shanghai_ends_at_16_utc() {
        let at = |seconds| std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(until_midnight_in_shanghai(at(0)), Duration::from_secs(16 * 3600));
        assert_eq!(until_midnight_in_shanghai(at(16 * 3600)), Duration::from_secs(86_400));
    }

    #[test]
    fn agents_recognise_an_overflow() {
        let sentence = context_sentence("number of input tokens (99000) has exceeded max_prompt_tokens (98304) limit.");
        assert!(sentence.contains("maximum context length is 98304 tokens") && sentence.contains("99000"));
    }

    #[test]
    fn every_label_of_an_upstream_error_is_in_the_closed_set() {
        use crate::telemetry::metrics::UPSTREAM_CAUSES;
        for status in 400..600 {
            for text in ["", "TPM limit", "identity verification", "balance", "Model does not exist", "busy"] {
                let refusal = Refusal::read(status, text.as_bytes());
                let error = GatewayError::Refused(refusal, String::new());
                assert!(UPSTREAM_CAUSES.contains(&error.view().label), "{status} {text}");
            }
        }
    }
}
