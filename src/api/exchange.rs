//! One request on its way: what is known of it, and how it calls the upstream.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use super::admission::Reserved;
use super::answers::{self, Answered, Expected};
use super::body::BodyLimits;
use super::choice;
use super::error::GatewayError;
use super::files;
use super::headers;
use super::patience::KeepAlive;
use super::route::Route;
use super::shape::Shape;
use super::snapshot::Snapshot;
use super::target::Target;
use super::transcripts;
use super::turn::{Gate, Turn, turn};
use super::upload::{Form, FormModel, Note, Upload};
use crate::bridge::Back;
use crate::catalog::plan::{Candidate, Right};
use crate::catalog::policy::Policy;
use crate::catalog::{ResolvedModel, quirks};
use crate::ledger::Id;
use crate::ledger::price::Price;
use crate::quota::Reservation;
use crate::quota::ask::Ask;
use crate::relay::settle::Settlement;
use crate::tenant::Tenant;
use crate::upstream::{Answer, Call, KeyLease, RequestBody};
use crate::wire::multipart::{FormTap, Way};

/// Fields of a form, and what becomes of them.
type Fields = &'static [(&'static str, Way)];

/// One request on its way.
pub(super) struct Exchange {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) target: Target,
    pub(super) tenant: Arc<Tenant>,
    pub(super) settlement: Settlement,
    /// Where links to pictures begin, without a slash at the end; empty where none are made.
    pub(super) origin: String,
    /// The boundary of its body, where that is a form.
    pub(super) boundary: Option<String>,
    /// The caller's `accept-encoding`.
    pub(super) accept_encoding: Option<HeaderValue>,
    pub(super) method: Method,
    pub(super) upstream_headers: HeaderMap,
    /// How long it may stand in line.
    pub(super) patience: Duration,
    /// Its wish for signs of life until then.
    pub(super) keep_alive: Option<KeepAlive>,
    /// The policy that the caller wants.
    pub(super) policy: Option<Policy>,
    /// Until when it stands in line; then other models are weighed once more.
    pub(super) weigh_at: Option<Instant>,
    /// By which right its model is called.
    pub(super) right: Right,
    /// What its translation has changed, by name.
    pub(super) edits: Vec<&'static str>,
    /// The way of its answer back into the caller's protocol, where that is not the endpoint's own.
    pub(super) back: Option<Box<dyn Back>>,
    /// The shape of its answer, where that is not the upstream's own.
    pub(super) shape: Option<Shape>,
}

impl Exchange {
    /// Which model a name stands for, if the key may use it.
    pub(super) fn resolve(&self, asked: &str) -> Result<ResolvedModel, GatewayError> {
        let model = self.snapshot.aliases.resolve(asked);
        if !asked.is_empty() && !self.tenant.may_use(asked) && !self.tenant.may_use(&model.id) {
            return Err(GatewayError::Model(asked.to_owned()));
        }
        self.snapshot.check_known(asked, &model.id, &self.tenant)?;
        Ok(model)
    }

    /// The caller waits for a stream: it gets signs of life from now on, if it asked for them.
    pub(super) fn begin_keep_alive(&mut self) -> Result<(), GatewayError> {
        let Some(keep_alive) = self.keep_alive.take() else { return Ok(()) };
        self.settlement.head_sent = Some(keep_alive.begin()?);
        Ok(())
    }

    /// Which model is called, by which right, and what it costs.
    pub(super) fn calls(&mut self, model: String, right: Right, price: Option<Arc<Price>>) {
        self.settlement.model = match &self.settlement.entry {
            // Most callers write the model's own name: one text says both.
            Some(entry) if *entry.asked == *model => entry.asked.clone(),
            _ => model.into(),
        };
        if let Some(entry) = &mut self.settlement.entry {
            (entry.right, entry.price) = (right.label(), price);
        }
        self.right = right;
    }

    /// Steps 6 to 9: admit, choose key, send, wait for the head of the answer.
    pub(super) async fn call(&mut self, body: RequestBody, ask: Option<&Ask>) -> Result<Answer, GatewayError> {
        let path = self.target.path.clone();
        let reserved = self.call_reserved(self.method.clone(), &path, body, ask).await?;
        Ok(self.take(reserved))
    }

    /// Keeps what the settlement needs of a call.
    fn take(&mut self, reserved: Reserved) -> Answer {
        if !self.settlement.model.is_empty() {
            self.settlement.chosen(self.right.label());
        }
        self.settlement.reservation = reserved.reservation;
        self.settlement.paid = reserved.paid.or(self.settlement.paid.take());
        self.settlement.waited += reserved.waited;
        self.note(&reserved.answer);
        let mut answer = reserved.answer;
        self.settlement.trace.keep(std::mem::take(&mut answer.trace));
        answer
    }

