//! Step 1: whether the one who calls may do what is asked, and with that the request's [`Exchange`].

use std::sync::Arc;

use http::{HeaderMap, header, request};

use super::error::GatewayError;
use super::exchange::Exchange;
use super::route::Route;
use super::snapshot::Snapshot;
use super::target::Target;
use super::{budget, choice, headers, media};
use crate::catalog::plan::Right;
use crate::relay::entry::Entry;
use crate::relay::settle::Settlement;
use crate::tenant::Tenant;
use crate::wire::multipart;

impl Exchange {
    /// Step 1: who calls, and whether it may. What is refused is settled by the caller.
    #[expect(clippy::result_large_err, reason = "the settlement must survive a refusal to be settled")]
    pub(super) fn authenticate(
        snapshot: Arc<Snapshot>,
        known: Result<Arc<Tenant>, GatewayError>,
        parts: &request::Parts,
        target: Target,
        mut settlement: Settlement,
    ) -> Result<Exchange, (Settlement, GatewayError)> {
        let tenant = match known {
            Ok(tenant) => tenant,
            Err(error) => return Err((settlement, error)),
        };
        settlement.key = tenant.name.clone();
        // Whoever asks the gateway itself uses nothing.
        settlement.entry =
            (!target.route.is_own(&parts.method)).then(|| Entry::new(snapshot.book.clone(), tenant.who()));
        let most = tenant.quota.max_wait.unwrap_or(snapshot.quota.max_wait);
        let Some(patience) = headers::patience(&parts.headers, most) else {
            return Err((settlement, GatewayError::MaxWait));
        };
        let policy = match headers::policy(&parts.headers) {
            Ok(policy) => policy,
            Err(error) => return Err((settlement, error)),
        };
        if snapshot.policy.forbids_paid(tenant.policy) && choice::may_run_unseen(target.route, &parts.method) {
            return Err((settlement, GatewayError::FreeOnlyEndpoint(target.route.label())));
        }
        if !target.route.is_shown_to_all() && !tenant.may_call(target.route.name()) {
            return Err((settlement, GatewayError::EndpointOfKey(target.route.label())));
        }
        if tenant.is_limited_to_models() && !target.route.shows_its_model() {
            return Err((settlement, GatewayError::Endpoint(target.route.label())));
        }
        if budget::forbids(&snapshot, &tenant, target.route, &parts.method) {
            return Err((settlement, GatewayError::BudgetEndpoint(target.route.label())));
        }
        if target.route == Route::Other && !snapshot.settings.passes_unknown_paths {
            return Err((settlement, GatewayError::UnknownPath(target.path)));
        }
        Ok(Exchange {
            method: parts.method.clone(),
            upstream_headers: headers::upstream_headers(&parts.headers, &snapshot.settings.forward_headers),
            origin: if target.route.draws() { media::origin(&snapshot.origin, parts) } else { String::new() },
            boundary: multipart_boundary(&parts.headers),
            accept_encoding: parts.headers.get(header::ACCEPT_ENCODING).cloned(),
            patience,
            keep_alive: None,
            policy,
            weigh_at: None,
            right: Right::Name,
            edits: Vec::new(),
            back: None,
            shape: None,
            snapshot,
            target,
            tenant,
            settlement,
        })
    }
}

pub(super) fn multipart_boundary(headers: &HeaderMap) -> Option<String> {
    headers.get(header::CONTENT_TYPE).and_then(headers::text).and_then(multipart::boundary)
}
