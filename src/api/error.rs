//! Errors as callers see them: always OpenAI's object (Anthropic's on `/messages`), with a status,
//! a type and a code that SDKs act on rightly, the cause and the remedy in a sentence.
//!
//! The only place where errors become HTTP.

mod message;
mod view;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::body::BodyError;
use super::face::Face;
use super::head::HeadError;
use super::target::RouteError;
use message::{budget_message, quota_message, refusal_message, unknown_message};
use view::{INVALID, refusal_view, relay_view};
pub use view::{OVERLOADED, Retry, View};

use crate::bridge::BridgeError;
use crate::catalog::policy::Denied;
use crate::ledger::book::Unwritable;
use crate::media::MediaError;
use crate::quota::AdmitError;
use crate::quota::budget::Exceeded;
use crate::relay::answer::AnswerFault;
use crate::relay::body::RelayBody;
use crate::relay::broken::{ErrorEvent, RelayError, Told};
use crate::relay::chat_stream::StreamFault;
use crate::tenant::TenantError;
use crate::upstream::refusal::Refusal;
use crate::upstream::{KeyLease, UpstreamError};

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
    /// It cannot be carried over from the caller's protocol.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// A model that this key may not use, or that is not in the list.
    #[error(
        "The model `{0}` does not exist or you do not have access to it. `GET /v1/models` lists those that you may use."
    )]
    Model(String),
    /// It costs money, and only free ones are wanted.
    #[error("{0}")]
    Paid(Denied),
    /// A model of another kind than the endpoint is for: the model, its kind, its endpoint, this one.
    #[error("The model `{0}` is of the kind `{1}`: it is called at `POST /v1{2}`, not at `/v1{3}`.")]
    Kind(String, &'static str, &'static str, &'static str),
    /// A thinking switch that the model does not have, which the operator wants to be refused: the member, the model.
    #[error("The model `{1}` has no such switch: leave `{0}` out.")]
    Thinking(&'static str, String),
    /// A header that names no policy.
    #[error("`x-flowgate-policy` must be `exact`, `free-only`, `prefer-free` or `prefer-pro`.")]
    Policy,
    /// Only free models are allowed, at an endpoint where any model can run.
    #[error(
        "Only free models are allowed (policy free-only), so `{0}` cannot be used, where the model cannot be seen. Ask the operator."
    )]
    FreeOnlyEndpoint(&'static str),
    /// A name that is in neither catalogue nor list, where such names are refused, and the names that are near.
    #[error("{}", unknown_message(.0, .1))]
    UnknownModel(String, Vec<String>),
    /// A key that is limited to some models, at an endpoint where any model can run.
    #[error(
        "This key is limited to certain models, so it cannot use `{0}`, where the model cannot be checked. Ask the operator for another key."
    )]
    Endpoint(&'static str),
    /// A key that is limited to some endpoints, and this is none of them.
    #[error("This key may not use `{0}`. Ask the operator: `endpoints` of the key says which ones it may.")]
    EndpointOfKey(&'static str),
    /// Too many wrong keys came from the caller's address.
    #[error(
        "Too many requests with an incorrect API key came from your address. Correct the key, and try again in {} s.",
        .0.as_millis().div_ceil(1000)
    )]
    Throttled(Duration),
    /// Paths that the gateway does not know are switched off.
    #[error("`{0}` is not served here: the operator has set `server.unknown_paths = \"refuse\"`.")]
    UnknownPath(String),
    /// No answer came.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The upstream said no: what it meant, and the model asked for.
    #[error("{}", refusal_message(.0, .1))]
    Refused(Refusal, String),
    /// The same of a model that was withdrawn: with what to use in its place.
    #[error("{} Use `{}` in its place.", refusal_message(&.0.refusal, &.0.model), .0.substitute)]
    Withdrawn(Box<Withdrawn>),
    /// A limit that the gateway keeps: why, and the model called.
    #[error("{}", quota_message(.0, .1))]
    Quota(AdmitError, String),
    /// A budget that has not so much left.
    #[error("{}", budget_message(.0))]
    Budget(#[from] Box<Exceeded>),
    /// A model without a price, where money is counted.
    #[error(
        "No source says what `{0}` costs, and there is a budget in CNY that has to count it. Ask the operator to write its price down (`[models.override.\"{0}\"]`), or use another model: free ones always pass."
    )]
    Unpriced(String),
    /// A key with a budget, at an endpoint where any model can run.
    #[error(
        "There is a budget for what you may spend, and at `{0}` nobody sees what a request costs, so it cannot be used. Ask the operator for a key without a budget."
    )]
    BudgetEndpoint(&'static str),
    /// Something of OpenAI's that SiliconFlow does not have, and what to do in its place.
    #[error("{0}")]
    Absent(&'static str),
    /// What keeps jobs cannot be reached; why is in the log.
    #[error(
        "The gateway cannot reach its record of videos and batches at the moment. Try again; if it stays so, the operator has to look at it."
    )]
    Jobs,
    /// A job that is not there, or is another key's: its kind, its id.
    #[error("There is no {0} `{1}` of this key.")]
    NoJob(&'static str, String),
    /// A video that is not there yet: its status.
    #[error("The video is not there: its status is `{0}`. `GET /v1/videos/{{id}}` says when it is `completed`.")]
    NotReady(String),
    /// A file that is not there.
    #[error("There is no file `{0}`. `GET /v1/files` lists those that there are.")]
    NoFile(String),
    /// A header that says how long to wait, but not in a way that can be read.
    #[error("`x-flowgate-max-wait` must be a number of seconds such as `0` or `2.5`, or a duration such as `30s`.")]
    MaxWait,
    /// The same of a header that asks for signs of life.
    #[error("`x-flowgate-keep-alive` must be a duration from `1s` to `60s`, such as `5s`.")]
    KeepAlive,
    /// An answer that is none.
    #[error("{0} The request may have been charged; try again.")]
    Answer(#[from] AnswerFault),
    /// The answer broke off before any of it was sent on.
    #[error("{0}.")]
    Relay(#[from] RelayError),
    /// The upstream wants to send us elsewhere.
    #[error(
        "The upstream answered with a redirect ({0}), which is never followed. Set `upstream.base_url` to where it points, if you trust that."
    )]
    Redirect(u16),
    /// Silence in place of a transcript, right after the account was throttled.
    #[error("SiliconFlow answered with an empty text, as it does when this model is throttled. Try again in a minute.")]
    ThrottledTranscript,
    /// What was used cannot be read; why is in the log, for it names files.
    #[error("The ledger cannot be read at the moment. Try again; if it stays so, the operator has to look at it.")]
    Unreadable,
    /// Pictures were made, and could not be fetched: why.
    #[error(
        "SiliconFlow made the picture and charged it, but it could not be handed on: {0}. Asking again makes and charges another one."
    )]
    Picture(#[from] MediaError),
    /// An answer without a picture.
    #[error("SiliconFlow's answer has no picture in it. The request may have been charged.")]
    NoPicture,
    /// A picture or video that is not there, or is not for this caller: one text for both.
    #[error(
        "There is no such picture or video here, or it is not yours to see. They are kept for a while only (`media.keep`), and opened by the key that made them or by the whole link, its signature included."
    )]
    NoMedia,
    /// A response that is not kept, or is another key's.
    #[error(
        "Response with id '{0}' not found. Responses are kept for a while unless they are asked for with `store: false`."
    )]
    Response(String),
    /// What is kept of responses cannot be read; why is in the log, for it names files.
    #[error("Kept responses cannot be read at the moment. Try again; if it stays so, the operator has to look at it.")]
    ResponsesUnreadable,
    /// The request's `Host` or `Origin` is not one this gateway answers to.
    #[error("{0}")]
    Door(DoorError),
    /// It cannot be written into the ledger.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// A panic was caught.
    #[error(
        "The gateway made a mistake with this request. It is logged with the request id; other requests are not affected."
    )]
    Panic,
}

