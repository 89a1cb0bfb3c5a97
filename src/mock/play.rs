//! Sending an answer piece by piece at the speed the settings say, with whatever fault bends it, and billing what was
//! sent even when the caller leaves. It must not know what the pieces mean.

use super::billing::Bill;
use super::call::Call;
use super::emulator::{Live, Ticket};
use super::fault::stream::bend;
use super::wire::{Hijack, Script};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;

/// One write of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    /// All there is to bill once this frame is out, when that changes with it.
    pub(super) bill: Option<Bill>,
    /// Waits one token's time before it goes.
    pub(super) paced: bool,
}

impl Frame {
    pub(super) fn plain(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }

    /// One server-sent event that carries JSON.
    pub(super) fn event(value: &Value) -> Self {
        Self::plain(format!("data: {value}\n\n"))
    }

    pub(super) fn billed(self, bill: Bill) -> Self {
        Self { bill: Some(bill), paced: true, ..self }
    }
}

/// What a player does next.
#[derive(Debug)]
pub(super) enum Step {
    Send(Frame),
    Wait(Duration),
    /// Nothing more, with the connection left open.
    Stall,
    /// The same bytes again and again.
    Forever(Bytes),
    /// The connection is taken from HTTP.
    Break(Script),
}

/// Answers with server-sent events.
pub(super) async fn events(call: &Call, frames: Vec<Frame>, ticket: Ticket) -> Response {
    call.take_time(0).await;
    respond(call, "text/event-stream", frames, ticket)
}

/// Answers with one JSON document; with a fault in two halves, so that there is a middle to break at.
pub(super) fn document(call: &Call, value: &Value, ticket: Ticket) -> Response {
    let text = Bytes::from(value.to_string());
    const KIND: &str = "application/json; charset=utf-8";
    if call.fault.is_none() {
        return with_kind(KIND, Body::from(text));
    }
    let middle = text.len() / 2;
    let halves = vec![Frame::plain(text.slice(..middle)), Frame::plain(text.slice(middle..))];
    respond(call, KIND, halves, ticket)
}

/// Answers with bytes in pieces.
pub(super) fn respond(call: &Call, kind: &'static str, frames: Vec<Frame>, ticket: Ticket) -> Response {
    let player = Player {
        steps: bend(call.fault.as_ref(), frames).into_iter(),
        again: None,
        held: Some((ticket, Live::open(&call.emulator))),
        hijack: call.hijack.clone(),
        interval: call.emulator.settings.token_interval,
    };
    let mut response = with_kind(kind, Body::from_stream(stream::unfold(player, Player::next)));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A 200 of that content type.
pub(super) fn with_kind(kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

struct Player {
    steps: std::vec::IntoIter<Step>,
    again: Option<Bytes>,
    /// Until the last frame: a caller that has seen the end finds it billed.
    held: Option<(Ticket, Live)>,
    hijack: Hijack,
    interval: Duration,
}

impl Player {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        loop {
            if let Some(bytes) = self.again.clone() {
                tokio::task::yield_now().await;
                return Some((Ok(bytes), self));
            }
            match self.steps.next()? {
                Step::Send(frame) => return Some((Ok(self.send(frame).await), self)),
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Stall => std::future::pending().await,
                Step::Forever(bytes) => self.again = Some(bytes),
                Step::Break(script) => self.leave_to(script).await,
            }
        }
    }

    /// Yielding lets hyper flush, so that each frame is a write of its own.
    async fn send(&mut self, frame: Frame) -> Bytes {
        if frame.paced && !self.interval.is_zero() {
            tokio::time::sleep(self.interval).await;
        } else {
            tokio::task::yield_now().await;
        }
        if let (Some((ticket, _)), Some(bill)) = (&mut self.held, frame.bill) {
            ticket.bill = bill;
        }
        if self.steps.len() == 0 {
            self.held = None;
        }
        frame.bytes
    }

    /// A moment for hyper to flush what was sent before the socket changes hands.
    async fn leave_to(&self, script: Script) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let never = self.hijack.run(script).await;
        match never {}
    }
}
