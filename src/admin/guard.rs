//! The operator's token, which stands before everything below `/api/`.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::AdminState;
use super::error::ApiError;
use crate::telemetry::metrics::Metrics;
use crate::tenant::throttle::Throttle;
use crate::tenant::{KeyHash, hash};

/// Where a request came from; the server puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What the guard knows.
#[derive(Clone)]
pub(super) struct Guard {
    token: Arc<ArcSwapOption<KeyHash>>,
    throttle: Arc<Throttle>,
    metrics: Arc<Metrics>,
}

impl Guard {
    pub(super) fn new(state: &AdminState) -> Self {
        Self { token: state.token.clone(), throttle: Arc::default(), metrics: state.metrics.clone() }
    }

    /// Unlike on the data plane, an address that sent too many wrong tokens waits whatever it sends then: a token is what
    /// somebody chose, not 256 random bits.
    fn check(&self, headers: &HeaderMap, peer: IpAddr) -> Result<(), ApiError> {
        let token = self.token.load_full().ok_or(ApiError::Shut)?;
        let now = Instant::now();
        if let Some(wait) = self.throttle.barred(peer, now) {
            self.metrics.keys.throttled("admin");
            return Err(ApiError::Throttled(wait));
        }
        let sent = bearer(headers).ok_or(ApiError::NoToken)?;
        if hash(sent).ct_eq(&*token).into() {
            return Ok(());
        }
        match self.throttle.failed(peer, now) {
            Some(wait) => {
                self.metrics.keys.throttled("admin");
                Err(ApiError::Throttled(wait))
            }
            None => Err(ApiError::WrongToken),
        }
    }
}

/// Lets a request pass that has the token.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Result<Response, ApiError> {
    let peer = request.extensions().get::<Peer>().copied();
    let Peer(peer) = peer.ok_or_else(|| ApiError::Internal("a request without an address".to_owned()))?;
    guard.check(request.headers(), peer)?;
    Ok(next.run(request).await)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}