/// What the upstream said of a model that it no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// Its words.
    pub refusal: Refusal,
    /// The model.
    pub model: String,
    /// What to use in its place.
    pub substitute: String,
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

/// Above this SDKs ignore a `retry-after` (clients.md A3: 60 s), so they are told not to retry.
const LONGEST_HONOURED: Duration = Duration::from_secs(60);

impl GatewayError {
    /// Whether the upstream had a part in it, so that it counts as its error.
    pub fn is_upstreams(&self) -> bool {
        match self {
            Self::Upstream(UpstreamError::Body(_) | UpstreamError::Url(_)) => false,
            Self::Upstream(_) | Self::Refused(..) | Self::Withdrawn(..) | Self::Answer(_) => true,
            Self::Relay(error) => error.is_upstreams(),
            Self::Redirect(_) | Self::ThrottledTranscript | Self::Picture(_) | Self::NoPicture => true,
            _ => false,
        }
    }

    /// The upstream's id of a request that it refused.
    pub fn trace_id(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal, _) => refusal.trace_id.as_deref(),
            Self::Withdrawn(withdrawn) => withdrawn.refusal.trace_id.as_deref(),
            _ => None,
        }
    }

    /// Whether the upstream may have run the request, and charged it, without our knowing what.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Upstream(error) => {
                matches!(error, UpstreamError::FirstByteTimeout(_) | UpstreamError::Closed | UpstreamError::Protocol(_))
            }
            Self::Answer(_) | Self::Relay(_) | Self::ThrottledTranscript | Self::NoPicture => true,
            _ => false,
        }
    }

    /// Whether the request's body may have been read in part.
    pub(super) fn has_cut_body(&self) -> bool {
        matches!(self, Self::Body(_) | Self::Upstream(UpstreamError::Body(_)))
    }

    /// The whole response, but for the headers that every response has.
    pub fn response(&self, face: Face, request_id: &str) -> Response<RelayBody> {
        let view = self.view();
        let body = body(&view, &self.to_string(), face, request_id);
        let mut response = Response::new(RelayBody::plain(body));
        *response.status_mut() = face.status(&view);
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
fn body(view: &View, message: &str, face: Face, request_id: &str) -> Vec<u8> {
    let value = match face {
        Face::Anthropic => {
            // By these words its tools know that they have to shorten the conversation.
            let is_too_long = view.code == Some("context_length_exceeded");
            let message = if is_too_long { format!("prompt is too long: {message}") } else { message.to_owned() };
            let kind = anthropic_kind(face.status(view));
            json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id})
        }
        Face::OpenAi => {
            json!({"error": {"message": message, "type": view.kind, "param": view.param, "code": view.code}})
        }
    };
    value.to_string().into_bytes()
}

