//! A body relayed from the upstream, frame by frame, through its tap and under its limits of time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::broken::{ErrorEvent, RelayError, Told};
use super::chat_stream::{ChatStream, StreamFault};
use super::cut::Cut;
use super::gathered::{Gathered, MOST_JOINED};
use super::settle::{Outcome, Settlement};
use super::speech_stream::SpeechStream;
use super::usage::{Certainty, Usage};
use super::usage_tap::UsageTap;

/// Once `[DONE]` has passed, the upstream has this long to end its stream properly (ours).
const GRACE_AFTER_DONE: Duration = Duration::from_millis(500);
/// Time for an error event to leave before the connection is broken off (ours).
pub(super) const GRACE_AFTER_ERROR: Duration = Duration::from_millis(20);

/// What watches or edits the frames.
#[derive(Debug)]
pub enum Tap {
    /// Streamed chat or completions: edited, and translated where the caller speaks another protocol, see [`ChatStream`].
    Chat(Box<ChatStream>),
    /// Other event streams: passed, searched for usage.
    Events(Box<UsageTap>),
    /// Sound that goes as events.
    Speech(Box<SpeechStream>),
    /// Anything else: passed unseen.
    Opaque,
}

/// Limits on a relayed body.
#[derive(Debug, Clone, Copy)]
pub struct RelayLimits {
    /// Longest silence between two frames.
    pub idle: Duration,
    /// When the whole answer must be over.
    pub deadline: Instant,
}

/// A body relayed from the upstream.
#[derive(Debug)]
pub struct Relayed {
    upstream: Incoming,
    tap: Tap,
    settlement: Option<Settlement>,
    limits: RelayLimits,
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    error_event: Option<ErrorEvent>,
    gathered: Gathered,
    cut: Option<Cut>,
    state: State,
    /// Whether nobody reads it any more but for its usage.
    has_left: bool,
}

#[derive(Debug)]
enum State {
    Flowing,
    /// The error event is out; the connection breaks when the timer is over.
    Failing(RelayError),
    Ended,
}

impl Relayed {
    /// Relays `upstream` through `tap`. With `error_event`, a failure in the middle is told in the
    /// stream before it ends uncleanly.
    pub fn new(
        upstream: Incoming,
        tap: Tap,
        settlement: Settlement,
        limits: RelayLimits,
        error_event: Option<ErrorEvent>,
    ) -> Self {
        Self {
            upstream,
            tap,
            settlement: Some(settlement),
            limits,
            waiting_since: None,
            timer: None,
            error_event,
            gathered: Gathered::default(),
            cut: None,
            state: State::Flowing,
            has_left: false,
        }
    }

    /// Sends `first`, which has been through the tap already, before anything else.
    #[must_use]
    pub fn with_first(mut self, first: Bytes) -> Self {
        self.gathered.push(first);
        self
    }

    /// Ends with [`RelayError::Revoked`] when `cut` says so.
    #[must_use]
    pub fn with_cut(mut self, cut: Cut) -> Self {
        self.cut = Some(cut);
        self
    }

