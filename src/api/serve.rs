//! One request from its head to its answer.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Request, Response, header, request};
use hyper::body::{Body, Incoming};
use tokio::time::Instant;
use tracing::error;

use super::answers;
use super::body::Room;
use super::error::GatewayError;
use super::exchange::Exchange;
use super::face::Face;
use super::headers;
use super::patience::{self, KeepAlive};
use super::route::Route;
use super::snapshot::Snapshot;
use super::target::Target;
use super::{media, ratelimit, request_id};
use crate::ledger::Id;
use crate::relay::body::RelayBody;
use crate::relay::broken::RelayError;
use crate::relay::settle::{Outcome, Settlement};
use crate::relay::usage::Usage;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::{RequestTrace, Tracer};
use crate::tenant::throttle::Throttle;
use crate::tenant::{Tenant, TenantError};

/// The data plane's one service.
#[derive(Debug)]
pub struct Gateway {
    snapshot: ArcSwap<Snapshot>,
    metrics: Arc<Metrics>,
    pub(super) room: Room,
    throttle: Throttle,
    tracer: Tracer,
}

impl Gateway {
    /// A gateway that serves `snapshot` and tells `tracer` of it; all bodies together may take `room` bytes.
    pub fn new(snapshot: Snapshot, metrics: Arc<Metrics>, room: u64, tracer: Tracer) -> Self {
        let room = Room::new(room, metrics.held_bytes.clone());
        Self { snapshot: ArcSwap::from_pointee(snapshot), metrics, room, throttle: Throttle::default(), tracer }
    }

