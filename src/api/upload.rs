//! Uploads on their way upstream: counted, timed, and a form's model name and other fields seen to as they pass.
//! However large the file, a few KiB of it are held.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

use super::body::BodyLimits;
use super::error::GatewayError;
use super::turn::Gate;
use crate::catalog::ResolvedModel;
use crate::catalog::plan::Candidate;
use crate::upstream::{BodyFailure, RequestBody};
use crate::wire::multipart::FormTap;

/// Which model is called for the one named in a form.
type Choose = Box<dyn Fn(&str) -> Result<Candidate, GatewayError> + Send + Sync>;

/// Notes a field of a form that is not its model.
pub(super) type Note = Box<dyn FnMut(&'static str, &str) -> Result<(), GatewayError> + Send + Sync>;

/// A form, and what is seen to in it.
pub(super) struct Form {
    pub(super) tap: FormTap,
    /// What decides about its model, where it has one.
    pub(super) model: Option<FormModel>,
    pub(super) note: Note,
    /// Whether fields may be left out.
    pub(super) may_shrink: bool,
    /// Why the form was stopped.
    pub(super) refusal: Arc<Mutex<Option<GatewayError>>>,
}

impl Form {
    fn push(&mut self, data: &[u8]) -> Result<Bytes, BodyFailure> {
        let Self { tap, model, note, refusal, .. } = self;
        tap.push(data, &mut |name, value| match model {
            Some(model) if name == "model" => model.decide(value),
            _ => note(name, value).map(|()| None).map_err(|error| {
                *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                BodyFailure::Caller(format!("`{name}` was refused"))
            }),
        })
    }
}

/// What decides about the model named in a form, and where it is noted.
pub(super) struct FormModel {
    pub(super) choose: Choose,
    /// Whether a form in which no model was seen is stopped.
    pub(super) is_guarded: bool,
    /// Whether the name may become another one on the way.
    pub(super) may_rename: bool,
    /// The model that goes upstream, once it has been seen.
    pub(super) seen: Arc<OnceLock<Candidate>>,
    /// Why the form was stopped.
    pub(super) refusal: Arc<Mutex<Option<GatewayError>>>,
    /// Where the form waits for its turn.
    pub(super) gate: Gate,
}

impl FormModel {
    fn decide(&mut self, asked: &str) -> Result<Option<String>, BodyFailure> {
        let candidate = match (self.choose)(asked) {
            Ok(candidate) => candidate,
            Err(error) => {
                *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return Err(BodyFailure::Model(asked.to_owned()));
            }
        };
        // The length that was told upstream would no longer be true: then the name goes as it stands.
        let is_renamed = candidate.model.is_renamed && self.may_rename;
        if candidate.model.is_renamed && !is_renamed && self.is_guarded {
            return Err(BodyFailure::Model(asked.to_owned()));
        }
        let id = if is_renamed { candidate.model.id.clone() } else { asked.to_owned() };
        let model = ResolvedModel { id: id.clone(), is_renamed };
        if self.seen.get_or_init(|| Candidate { model, ..candidate }).model.id != id {
            return Err(BodyFailure::TwoModels);
        }
        self.gate.close();
        Ok(is_renamed.then_some(id))
    }
}

/// A caller's body, streamed.
pub(super) struct Upload {
    incoming: Incoming,
    form: Option<Form>,
    limits: BodyLimits,
    received: u64,
    started: Instant,
    timer: Pin<Box<Sleep>>,
    /// The caller has sent all of it.
    is_received: bool,
    is_over: bool,
    /// The last piece of a form stays here until the form is over, its model was seen and its turn has come: an upstream
    /// that has every byte would run it.
    kept_back: Option<Bytes>,
    /// Since when it waits for its turn.
    held_since: Option<Instant>,
    /// Dropped when everything has been handed over; the clock for the answer starts then.
    _until_sent: oneshot::Sender<()>,
}

impl Upload {
    /// Streams `incoming`; `form` when it is one.
    pub(super) fn body(incoming: Incoming, form: Option<Form>, limits: BodyLimits) -> RequestBody {
        let started = Instant::now();
        let timer = Box::pin(sleep_until(limits.deadline(started, 0)));
        let (until_sent, sent) = oneshot::channel();
        let upload = Self {
            incoming,
            form,
            limits,
            received: 0,
            started,
            timer,
            is_received: false,
            is_over: false,
            kept_back: None,
            held_since: None,
            _until_sent: until_sent,
        };
        RequestBody::Streamed(Box::pin(upload), sent)
    }

    /// The piece before `piece` of a form, else `piece` itself.
    fn release(&mut self, piece: Bytes) -> Bytes {
        match self.form {
            Some(_) if piece.is_empty() => piece,
            Some(_) => self.kept_back.replace(piece).unwrap_or_default(),
            None => piece,
        }
    }

    /// Ready when nothing holds it back. The time until then is not the caller's.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyFailure>> {
        let Some(model) = self.form.as_mut().and_then(|form| form.model.as_mut()) else { return Poll::Ready(Ok(())) };
        match model.gate.poll_open(context) {
            Poll::Pending => {
                self.held_since.get_or_insert_with(Instant::now);
                Poll::Pending
            }
            Poll::Ready(false) => Poll::Ready(Err(BodyFailure::Caller("it was not let in".to_owned()))),
            Poll::Ready(true) => {
                self.started += self.held_since.take().map_or(Duration::ZERO, |since| since.elapsed());
                Poll::Ready(Ok(()))
            }
        }
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<BodyFailure> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            let deadline = self.limits.deadline(self.started, self.received);
            if deadline <= Instant::now() {
                return Poll::Ready(BodyFailure::TooSlow(self.limits.timeout));
            }
            self.timer.as_mut().reset(deadline);
        }
    }

    fn data(&mut self, data: Bytes) -> Result<Bytes, BodyFailure> {
        self.received += data.len() as u64;
        if self.received > self.limits.most_bytes {
            return Err(BodyFailure::TooLarge(self.limits.most_bytes));
        }
        match &mut self.form {
            Some(form) => form.push(&data),
            None => Ok(data),
        }
    }

    /// If no model was seen until now, none will be. It may still name one to a reader more lenient than ours.
    fn received_all(&mut self) -> Result<(), BodyFailure> {
        self.is_received = true;
        let Some(model) = self.form.as_mut().and_then(|form| form.model.as_mut()) else { return Ok(()) };
        if model.is_guarded && model.seen.get().is_none() {
            return Err(BodyFailure::Model(String::new()));
        }
        model.gate.close();
        Ok(())
    }

    fn end(&mut self) -> Option<Result<Frame<Bytes>, BodyFailure>> {
        self.is_over = true;
        let kept = self.kept_back.take().unwrap_or_default();
        let last = self.form.as_mut().map(|form| form.tap.finish()).unwrap_or_default();
        let last = if kept.is_empty() { last } else { Bytes::from([kept, last].concat()) };
        (!last.is_empty()).then(|| Ok(Frame::data(last)))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        while !self.is_over {
            if let Err(failure) = ready!(self.poll_turn(context)) {
                return Poll::Ready(Some(Err(failure)));
            }
            if self.is_received {
                return Poll::Ready(self.end());
            }
            let frame = match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(BodyFailure::Caller(error.to_string())))),
                Poll::Ready(None) => match self.received_all() {
                    Ok(()) => continue,
                    Err(failure) => return Poll::Ready(Some(Err(failure))),
                },
                Poll::Pending => return self.poll_timer(context).map(|failure| Some(Err(failure))),
            };
            let Ok(data) = frame.into_data() else { continue };
            match self.data(data).map(|out| self.release(out)) {
                Ok(out) if out.is_empty() => {}
                Ok(out) => return Poll::Ready(Some(Ok(Frame::data(out)))),
                Err(failure) => return Poll::Ready(Some(Err(failure))),
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || (self.form.is_none() && self.incoming.is_end_stream())
    }

    /// The caller's own length, unless a replaced model name or a field that is left out may change it.
    fn size_hint(&self) -> SizeHint {
        match &self.form {
            Some(form) if form.may_shrink || form.model.as_ref().is_some_and(|model| model.may_rename) => {
                SizeHint::default()
            }
            _ => self.incoming.size_hint(),
        }
    }
}