    /// The next piece for the caller.
    pub(super) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        match self.state {
            State::Flowing => self.poll_flowing(context),
            State::Failing(_) => self.poll_failing(context),
            State::Ended => Poll::Ready(None),
        }
    }

    /// Whether nothing more will come.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Whether more is to come that tells what it used.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.state, State::Flowing) && self.settlement.is_some()
    }

    /// Its caller has left: it is read on for its usage alone.
    pub(super) fn has_left(&mut self) {
        self.has_left = true;
    }

    /// The upstream's own length where every byte passes.
    pub(super) fn size_hint(&self) -> SizeHint {
        if matches!(self.tap, Tap::Opaque) { self.upstream.size_hint() } else { SizeHint::default() }
    }

    fn poll_flowing(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        if let Some(fault) = self.fault() {
            return self.failed(RelayError::Stream(fault));
        }
        if self.cut.as_mut().is_some_and(|cut| cut.is_due(context)) {
            return self.failed(RelayError::Revoked);
        }
        while self.gathered.len() < MOST_JOINED {
            match Pin::new(&mut self.upstream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.waiting_since = None;
                    if let Some(fault) = self.gather(frame) {
                        return self.failed(RelayError::Stream(fault));
                    }
                }
                Poll::Ready(Some(Err(error))) => return self.failed(RelayError::Broken(reason(&error))),
                Poll::Ready(None) => return self.ended(),
                Poll::Pending if self.gathered.len() > 0 => break,
                Poll::Pending => match ready!(self.poll_limits(context)) {
                    Some(error) => return self.failed(error),
                    None => return self.ended(),
                },
            }
        }
        if let Some(settlement) = &mut self.settlement {
            settlement.first_byte();
            if let Tap::Chat(chat) = &self.tap
                && let Err(exceeded) = settlement.progress(chat.usage(false).tokens.output)
            {
                return self.failed(RelayError::Budget(Box::new(exceeded)));
            }
        }
        if self.has_its_end() {
            self.settle(Outcome::Complete);
        }
        Poll::Ready(Some(Ok(Frame::data(self.gathered.take()))))
    }

    /// Whether what was gathered is what a caller takes for the end: what it used is written down before it goes.
    fn has_its_end(&self) -> bool {
        match &self.tap {
            Tap::Chat(chat) => chat.is_done(),
            Tap::Events(_) | Tap::Speech(_) => false,
            Tap::Opaque => self.upstream.is_end_stream(),
        }
    }

    /// One frame of the upstream through the tap; what is wrong with the stream, if something is.
    fn gather(&mut self, frame: Frame<Bytes>) -> Option<StreamFault> {
        let data = frame.into_data().ok()?;
        let out = match &mut self.tap {
            Tap::Chat(chat) => chat.push(data),
            Tap::Events(tap) => {
                tap.look(&data);
                data
            }
            Tap::Speech(speech) => speech.push(&data),
            Tap::Opaque => data,
        };
        if !out.is_empty() {
            self.gathered.push(out);
        }
        self.fault()
    }

    fn fault(&self) -> Option<StreamFault> {
        match &self.tap {
            Tap::Chat(chat) => chat.fault().cloned(),
            Tap::Events(_) | Tap::Speech(_) | Tap::Opaque => None,
        }
    }

    /// Ready when a limit has passed: with the error, or without one when the answer was complete
    /// and only the upstream's own end was missing. One timer serves for the whole body: it is set
    /// once and set again only when it fires early.
    fn poll_limits(&mut self, context: &mut Context<'_>) -> Poll<Option<RelayError>> {
        let now = Instant::now();
        let since = *self.waiting_since.get_or_insert(now);
        let is_done = matches!(&self.tap, Tap::Chat(chat) if chat.is_done());
        let idle = if is_done { GRACE_AFTER_DONE.min(self.limits.idle) } else { self.limits.idle };
        let due = (since + idle).min(self.limits.deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        while timer.as_mut().poll(context).is_ready() {
            if is_done && now >= due {
                return Poll::Ready(None);
            }
            if now >= self.limits.deadline {
                return Poll::Ready(Some(RelayError::Total));
            }
            if now >= since + idle {
                return Poll::Ready(Some(RelayError::Idle(idle)));
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }

    /// The upstream's body is over.
    fn ended(&mut self) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let last = match &mut self.tap {
            Tap::Chat(chat) => chat.finish(),
            Tap::Speech(speech) => speech.finish(),
            Tap::Events(_) | Tap::Opaque => Bytes::new(),
        };
        self.gathered.push(last);
        if let Some(fault) = self.fault() {
            return self.failed(RelayError::Stream(fault));
        }
        self.settle(Outcome::Complete);
        self.state = State::Ended;
        let last = self.gathered.take();
        Poll::Ready((!last.is_empty()).then(|| Ok(Frame::data(last))))
    }

    /// The answer cannot be completed: tell the caller in the stream if it is one, then break off.
    /// After `[DONE]` nothing is lost and nothing is told.
    fn failed(&mut self, error: RelayError) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let good = self.gathered.take();
        if matches!(&self.tap, Tap::Chat(chat) if chat.is_done()) {
            self.settle(Outcome::Complete);
            self.state = State::Ended;
            return Poll::Ready((!good.is_empty()).then(|| Ok(Frame::data(good))));
        }
        if let Some(settlement) = self.settlement.as_ref().filter(|_| error.is_upstreams()) {
            settlement.upstream_error(error.label());
        }
        if let Some(settlement) = &mut self.settlement {
            settlement.error = Some(error.label());
        }
        self.settle(Outcome::Broken);
        let event = self.error_event.take().map(|event| self.told(&event.of(&error))).unwrap_or_default();
        self.timer = None;
        self.state = State::Failing(error);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from([good, event].concat())))))
    }

    /// The last event of a stream that broke off, in its caller's protocol.
    fn told(&mut self, told: &Told) -> Bytes {
        let own = if let Tap::Chat(chat) = &mut self.tap { chat.failed(&told.failure()) } else { None };
        own.unwrap_or_else(|| told.event.clone())
    }

    fn poll_failing(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + GRACE_AFTER_ERROR)));
        ready!(timer.as_mut().poll(context));
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Failing(error) => Poll::Ready(Some(Err(error))),
            State::Flowing | State::Ended => Poll::Ready(None),
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        if let Some(mut settlement) = self.settlement.take() {
            settlement.usage = self.usage(settlement.usage, outcome == Outcome::Complete);
            settlement.outcome = if self.has_left { settlement.drained() } else { outcome };
        }
    }

    fn usage(&self, known: Usage, is_complete: bool) -> Usage {
        let certainty = if is_complete { Certainty::Exact } else { Certainty::AtLeast };
        match &self.tap {
            Tap::Chat(chat) => chat.usage(is_complete),
            Tap::Events(tap) => tap.tokens().map_or(known, |tokens| Usage { tokens, certainty, ..known }),
            Tap::Speech(_) | Tap::Opaque => known,
        }
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.settle(Outcome::CallerGone);
    }
}

/// The innermost cause of a transport error: it says what happened, the layers above only where.
pub(super) fn reason(error: &hyper::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
