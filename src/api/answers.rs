//! From the upstream's answer to ours: refusals become errors, streams are relayed, whole JSON
//! answers are read and put right.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::error::{self, GatewayError, Withdrawn};
use super::exchange::Exchange;
use super::face::Face;
use super::headers;
use super::ratelimit;
use super::route::Route;
use crate::media::Pieces;
use crate::quota::view::Left;
use crate::relay::answer::{self, AnswerFault};
use crate::relay::body::RelayBody;
use crate::relay::broken::RelayError;
use crate::relay::chat_stream::StreamFault;
use crate::relay::collect::{Beginning, beginning, collect};
use crate::relay::cut::Cut;
use crate::relay::entry::Ending;
use crate::relay::leaving::Leaving;
use crate::relay::made::Made;
use crate::relay::relayed::{RelayLimits, Relayed, Tap};
use crate::relay::settle::Settlement;
use crate::relay::usage::{Certainty, Usage};
use crate::tenant::OnLeave;
use crate::upstream::refusal::{Cause, Refusal};
use crate::upstream::{Answer, KeyLease};
use crate::wire::json::Object;

/// A whole answer beyond this is none (bytes; ours: the largest real ones, 64 embeddings of 4,096
/// numbers, are about 3 MB).
pub(super) const MOST_WHOLE: usize = 32 * 1024 * 1024;

/// What the request has asked for.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// A stream.
    pub(super) is_streaming: bool,
    /// Usage in the stream.
    pub(super) is_usage_asked: bool,
    /// Edits made to the request.
    pub(super) edits: Vec<&'static str>,
}

/// An answer ready to go, but for the headers that all have.
pub(super) struct Answered {
    status: StatusCode,
    lease: Option<KeyLease>,
    pub(super) headers: HeaderMap,
    pub(super) edits: Vec<&'static str>,
    pub(super) content: Content,
}

/// What goes to the caller.
pub(super) enum Content {
    Whole(Bytes, Usage),
    Relayed(Incoming, Tap, Bytes),
    Made(Pieces, Usage),
}

impl Answered {
    /// An answer that the gateway makes of what it keeps.
    pub(super) fn made(
        status: StatusCode,
        headers: HeaderMap,
        pieces: Pieces,
        usage: Usage,
        edits: Vec<&'static str>,
    ) -> Self {
        Self { status, lease: None, headers, edits, content: Content::Made(pieces, usage) }
    }

    /// A whole JSON answer made by the gateway.
    pub(super) fn json(headers: HeaderMap, bytes: Bytes, usage: Usage, edits: Vec<&'static str>) -> Self {
        let mut answered =
            Self { status: StatusCode::OK, lease: None, headers, edits, content: Content::Whole(bytes, usage) };
        answered.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answered
    }
}

/// Reads an answer as far as it must be read before its head can be passed on.
pub(super) async fn read(
    exchange: &mut Exchange,
    answer: Answer,
    expected: Expected,
) -> Result<Answered, GatewayError> {
    let answer = accepted(exchange, answer).await?;
    let lease = answer.lease;
    let (parts, body) = answer.response.into_parts();
    let route = exchange.target.route;
    let is_limited = exchange.settlement.reservation.is_some();
    let mut headers = if is_limited { ratelimit::begun() } else { HeaderMap::with_capacity(headers::ROOM) };
    headers::pass_answer(&parts.headers, &mut headers);
    let mut answered = Answered {
        status: parts.status,
        lease: Some(lease.clone()),
        headers,
        edits: expected.edits,
        content: Content::Whole(Bytes::new(), Usage::default()),
    };
    if let Some(encoding) = parts.headers.get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        let encoding = headers::text(encoding).unwrap_or("?");
        let is_read = |accepted| headers::accepts(accepted, encoding);
        // A stream that arrives whole and compressed would look like an empty one.
        if expected.is_streaming || !exchange.accept_encoding.as_ref().is_some_and(is_read) {
            return Err(AnswerFault::Compressed(encoding.to_owned()).into());
        }
        answered.content = Content::Relayed(body, Tap::Opaque, Bytes::new());
    } else if headers::is_event_stream(&parts.headers) {
        if route.is_chat() && !expected.is_streaming {
            return Err(AnswerFault::NotJson.into());
        }
        answered.stream(exchange, &lease, body, expected.is_usage_asked).await?;
    } else if let Some(shape) = exchange.shape.take() {
        Box::pin(answered.shaped(exchange, &lease, &parts.headers, body, shape)).await?;
    } else if !route.answers_json() || is_plain_transcript(route, &parts.headers) {
        answered.content = Content::Relayed(body, Tap::Opaque, Bytes::new());
    } else {
        let read = whole(exchange, &lease, body).await?;
        let is_restreamed = route.is_chat() && expected.is_streaming;
        answered.whole(exchange, read, is_restreamed, expected.is_usage_asked)?;
    }
    Ok(answered)
}

