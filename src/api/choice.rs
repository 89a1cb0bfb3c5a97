//! Step 4: which models may be called for a name, at this endpoint and by this caller.

use std::time::Duration;

use http::Method;

use super::error::GatewayError;
use super::exchange::Exchange;
use super::kinds;
use super::route::Route;
use super::snapshot::Snapshot;
use crate::catalog::ResolvedModel;
use crate::catalog::plan::{After, Candidate, Facts, Plan, Right};
use crate::catalog::policy::{Denied, Policy, Wish};
use crate::quota::ask::Ask;
use crate::tenant::Tenant;

/// The plan for the model `asked` of a caller whose request says `policy`.
pub(super) fn plan(
    snapshot: &Snapshot,
    tenant: &Tenant,
    policy: Option<Policy>,
    route: Route,
    asked: &str,
) -> Result<Plan, GatewayError> {
    if asked.is_empty() {
        return Ok(unnamed());
    }
    let wish = Wish { name: asked, policy, key: tenant.policy, may_use: &|model| tenant.may_use(model) };
    let plan = snapshot.policy.plan(&wish, &snapshot.aliases, &snapshot.catalogue);
    let mut plan = plan.map_err(|denied| match denied {
        Denied::Key => GatewayError::Model(asked.to_owned()),
        paid => GatewayError::Paid(paid),
    })?;
    snapshot.check_known(asked, &plan.first.model.id, tenant)?;
    plan.rest.retain(|candidate| snapshot.is_known(&candidate.model.id));
    if let Some(kind) = plan.first.facts.kind.filter(|kind| !kinds::takes(route, *kind)) {
        let id = plan.first.model.id;
        return Err(GatewayError::Kind(id, kind.label(), kinds::endpoint(kind), route.label()));
    }
    plan.rest.retain(|candidate| candidate.facts.kind.is_none_or(|kind| kinds::takes(route, kind)));
    Ok(plan)
}

/// The model that is called for `asked`, named in a form: the first that starts soon, else the earliest. What a recording
/// will cost is not known before it was heard, so nothing is held for it, and it never spills.
pub(super) fn of_form(
    snapshot: &Snapshot,
    tenant: &Tenant,
    policy: Option<Policy>,
    route: Route,
    asked: &str,
) -> Result<Candidate, GatewayError> {
    let Plan { first, rest } = plan(snapshot, tenant, policy, route, asked)?;
    if rest.is_empty() {
        return Ok(first);
    }
    let quota = &snapshot.quota;
    let wait = |candidate: &Candidate| {
        let starts_in = |(account, _): &(_, _)| quota.quota.starts_in(account, &candidate.model.id, &Ask::default());
        let wait = quota.accounts.iter().map(starts_in).min().unwrap_or_default();
        if wait <= snapshot.policy.spill.after { Duration::ZERO } else { wait }
    };
    let all = std::iter::once(first.clone()).chain(rest);
    let weighed = all.filter(|candidate| candidate.is_weighed() && candidate.right != Right::Spill);
    Ok(weighed.min_by_key(wait).unwrap_or(first))
}

/// Whether a request could run any model, and none can be seen.
pub(super) fn may_run_unseen(route: Route, method: &Method) -> bool {
    matches!(route, Route::Batches | Route::Other) && ![Method::GET, Method::HEAD, Method::DELETE].contains(method)
}

/// Nothing was named, and nothing has to be.
fn unnamed() -> Plan {
    let model = ResolvedModel { id: String::new(), is_renamed: false };
    let first = Candidate { model, right: Right::Name, after: After::Either, facts: Facts::default() };
    Plan { first, rest: Vec::new() }
}

impl Exchange {
    /// Step 4: what may be called for `asked`.
    pub(super) fn plan(&self, asked: &str) -> Result<Plan, GatewayError> {
        plan(&self.snapshot, &self.tenant, self.policy, self.target.route, asked)
    }
}
