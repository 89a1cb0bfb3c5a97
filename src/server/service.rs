//! The services behind the listeners: the data plane behind its door, and the admin plane.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arc_swap::ArcSwap;
use axum::Router;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use tower::ServiceExt;

use super::active::{Active, Activity, Tracked};
use super::door::{self, Door};
use super::workers::{Answering, Asked, Workers};
use crate::admin::Peer;
use crate::api::Gateway;
use crate::api::error::{DoorError, GatewayError};
use crate::relay::body::RelayBody;

/// What answers the requests of a listener.
pub(super) trait Plane: Clone + Send + Sync + 'static {
    /// What it answers with.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static;

    /// Answers one request of `peer`; `is_contradictory` when its head gave the length of its body twice.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        is_contradictory: bool,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// A plane as one connection sees it.
#[derive(Debug)]
pub(super) struct PlaneService<P: Plane> {
    workers: Arc<Workers<P>>,
    peer: IpAddr,
    activity: Arc<Activity>,
}

impl<P: Plane> PlaneService<P> {
    pub(super) fn new(workers: Arc<Workers<P>>, peer: IpAddr, activity: Arc<Activity>) -> Self {
        Self { workers, peer, activity }
    }
}

impl<P: Plane> Service<Request<Incoming>> for PlaneService<P> {
    type Response = Response<Tracked<P::Body>>;
    type Error = Infallible;
    type Future = Served<P>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let active = self.activity.begin();
        // HTTP/2 has no such header.
        let is_contradictory = request.headers().contains_key(header::TRANSFER_ENCODING) && active.is_doubtful();
        let answering = self.workers.answer(Asked { request, peer: self.peer, is_contradictory });
        Served { answering, active: Some(active) }
    }
}

/// A request on its way through a plane.
pub(super) struct Served<P: Plane> {
    answering: Answering<P>,
    active: Option<Active>,
}

impl<P: Plane> Future for Served<P> {
    type Output = Result<Response<Tracked<P::Body>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answering).poll(context));
        // There until the answer is, which comes once.
        let Some(active) = self.active.take() else { return Poll::Pending };
        Poll::Ready(Ok(answer.map(|body| Tracked::new(body, active))))
    }
}

/// The data plane.
#[derive(Debug, Clone)]
pub(super) struct DataPlane {
    pub(super) gateway: Arc<Gateway>,
    pub(super) door: Arc<ArcSwap<Door>>,
}

impl Plane for DataPlane {
    type Body = RelayBody;

    async fn answer(&self, request: Request<Incoming>, peer: IpAddr, is_contradictory: bool) -> Response<RelayBody> {
        if let Err(error) = self.door.load().check(&request, is_contradictory) {
            // What is not read ends the connection too.
            let must_close = matches!(error, DoorError::Malformed(_)) || !request.body().is_end_stream();
            let mut response = self.gateway.refuse(&GatewayError::Door(error), request.uri().path());
            if must_close {
                response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            }
            return response;
        }
        let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
            return self.gateway.serve(request, peer).await;
        };
        let mut response = match door::preflight(&request) {
            Some(response) => response,
            None => self.gateway.serve(request, peer).await,
        };
        door::allow_origin(response.headers_mut(), origin);
        response
    }
}

/// The admin plane. The same door stands before it: a web page must not read metrics either.
#[derive(Clone)]
pub(super) struct AdminPlane {
    pub(super) router: Router,
    pub(super) door: Arc<ArcSwap<Door>>,
}

impl Plane for AdminPlane {
    type Body = axum::body::Body;

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: IpAddr,
        is_contradictory: bool,
    ) -> Response<axum::body::Body> {
        if let Err(error) = self.door.load().check(&request, is_contradictory) {
            let mut refused = Response::new(axum::body::Body::from(format!("{error}\n")));
            *refused.status_mut() = http::StatusCode::FORBIDDEN;
            return refused;
        }
        request.extensions_mut().insert(Peer(peer));
        match self.router.clone().oneshot(request.map(axum::body::Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
