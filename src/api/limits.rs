//! `GET /flowgate/limits`: what a key may still do and spend, limit by limit.

use http::HeaderMap;
use serde_json::Value;

use super::answers::Answered;
use super::budget;
use super::exchange::Exchange;
use crate::quota::budget::{BudgetView, Claim, Scope};
use crate::quota::view::LaneView;
use crate::relay::usage::Usage;

/// The limits of this key, and of the models that it may use and that were used lately. Nobody else's.
pub(super) fn answer(exchange: &Exchange) -> Answered {
    let views = exchange.snapshot.quota.quota.view();
    let own = format!("key:{}", exchange.tenant.name);
    let is_shown = |view: &LaneView| match &view.model {
        Some(model) => exchange.tenant.may_use(model),
        None => view.name == own,
    };
    let shown: Vec<LaneView> = views.into_iter().filter(is_shown).collect();
    let json = serde_json::json!({"object": "list", "budgets": budgets(exchange), "data": shown}).to_string();
    Answered::json(HeaderMap::new(), json.into(), Usage::nothing(), Vec::new())
}

/// The budgets that this key's requests have to fit. Of those that it shares only how far they are used: what others have
/// spent is not this key's to know.
fn budgets(exchange: &Exchange) -> Vec<Value> {
    let access = &exchange.snapshot.quota;
    let accounts = access
        .allowances
        .iter()
        .map(|(name, allowance)| Claim { scope: Scope::Account(name.clone()), allowance: *allowance });
    let claims: Vec<Claim> = budget::own(&exchange.tenant).chain(accounts).collect();
    access.budgets.view(&claims).iter().map(shown).collect()
}

fn shown(view: &BudgetView) -> Value {
    let mut shown = serde_json::json!(view);
    if let (false, Some(members)) = (matches!(view.scope, Scope::Key(_)), shown.as_object_mut()) {
        ["limit", "spent", "held"].into_iter().for_each(|member| drop(members.remove(member)));
    }
    shown
}
