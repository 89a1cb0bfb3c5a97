//! The services behind the listeners: the data plane behind its door, and the admin plane.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper::service::Service;
use tower::ServiceExt;

use super::accept::MakeService;
use super::active::{Activity, Tracked};
use super::door::{self, Door};
use crate::api::Gateway;
use crate::api::error::{DoorError, GatewayError};
use crate::relay::body::RelayBody;

type BoxedAnswer<B> = Pin<Box<dyn Future<Output = Result<Response<Tracked<B>>, Infallible>> + Send>>;

/// The data plane.
#[derive(Debug, Clone)]
pub(super) struct DataPlane {
    pub(super) gateway: Arc<Gateway>,
    pub(super) door: Arc<ArcSwap<Door>>,
}

/// The data plane, for one connection.
#[derive(Debug)]
pub(super) struct DataConnection {
    plane: DataPlane,
    activity: Arc<Activity>,
}

impl MakeService for DataPlane {
    type Service = DataConnection;
    type Body = RelayBody;

    fn make(&self, activity: Arc<Activity>) -> DataConnection {
        DataConnection { plane: self.clone(), activity }
    }
}

impl Service<Request<Incoming>> for DataConnection {
    type Response = Response<Tracked<RelayBody>>;
    type Error = Infallible;
    type Future = BoxedAnswer<RelayBody>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let active = self.activity.begin();
        let plane = self.plane.clone();
        let is_contradictory = self.activity.is_contradictory();
        Box::pin(async move {
            let response = plane.answer(request, is_contradictory).await;
            Ok(response.map(|body| Tracked::new(body, active)))
        })
    }
}

impl DataPlane {
    async fn answer(&self, request: Request<Incoming>, is_contradictory: bool) -> Response<RelayBody> {
        if let Err(error) = self.door.load().check(&request, is_contradictory) {
            let must_close = matches!(error, DoorError::Malformed(_));
            let mut response = self.gateway.refuse(&GatewayError::Door(error), request.uri().path());
            if must_close {
                response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            }
            return response;
        }
        let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
            return self.gateway.serve(request).await;
        };
        let mut response = match door::preflight(&request) {
            Some(response) => response,
            None => self.gateway.serve(request).await,
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

/// The admin plane, for one connection.
pub(super) struct AdminConnection {
    plane: AdminPlane,
    activity: Arc<Activity>,
}

impl MakeService for AdminPlane {
    type Service = AdminConnection;
    type Body = axum::body::Body;

    fn make(&self, activity: Arc<Activity>) -> AdminConnection {
        AdminConnection { plane: self.clone(), activity }
    }
}

impl Service<Request<Incoming>> for AdminConnection {
    type Response = Response<Tracked<axum::body::Body>>;
    type Error = Infallible;
    type Future = BoxedAnswer<axum::body::Body>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let active = self.activity.begin();
        let plane = self.plane.clone();
        let is_contradictory = self.activity.is_contradictory();
        Box::pin(async move {
            let response = plane.answer(request, is_contradictory).await;
            Ok(response.map(|body| Tracked::new(body, active)))
        })
    }
}

impl AdminPlane {
    async fn answer(&self, request: Request<Incoming>, is_contradictory: bool) -> Response<axum::body::Body> {
        if let Err(error) = self.door.load().check(&request, is_contradictory) {
            let mut refused = Response::new(axum::body::Body::from(format!("{error}\n")));
            *refused.status_mut() = http::StatusCode::FORBIDDEN;
            return refused;
        }
        match self.router.clone().oneshot(request.map(axum::body::Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