    /// Steps 7 to 9, once.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: RequestBody,
        lease: Option<KeyLease>,
        reservation: Option<&Reservation>,
    ) -> Result<Answer, GatewayError> {
        let settings = &self.snapshot.settings;
        let call = Call {
            method,
            path,
            headers: &self.upstream_headers,
            model: &self.settlement.model,
            lease,
            reservation,
            first_byte_timeout: settings.first_byte_timeout.min(settings.total_timeout),
            retries: settings.retries,
            trace: &self.settlement.trace,
        };
        Ok(self.snapshot.upstream.call(&call, body).await?)
    }

    /// Keeps what the settlement needs of an answer's head.
    pub(super) fn note(&mut self, answer: &Answer) {
        self.settlement.attempts += answer.attempts;
        let trace = answer.response.headers().get(headers::TRACE_ID).and_then(headers::text);
        self.settlement.trace_id = trace.map(Id::from);
    }

    /// A body that is streamed upstream.
    pub(super) async fn upload(
        &mut self,
        body: &mut Option<Incoming>,
        boundary: Option<&str>,
    ) -> Result<Answered, GatewayError> {
        let limits = self.upload_limits();
        body.as_ref().map_or(Ok(()), |body| limits.check_declared(body))?;
        let seen = Arc::new(OnceLock::new());
        let Some(body) = body.take().filter(|body| !body.is_end_stream()) else {
            let answer = self.call(RequestBody::Full(Bytes::new()), None).await?;
            return answers::read(self, answer, Expected::default()).await;
        };
        let Some(boundary) = boundary else {
            let answer = self.call(Upload::body(body, None, limits), None).await?;
            return answers::read(self, answer, Expected::default()).await;
        };
        let refusal = Arc::new(Mutex::new(None));
        let (fields, may_shrink, note) = self.form_fields();
        let tap = FormTap::new(boundary, fields);
        let form = Form { tap, model: None, note, may_shrink, refusal: refusal.clone() };
        let answered = if self.target.route == Route::Files {
            self.form_without_model(Upload::body(body, Some(form), limits)).await
        } else {
            let (gate, turn) = turn();
            let form = Form { model: Some(self.form_model(seen.clone(), refusal.clone(), gate)), ..form };
            self.form(Upload::body(body, Some(form), limits), turn, &seen).await
        };
        // What stopped the form says more than that it stopped.
        answered.map_err(|error| refusal.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(error))
    }

    /// The fields of a form that are seen to, whether some are left out, and what takes note of them.
    fn form_fields(&mut self) -> (Fields, bool, Note) {
        if let Some(Shape::Files(files::Asked::Upload(notes))) = &self.shape {
            let notes = notes.clone();
            let note = move |name: &'static str, value: &str| Ok(files::note(name, value, &notes)?);
            return (files::FIELDS, false, Box::new(note));
        }
        if self.target.route != Route::Transcriptions {
            return (&[("model", Way::Through)], false, Box::new(|_, _| Ok(())));
        }
        let asked = Arc::new(Mutex::new(transcripts::Asked::default()));
        self.shape = Some(Shape::Transcript(asked.clone()));
        let note = move |name: &'static str, value: &str| {
            let noted = asked.lock().unwrap_or_else(PoisonError::into_inner).note(name, value);
            noted.map_err(GatewayError::Bridge)
        };
        (transcripts::FIELDS, true, Box::new(note))
    }

    /// What decides about the model in a form, as it passes.
    fn form_model(
        &self,
        seen: Arc<OnceLock<Candidate>>,
        refusal: Arc<Mutex<Option<GatewayError>>>,
        gate: Gate,
    ) -> FormModel {
        let (snapshot, tenant) = (self.snapshot.clone(), self.tenant.clone());
        let (policy, route) = (self.policy, self.target.route);
        let operators = tenant.policy.policy.unwrap_or(snapshot.policy.policy);
        let has_policy = operators != Policy::Exact || policy.is_some();
        FormModel {
            is_guarded: tenant.is_limited_to_models()
                || snapshot.policy.forbids_paid(tenant.policy)
                || self.is_budgeted(Right::Name),
            may_rename: has_policy || !snapshot.aliases.is_empty(),
            choose: Box::new(move |asked| choice::of_form(&snapshot, &tenant, policy, route, asked)),
            seen,
            refusal,
            gate,
        }
    }

    /// A form that runs nothing.
    async fn form_without_model(&mut self, body: RequestBody) -> Result<Answered, GatewayError> {
        let answer = self.call(body, None).await?;
        answers::read(self, answer, Expected::default()).await
    }

    /// A form, whose model is known when its turn comes.
    async fn form(
        &mut self,
        body: RequestBody,
        turn: Turn,
        seen: &OnceLock<Candidate>,
    ) -> Result<Answered, GatewayError> {
        let called = self.call_at_turn(body, turn, seen).await;
        let mut expected = Expected::default();
        if let Some(Candidate { model, right, facts, .. }) = seen.get() {
            expected.edits.extend(model.is_renamed.then_some("model"));
            self.calls(model.id.clone(), *right, facts.price.clone());
        }
        let answer = self.take(called?);
        answers::read(self, answer, expected).await
    }

    fn upload_limits(&self) -> BodyLimits {
        let settings = &self.snapshot.settings;
        // A form is a little larger than the file in it.
        const FORM_MARGIN: u64 = 64 * 1024;
        let most_bytes = match self.target.route {
            Route::Transcriptions => quirks::MAX_AUDIO_BYTES + FORM_MARGIN,
            _ => settings.most_upload_bytes,
        };
        BodyLimits { most_bytes, timeout: settings.body.timeout }
    }
}
