//! Callers who asked for signs of life while they wait, for their turn or for a first token, so that neither they nor a
//! proxy in between gives up: comments, which every client skips (clients.md A4), or the events that Anthropic has for it.
//!
//! The head goes out when the wait has lasted for one interval, and the request goes on inside its answer's body, where
//! the caller's connection polls it. Nothing is spawned: whoever leaves takes the request along.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

use super::error::GatewayError;
use super::face::Face;
use super::headers;
use super::serve::with_request_id;
use crate::relay::body::RelayBody;
use crate::relay::waiting::Waiting;

/// Intervals that may be asked for (ours): shorter ones cost more than they help, and proxies give up after a minute.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A line of a stream of events that every client skips.
const COMMENT: &[u8] = b": waiting\n\n";
/// Anthropic's own sign of life; its tools know no other.
const PING: &[u8] = b"event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// A request on its way to its answer.
type Work = Pin<Box<dyn Future<Output = Response<RelayBody>> + Send>>;

/// The wish, on its way with the request.
pub(super) struct KeepAlive {
    asked: HeaderValue,
    begin: oneshot::Sender<Duration>,
    head_sent: Arc<AtomicBool>,
}

/// Whoever sends the comments.
pub(super) struct Signs {
    begun: oneshot::Receiver<Duration>,
    head_sent: Arc<AtomicBool>,
    face: Face,
}

/// Both sides of a wish, as its header says it.
pub(super) fn keep_alive(asked: HeaderValue, face: Face) -> (KeepAlive, Signs) {
    let (begin, begun) = oneshot::channel();
    let head_sent = Arc::new(AtomicBool::new(false));
    (KeepAlive { asked, begin, head_sent: head_sent.clone() }, Signs { begun, head_sent, face })
}

impl KeepAlive {
    /// The answer will be a stream of events: the caller may have comments in it from now on. Returns where it is noted
    /// whether its head has gone out.
    ///
    /// # Errors
    /// [`GatewayError::KeepAlive`] when the interval cannot be read, or is none that may be asked for.
    pub(super) fn begin(self) -> Result<Arc<AtomicBool>, GatewayError> {
        let interval = headers::duration(&self.asked).filter(|interval| (SHORTEST..=LONGEST).contains(interval));
        let _nobody_listens = self.begin.send(interval.ok_or(GatewayError::KeepAlive)?);
        Ok(self.head_sent)
    }
}

impl Signs {
    /// The answer of the request `id` that `work` is about: its own, or one that begins with comments.
    pub(super) async fn answer(self, mut work: Work, id: &str) -> Response<RelayBody> {
        let waited = async {
            let Ok(interval) = self.begun.await else { return std::future::pending().await };
            tokio::time::sleep(interval).await;
            interval
        };
        let interval = tokio::select! {
            biased;
            response = &mut work => return response,
            interval = waited => interval,
        };
        self.head_sent.store(true, Ordering::Relaxed);
        let face = self.face;
        let coming = Box::pin(async move { coming(work.await, face).await });
        let sign = if face == Face::Anthropic { PING } else { COMMENT };
        with_request_id(head(RelayBody::Waiting(Box::new(Waiting::new(coming, interval, sign)))), id, face)
    }
}

fn head(body: RelayBody) -> Response<RelayBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// What comes after the signs: a stream as it is; anything else is one event, and an error if it is one.
async fn coming(response: Response<RelayBody>, face: Face) -> Result<RelayBody, Bytes> {
    if headers::is_event_stream(response.headers()) {
        return Ok(response.into_body());
    }
    let is_good = response.status().is_success();
    let whole = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let name: &[u8] = if face == Face::Anthropic { b"event: error\ndata: " } else { b"data: " };
    let event = Bytes::from([name, &one_line(&whole), b"\n\n"].concat());
    if is_good { Ok(RelayBody::plain(event)) } else { Err(event) }
}

/// JSON without its line breaks, which would end the line of an event; inside strings there are none.
fn one_line(json: &[u8]) -> Vec<u8> {
    json.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}