/// Finds the words that end a stream which broke off; the account's key is masked in what it quotes.
pub fn error_event(lease: KeyLease, face: Face) -> ErrorEvent {
    ErrorEvent::new(move |error| {
        let (view, message) = match error {
            RelayError::Stream(StreamFault::Error(text)) => {
                let refusal = Refusal::read(200, &lease.account().mask(text.as_bytes()));
                (refusal_view(&refusal), refusal_message(&refusal, ""))
            }
            RelayError::Budget(exceeded) => {
                (relay_view(error), format!("{} What you received is not the whole answer.", budget_message(exceeded)))
            }
            other => (relay_view(other), format!("{other}. What you received is not the whole answer.")),
        };
        let prefix: &[u8] = if face == Face::Anthropic { b"event: error\ndata: " } else { b"data: " };
        let event = Bytes::from([prefix, &body(&view, &message, face, ""), b"\n\n"].concat());
        Told { kind: view.kind, code: view.code, message, event }
    })
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

fn anthropic_kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => INVALID,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_withdrawn_model_is_told_with_its_substitute() {
        let body = br#"{"code":20012,"message":"Model does not exist. Please check it carefully.","data":null}"#;
        let refusal = Refusal::read(400, body);
        let (model, substitute) = ("Old/Model".to_owned(), "New/Model".to_owned());
        let plain = GatewayError::Refused(refusal.clone(), model.clone());
        let told = GatewayError::Withdrawn(Box::new(Withdrawn { refusal, model, substitute }));
        assert_eq!((told.view(), told.is_upstreams()), (plain.view(), true));
        assert_eq!(told.to_string(), format!("{plain} Use `New/Model` in its place."));
    }
}
