//! `GET /flowgate/limits`: what a key may still do, limit by limit.

use http::HeaderMap;

use super::answers::Answered;
use super::exchange::Exchange;
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
    Answered::json(HeaderMap::new(), json(&shown).into(), Usage::nothing(), Vec::new())
}

/// Lanes as JSON, in OpenAI's form of a list.
pub fn json(views: &[LaneView]) -> String {
    serde_json::json!({"object": "list", "data": views}).to_string()
}