/// Refuses an answer that is compressed although nobody asked for that.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), AnswerFault> {
    let encoding = headers.get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity");
    let Some(encoding) = encoding else { return Ok(()) };
    Err(AnswerFault::Compressed(headers::text(encoding).unwrap_or("?").to_owned()))
}

/// Reads the whole of a JSON answer and puts it right.
pub(super) async fn whole(
    exchange: &Exchange,
    lease: &KeyLease,
    body: Incoming,
) -> Result<answer::Answer, GatewayError> {
    let bytes = collect(body, MOST_WHOLE, relay_limits(exchange)).await?;
    let bytes = bytes.ok_or(AnswerFault::TooLong(MOST_WHOLE))?;
    answer::read(bytes, exchange.target.route.is_chat()).map_err(|fault| match fault {
        AnswerFault::Refused(body) => {
            let refusal = Refusal::read(200, &lease.account().mask(&body));
            GatewayError::Refused(refusal, exchange.settlement.model.to_string())
        }
        other => other.into(),
    })
}

/// The answer, unless it is a refusal or a redirect.
pub(super) async fn accepted(exchange: &Exchange, answer: Answer) -> Result<Answer, GatewayError> {
    let status = answer.response.status();
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return Err(GatewayError::Redirect(status.as_u16()));
    }
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(answer);
    }
    Err(GatewayError::Refused(refusal(exchange, answer).await, exchange.settlement.model.to_string()))
}

/// What the upstream meant by an answer that is none.
pub(super) async fn refusal(exchange: &Exchange, answer: Answer) -> Refusal {
    let status = answer.response.status();
    let lease = answer.lease.clone();
    let retry_after = answer.response.headers().get(header::RETRY_AFTER).cloned();
    let trace_id = answer.response.headers().get(headers::TRACE_ID).and_then(headers::text).map(str::to_owned);
    let is_readable = !answer.response.headers().contains_key(header::CONTENT_ENCODING);
    let body = answer.read_refusal(exchange.snapshot.settings.idle_timeout).await;
    let text = if is_readable { lease.account().mask(&body) } else { Cow::Borrowed(&b""[..]) };
    let refusal = Refusal::read(status.as_u16(), &text);
    let refusal = refusal.with_retry_after(retry_after.as_ref().and_then(headers::text), SystemTime::now());
    Refusal { trace_id, ..refusal }
}

impl Answered {
    async fn stream(
        &mut self,
        exchange: &Exchange,
        lease: &KeyLease,
        mut body: Incoming,
        is_usage_asked: bool,
    ) -> Result<(), GatewayError> {
        self.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        self.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        if !exchange.target.route.is_chat() {
            self.content = Content::Relayed(body, Tap::Events(Box::default()), Bytes::new());
            return Ok(());
        }
        self.edits.extend(exchange.back.is_none().then_some("usage-once"));
        let mut chat = Box::new(exchange.chat_stream(is_usage_asked));
        let beginning = beginning(&mut body, &mut chat, relay_limits(exchange)).await;
        self.content = match beginning.map_err(|error| broken(exchange, lease, error))? {
            Beginning::First(first) => Content::Relayed(body, Tap::Chat(chat), first),
            Beginning::All(all) => Content::Whole(all, chat.usage(true)),
        };
        Ok(())
    }

    fn whole(
        &mut self,
        exchange: &Exchange,
        read: answer::Answer,
        is_restreamed: bool,
        is_usage_asked: bool,
    ) -> Result<(), GatewayError> {
        check_transcript(exchange, &read.bytes)?;
        self.edits.extend(read.edits);
        let mut bytes = read.bytes;
        if let Some(events) = is_restreamed.then(|| exchange.restreamed(&bytes, is_usage_asked)).flatten() {
            if !self.edits.contains(&"restreamed-tools") {
                self.edits.push("restreamed");
            }
            self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            self.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            bytes = events;
        } else {
            bytes = exchange.whole_back(bytes)?;
        }
        self.content = Content::Whole(bytes, read.usage);
        Ok(())
    }
}

/// Names what to use in place of a model that was withdrawn, where that is known.
pub(super) fn with_substitute(exchange: &Exchange, error: GatewayError) -> GatewayError {
    match error {
        GatewayError::Refused(refusal, model)
            if matches!(refusal.cause, Cause::ModelUnknown | Cause::ModelDisabled) =>
        {
            match exchange.snapshot.catalogue.substitute(&model).map(|model| model.id.clone()) {
                Some(substitute) => GatewayError::Withdrawn(Box::new(Withdrawn { refusal, model, substitute })),
                None => GatewayError::Refused(refusal, model),
            }
        }
        error => error,
    }
}

/// A stream that broke before anything of it was passed on.
fn broken(exchange: &Exchange, lease: &KeyLease, error: RelayError) -> GatewayError {
    match error {
        RelayError::Stream(StreamFault::Error(text)) => {
            let refusal = Refusal::read(200, &lease.account().mask(text.as_bytes()));
            GatewayError::Refused(refusal, exchange.settlement.model.to_string())
        }
        other => other.into(),
    }
}

