//! What a caller learns of an error besides its message: status, type, code, whether to try again
//! (clients.md B3). One line for each case.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::{DoorError, GatewayError};
use crate::api::body::BodyError;
use crate::api::target::RouteError;
use crate::quota::calendar;
use crate::quota::metric::{Metric, Span, Unit};
use crate::quota::{AdmitError, Refused};
use crate::relay::broken::RelayError;
use crate::tenant::TenantError;
use crate::upstream::refusal::{Cause, Refusal};
use crate::upstream::{BodyFailure, UpstreamError};

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

/// The minute windows are over by then (siliconflow-api.md, section 16).
const MINUTE: Duration = Duration::from_secs(60);
/// When an overloaded model is worth another try (ours).
const BUSY_PAUSE: Duration = Duration::from_secs(2);

/// When a limit is tried again that frees itself nobody knows when: "at once" would be a storm (ours).
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

pub(super) const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";
/// OpenAI's `type` of what has no room at the moment.
pub const OVERLOADED: &str = "service_unavailable_error";

impl GatewayError {
    /// What the caller learns besides the message.
    pub fn view(&self) -> View {
        match self {
            Self::Tenant(TenantError::Missing) => caller(401, None, "no_key").never(),
            Self::Tenant(TenantError::Unknown) => caller(401, Some("invalid_api_key"), "bad_key").never(),
            Self::Route(error) => route_view(error),
            Self::Body(error) => body_view(error),
            Self::Head(error) => caller(400, None, "bad_body").about(error.param()),
            Self::Model(_) | Self::UnknownModel(..) => {
                caller(404, Some("model_not_found"), "no_model").about(Some("model"))
            }
            Self::Paid(_) => caller(403, Some("paid_model_not_allowed"), "paid").about(Some("model")).never(),
            Self::Kind(..) => caller(400, Some("wrong_endpoint"), "wrong_kind").about(Some("model")).never(),
            Self::Thinking(field, _) => {
                caller(400, Some("unsupported_parameter"), "thinking").about(Some(field)).never()
            }
            Self::Absent(_) => caller(404, Some("unknown_url"), "no_route").never(),
            Self::Jobs => server(503, "jobs_unavailable", "jobs"),
            Self::NoJob(..) => caller(404, None, "no_file").about(Some("id")).never(),
            Self::NotReady(_) => caller(409, Some("video_not_ready"), "not_ready"),
            Self::NoFile(_) => caller(404, None, "no_file").about(Some("id")).never(),
            Self::Bridge(error) => caller(400, error.code, "unsupported").about(error.param.as_deref()).never(),
            Self::Policy => caller(400, None, "malformed").about(Some("x-flowgate-policy")).never(),
            Self::FreeOnlyEndpoint(_) => caller(403, Some("endpoint_not_allowed"), "endpoint").never(),
            Self::Endpoint(_) => caller(403, Some("endpoint_not_allowed"), "endpoint").never(),
            Self::EndpointOfKey(_) => caller(403, Some("endpoint_not_allowed"), "endpoint").never(),
            Self::Throttled(wait) => caller(429, Some("too_many_attempts"), "throttled").after(*wait),
            Self::UnknownPath(_) => caller(404, Some("unknown_url"), "no_route"),
            Self::Upstream(error) => upstream_view(error),
            Self::Refused(refusal, _) => refusal_view(refusal),
            Self::Withdrawn(withdrawn) => refusal_view(&withdrawn.refusal),
            Self::MaxWait => caller(400, None, "malformed").about(Some("x-flowgate-max-wait")).never(),
            Self::KeepAlive => caller(400, None, "malformed").about(Some("x-flowgate-keep-alive")).never(),
            Self::Quota(error, _) => quota_view(error),
            Self::Budget(_) => insufficient(),
            Self::Unpriced(_) => caller(403, Some("model_price_unknown"), "unpriced").about(Some("model")).never(),
            Self::BudgetEndpoint(_) => caller(403, Some("endpoint_not_allowed"), "endpoint").never(),
            Self::Answer(_) => server(502, "upstream_bad_answer", "bad_answer"),
            Self::Relay(error) => relay_view(error),
            Self::Redirect(_) => server(502, "upstream_redirect", "redirect").never(),
            Self::ThrottledTranscript => limited("requests", MINUTE),
            Self::Response(_) => caller(404, Some("response_not_found"), "no_response").about(Some("response_id")),
            Self::ResponsesUnreadable => server(503, "responses_unavailable", "responses"),
            Self::Unreadable => server(503, "ledger_unavailable", "ledger"),
            // It was charged: clients that try again by themselves would pay again.
            Self::Picture(_) | Self::NoPicture => server(502, "upstream_bad_picture", "bad_answer").never(),
            Self::NoMedia => caller(404, Some("media_not_found"), "no_media").never(),
            Self::Door(DoorError::Malformed(_)) => caller(400, None, "malformed").never(),
            Self::Door(DoorError::Host) => caller(403, Some("host_not_allowed"), "host").never(),
            Self::Door(DoorError::Origin) => caller(403, Some("origin_not_allowed"), "origin").never(),
            Self::Unwritable(_) => server(503, "ledger_unavailable", "ledger").after(LEDGER_WAIT),
            Self::Panic => server(500, "internal_error", "panic"),
        }
    }
}