    /// Requests that begin from now on see `snapshot`; those under way keep theirs.
    pub fn replace(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// What new requests see now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Where it counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Answers one request of `peer`. Never fails: every failure is an error object. Dropping the future
    /// abandons the request, closes its upstream call and settles it.
    pub async fn serve(self: &Arc<Self>, request: Request<Incoming>, peer: IpAddr) -> Response<RelayBody> {
        let id = request_id::fresh();
        let (parts, body) = request.into_parts();
        let mut body = Some(body);
        let Some(asked) = parts.headers.get(headers::KEEP_ALIVE).cloned() else {
            let response = self.serve_guarded(&parts, &mut body, peer, &id, None).await;
            return with_unread(response, body);
        };
        let (keep_alive, signs) = patience::keep_alive(asked, Face::of(parts.uri.path()));
        let (gateway, own_id) = (self.clone(), id.clone());
        let work = async move {
            let response = gateway.serve_guarded(&parts, &mut body, peer, &own_id, Some(keep_alive)).await;
            with_unread(response, body)
        };
        signs.answer(Box::pin(work), &id).await
    }

    async fn serve_guarded(
        &self,
        parts: &request::Parts,
        body: &mut Option<Incoming>,
        peer: IpAddr,
        id: &Id,
        keep_alive: Option<KeepAlive>,
    ) -> Response<RelayBody> {
        let face = Face::of(parts.uri.path());
        // Pinned where it is: it is large, and would be moved into its guard.
        let served = pin!(self.serve_unguarded(parts, body, peer, id, keep_alive));
        match AssertUnwindSafe(served).catch_unwind().await {
            Ok(response) => response,
            Err(_panic) => {
                self.metrics.panics.inc();
                error!("a request panicked; this is a mistake of the gateway, please report it");
                with_request_id(GatewayError::Panic.response(face, id), id, face)
            }
        }
    }

    /// Refuses a request for `path` before looking at it.
    pub fn refuse(&self, error: &GatewayError, path: &str) -> Response<RelayBody> {
        self.metrics.refused(error.view().label);
        let id = request_id::fresh();
        let face = Face::of(path);
        with_request_id(error.response(face, &id), &id, face)
    }

    async fn serve_unguarded(
        &self,
        parts: &request::Parts,
        body: &mut Option<Incoming>,
        peer: IpAddr,
        id: &Id,
        keep_alive: Option<KeepAlive>,
    ) -> Response<RelayBody> {
        self.count_client_retry(&parts.headers);
        let target = match Target::parse(&parts.method, parts.uri.path(), parts.uri.query()) {
            Ok(target) => target.for_reader(&parts.headers),
            Err(error) => {
                let settlement = self.begin(parts, Route::Other, id.clone());
                return self.end_refused(settlement, &error.into(), Face::of(parts.uri.path()));
            }
        };
        let face = target.face;
        let snapshot = self.snapshot.load_full();
        if target.route == Route::Media && media::has_no_key(&parts.headers) && !snapshot.tenants.is_open() {
            return self.signed(&snapshot, &target, parts, id).await;
        }
        let known = match self.identify(&snapshot, &parts.headers, peer) {
            // Neither a line in the log nor a label: whoever floods us with wrong keys fills neither.
            Err(error @ GatewayError::Throttled(_)) => return self.refuse(&error, &target.path),
            known => known,
        };
        let settlement = self.begin(parts, target.route, id.clone());
        let mut exchange = match Exchange::authenticate(snapshot, known, parts, target, settlement) {
            Ok(exchange) => exchange,
            Err((settlement, error)) => return self.end_refused(settlement, &error, face),
        };
        exchange.keep_alive = keep_alive;
        let revocation = exchange.tenant.revocation.clone();
        let answered = tokio::select! {
            biased;
            answered = self.run(&mut exchange, parts, body) => answered,
            () = revocation.given() => Err(RelayError::Revoked.into()),
        };
        match answered {
            Ok(answered) => {
                let (response, ending) = answers::finish(exchange, answered);
                ending.written().await;
                with_request_id(response, id, face)
            }
            Err(error) => {
                let error = answers::with_substitute(&exchange, error);
                let called = if error.is_upstreams() { exchange.settlement.model.clone() } else { Arc::default() };
                let trace_id = error.trace_id().or(exchange.settlement.trace_id.as_deref()).map(str::to_owned);
                let mut limits = HeaderMap::new();
                ratelimit::write(&mut limits, exchange.left(), None, face);
                let mut response = self.end_refused(exchange.settlement, &error, face);
                response.headers_mut().extend(limits);
                if error.has_cut_body() {
                    ends_connection(&mut response);
                }
                answers::own_headers(response.headers_mut(), &called, &[]);
                with_trace_id(response, trace_id)
            }
        }
    }

    /// A request begins that will be counted, logged and traced.
    pub(super) fn begin(&self, parts: &request::Parts, route: Route, id: Id) -> Settlement {
        let mut settlement = Settlement::begin(&self.metrics, route.label(), id);
        settlement.trace = RequestTrace::begin(&self.tracer, &parts.method, route.label(), &parts.headers);
        settlement
    }

    fn count_client_retry(&self, headers: &HeaderMap) {
        if headers.get(headers::RETRY_COUNT).is_some_and(|count| count != "0") {
            self.metrics.client_retry();
        }
    }

    /// Who calls. A right key is right whatever came from its address before: a whole team may sit behind one.
    fn identify(&self, snapshot: &Snapshot, headers: &HeaderMap, peer: IpAddr) -> Result<Arc<Tenant>, GatewayError> {
        let found = snapshot.tenants.authenticate(headers::credential(headers), SystemTime::now());
        if found == Err(TenantError::Unknown)
            && let Some(wait) = self.throttle.failed(peer, Instant::now())
        {
            self.metrics.keys.throttled("api");
            return Err(GatewayError::Throttled(wait));
        }
        Ok(found?)
    }

    pub(super) fn end_refused(
        &self,
        mut settlement: Settlement,
        error: &GatewayError,
        face: Face,
    ) -> Response<RelayBody> {
        let view = error.view();
        if let GatewayError::Budget(exceeded) = error {
            settlement.exceeded(exceeded);
        }
        settlement.status = face.status(&view).as_u16();
        settlement.outcome = Outcome::Refused;
        settlement.error = Some(view.label);
        if settlement.usage == Usage::default() && !error.may_have_run() {
            settlement.usage = Usage::nothing();
        }
        if error.is_upstreams() {
            self.metrics.upstream_error(view.label);
        } else {
            self.metrics.refused(view.label);
        }
        let response = error.response(face, &settlement.request_id);
        with_request_id(response, &settlement.request_id, face)
    }
}

/// `response` with the id that every response has, and the name by which Anthropic's SDKs look for it.
pub(super) fn with_request_id(mut response: Response<RelayBody>, id: &str, face: Face) -> Response<RelayBody> {
    if let Ok(value) = HeaderValue::from_str(id) {
        if face == Face::Anthropic {
            response.headers_mut().insert(headers::ANTHROPIC_REQUEST_ID, value.clone());
        }
        response.headers_mut().insert(headers::REQUEST_ID, value);
    }
    response
}

/// `response` to a request of which `body` was not read. What is left of it ends the connection, which the caller must know
/// before it sends another request there.
fn with_unread(mut response: Response<RelayBody>, body: Option<Incoming>) -> Response<RelayBody> {
    let Some(unread) = body.filter(|body| !body.is_end_stream()) else { return response };
    ends_connection(&mut response);
    response.map(|answer| answer.with_unread(unread))
}

fn ends_connection(response: &mut Response<RelayBody>) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

fn with_trace_id(mut response: Response<RelayBody>, id: Option<String>) -> Response<RelayBody> {
    if let Some(value) = id.and_then(|id| HeaderValue::from_str(&id).ok()) {
        response.headers_mut().insert(headers::TRACE_ID, value);
    }
    response
}