/// Transcripts may be asked for as plain text; a page of HTML is none.
pub(super) fn is_plain_transcript(route: Route, headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(headers::text).unwrap_or_default();
    route == Route::Transcriptions && !headers::may_be_json(headers) && !kind.contains("html")
}

/// An empty text right after a 429 of the same model is a refusal in disguise
/// (siliconflow-api.md, section 10).
pub(super) fn check_transcript(exchange: &Exchange, bytes: &[u8]) -> Result<(), GatewayError> {
    if exchange.target.route != Route::Transcriptions {
        return Ok(());
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let is_empty = Object::parse(text).is_ok_and(|answer| answer.string("text").is_some_and(|text| text.is_empty()));
    let models = &exchange.snapshot.upstream.models;
    if is_empty && models.was_throttled(&exchange.settlement.model, Instant::now()) {
        return Err(GatewayError::ThrottledTranscript);
    }
    Ok(())
}

/// The limits on an answer's body.
pub(super) fn relay_limits(exchange: &Exchange) -> RelayLimits {
    let settings = &exchange.snapshot.settings;
    // Time in line is no part of the answer's.
    let begun = exchange.settlement.started() + exchange.settlement.waited;
    RelayLimits { idle: settings.idle_timeout, deadline: begun + settings.total_timeout }
}

/// Step 10: the response, its body carrying the settlement; of a whole one, what must be written before it goes.
pub(super) fn finish(exchange: Exchange, answered: Answered) -> (Response<RelayBody>, Ending) {
    let limits = relay_limits(&exchange);
    let face = exchange.target.face;
    let (tenant, mut settlement) = (exchange.tenant, exchange.settlement);
    settlement.status = answered.status.as_u16();
    let mut headers = answered.headers;
    own_headers(&mut headers, &settlement.model, &answered.edits);
    if let Some(entry) = &mut settlement.entry {
        entry.edits = answered.edits;
    }
    if let Some(budgets) = settlement.paid.as_ref().and_then(|paid| headers::budgets(&paid.hold.view())) {
        headers.insert(headers::BUDGET, budgets);
    }
    let (body, ending) = match answered.content {
        Content::Whole(bytes, usage) => (RelayBody::plain(bytes), end_whole(settlement, &mut headers, usage, face)),
        Content::Made(pieces, usage) => {
            (RelayBody::Made(Made::new(pieces)), end_whole(settlement, &mut headers, usage, face))
        }
        Content::Relayed(body, tap, first) => {
            let left = settlement.reservation.as_ref().map(|reservation| reservation.left(ratelimit::METRICS));
            write_limits(&mut headers, left, &settlement, face);
            let lease = answered.lease.filter(|_| !matches!(tap, Tap::Opaque));
            let event = lease.map(|lease| error::error_event(lease, face));
            let relayed = Relayed::new(body, tap, settlement, limits, event).with_first(first);
            let (is_cut, signal) = tenant.revocation.signal();
            let drainer = (tenant.on_leave == OnLeave::Drain).then(|| exchange.snapshot.drainer.clone());
            let relayed = Leaving::new(relayed.with_cut(Cut::new(is_cut, signal)), drainer);
            (RelayBody::Relayed(relayed), Ending::default())
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = answered.status;
    *response.headers_mut() = headers;
    (response, ending)
}

/// What is `left` for the key and the model of a request that stood before limits, and how long it waited for them.
fn write_limits(headers: &mut HeaderMap, left: Option<[Option<Left>; 2]>, settlement: &Settlement, face: Face) {
    let Some(left) = left else { return };
    ratelimit::write(headers, left, Some(settlement.waited_millis()), face);
}

/// Everything is known of the answer: it says what it has cost and what it has left, and is settled; what is returned must be
/// written before its head goes out.
fn end_whole(mut settlement: Settlement, headers: &mut HeaderMap, usage: Usage, face: Face) -> Ending {
    let is_exact = usage.certainty == Certainty::Exact;
    let cost = settlement.entry.as_ref().filter(|_| is_exact).and_then(|entry| entry.cost(&usage));
    headers.extend(cost.and_then(headers::cost).map(|cost| (headers::COST, cost)));
    settlement.usage = usage;
    let left = settlement.settle_quota(ratelimit::METRICS);
    write_limits(headers, left, &settlement, face);
    settlement.end()
}

pub(super) fn own_headers(headers: &mut HeaderMap, model: &str, edits: &[&'static str]) {
    if !model.is_empty()
        && let Ok(value) = HeaderValue::from_str(model)
    {
        headers.insert(headers::MODEL, value);
    }
    if !edits.is_empty()
        && let Ok(value) = HeaderValue::from_str(&edits.join(", "))
    {
        headers.insert(headers::EDITS, value);
    }
}