/// When a request is worth trying again that could not be written down (ours): somebody has to make room first.
const LEDGER_WAIT: Duration = Duration::from_secs(5);

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

/// Clients that read this know that waiting does not help: it may be days until a budget turns.
fn insufficient() -> View {
    view(429, "insufficient_quota", Some("insufficient_quota"), "budget").never()
}

fn overloaded(label: &'static str, wait: Duration) -> View {
    view(503, OVERLOADED, Some("server_is_overloaded"), label).after(wait)
}

fn route_view(error: &RouteError) -> View {
    match error {
        RouteError::Unknown(_) => caller(404, Some("unknown_url"), "no_route"),
        RouteError::Variations | RouteError::Translations => caller(404, Some("unknown_url"), "no_route").never(),
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
        UpstreamError::NoDescriptors => overloaded(label, Duration::from_secs(1)),
        UpstreamError::ConnectTimeout(_) => server(504, "upstream_connect_timeout", label),
        UpstreamError::Tls(_) => server(502, "upstream_tls", label).never(),
        // It may have been run and charged: clients that try again by themselves would pay again.
        UpstreamError::FirstByteTimeout(_) => server(504, "upstream_first_byte_timeout", label).never(),
        UpstreamError::Closed => server(502, "upstream_closed", label).never(),
        UpstreamError::Protocol(_) => server(502, "upstream_protocol", label).never(),
        UpstreamError::BreakerOpen(wait, _) => server(503, "upstream_unreachable", label).after(*wait),
        UpstreamError::ModelBusy(_, wait) => overloaded(label, *wait),
        UpstreamError::KeysResting => server(502, "upstream_key_invalid", label).never(),
        UpstreamError::Body(BodyFailure::TooSlow(_)) => caller(408, Some("request_timeout"), "slow_body"),
        UpstreamError::Body(BodyFailure::TooLarge(_)) => caller(413, Some("request_too_large"), "too_large").never(),
        UpstreamError::Body(BodyFailure::Model(_)) => {
            caller(404, Some("model_not_found"), "no_model").about(Some("model"))
        }
        UpstreamError::Body(BodyFailure::TwoModels) => caller(400, None, "bad_body").about(Some("model")),
        UpstreamError::Body(BodyFailure::Caller(_)) => caller(400, None, "broken_body"),
        UpstreamError::Url(_) => caller(400, None, "malformed").never(),
    }
}

pub(super) fn relay_view(error: &RelayError) -> View {
    let view = match error {
        RelayError::Revoked => caller(401, Some("invalid_api_key"), "bad_key"),
        RelayError::Idle(_) => server(504, "upstream_idle_timeout", error.label()),
        RelayError::Budget(_) => insufficient(),
        RelayError::Own(_) => server(500, "internal_error", error.label()),
        RelayError::Total => server(504, "upstream_total_timeout", error.label()),
        RelayError::Broken(_) | RelayError::Stream(_) => server(502, "upstream_stream_broken", error.label()),
    };
    view.never()
}

pub(super) fn refusal_view(refusal: &Refusal) -> View {
    let view = cause_view(refusal);
    match (view.retry, refusal.retry_after) {
        (Retry::After(_), Some(wait)) => view.after(wait),
        _ => view,
    }
}

fn cause_view(refusal: &Refusal) -> View {
    match refusal.cause {
        Cause::ModelUnknown => caller(404, Some("model_not_found"), "model").about(Some("model")),
        Cause::ModelDisabled => caller(404, Some("model_not_found"), "model").about(Some("model")),
        Cause::ContextTooLong => caller(400, Some("context_length_exceeded"), "request").about(Some("messages")),
        Cause::ThinkingUnsupported => {
            caller(400, Some("unsupported_parameter"), "request").about(Some("enable_thinking"))
        }
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

fn rate_view(metric: Option<Metric>) -> View {
    let Some(metric) = metric else { return limited("requests", MINUTE).kind("rate_limit_error") };
    let wait = match metric.span() {
        Span::Minute => MINUTE,
        Span::Hour => until(calendar::next_hour),
        Span::Day => until(calendar::next_day),
    };
    limited(limit_kind(Some(metric)), wait)
}

/// OpenAI's `type` of an error that a limit makes.
fn limit_kind(metric: Option<Metric>) -> &'static str {
    if metric.is_some_and(|metric| metric.unit() == Unit::Tokens) { "tokens" } else { "requests" }
}

/// A limit that the gateway itself keeps.
fn quota_view(error: &AdmitError) -> View {
    match error.refused {
        Refused::Never { .. } => caller(400, Some("request_too_large"), "never_fits").never(),
        Refused::Later { metric, wait } => {
            let label = if error.is_own { "key_limit" } else { "quota" };
            View { label, ..limited(limit_kind(metric), wait.max(SHORTEST_WAIT)) }
        }
        Refused::Full { wait } => overloaded("queue_full", wait),
    }
}

/// Hour and day quotas turn by the clock, in Asia/Shanghai (ours: no source names the zone).
fn until(next: impl Fn(SystemTime) -> SystemTime) -> Duration {
    let now = SystemTime::now();
    next(now).duration_since(now).unwrap_or_default()
}
