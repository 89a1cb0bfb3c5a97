//! `GET /models` and `GET /models/{id}`: the upstream's list, cut to what the key may use, each entry with what the
//! catalogue knows, and our aliases. The upstream has no route for a single model (siliconflow-api.md, section 12).
//!
//! When the upstream cannot be asked, the list that was fetched last is shown; without one, the catalogue.

mod anthropic;
mod entry;
mod filter;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};

use self::entry::{OURS, owner, with_members};
use self::filter::Filter;
use super::answers::{self, Answered};
use super::error::GatewayError;
use super::exchange::Exchange;
use super::face::Face;
use super::headers;
use super::route::Route;
use super::target::decode;
use crate::catalog::live::{LiveError, LiveList};
use crate::catalog::model::Model;
use crate::catalog::{Catalogue, describe};
use crate::quota::limits::Limits;
use crate::relay::answer::AnswerFault;
use crate::relay::usage::Usage;
use crate::upstream::RequestBody;

/// How long a caller waits for the upstream's list while there is another one to show (ours).
const PATIENCE: Duration = Duration::from_secs(5);
/// Where the list that is shown comes from: `live`, `kept` or `catalogue`.
const LIST: &str = "x-flowgate-list";

/// Answers both.
pub(super) async fn answer(exchange: &mut Exchange) -> Result<Answered, GatewayError> {
    let single = exchange.target.model_id().filter(|_| exchange.target.route == Route::Model);
    let filter = if single.is_some() { Filter::default() } else { Filter::of(&exchange.target.path) };
    let page = Page::of(exchange, &filter).await;
    let mut bytes = match &single {
        Some(id) => page.one(exchange, id)?,
        None => page.all(exchange, &filter),
    };
    if exchange.target.face == Face::Anthropic {
        let theirs = match single {
            Some(_) => anthropic::one(&bytes),
            None => anthropic::list(&bytes, &exchange.target.path),
        };
        bytes = theirs.ok_or(AnswerFault::NotJson)?;
    }
    let mut headers = page.headers;
    headers.insert(LIST, HeaderValue::from_static(page.source));
    Ok(Answered::json(headers, bytes.into(), Usage::nothing(), Vec::new()))
}

/// The list that is shown.
struct Page {
    headers: HeaderMap,
    source: &'static str,
    /// Id and entry, as far as the upstream wrote one.
    entries: Vec<(String, Option<String>)>,
    /// What the upstream lists as a whole, if that is known.
    live: Option<Arc<LiveList>>,
}

impl Page {
    /// The upstream's list, else the one that was fetched last, else the catalogue.
    async fn of(exchange: &mut Exchange, filter: &Filter) -> Self {
        let kept = exchange.snapshot.live.list();
        let error = match tokio::time::timeout(PATIENCE, fetch(exchange, filter)).await {
            Ok(Ok((headers, list))) => {
                let entries = list.iter().flat_map(LiveList::entries);
                let entries = entries.map(|(id, entry)| (id.to_owned(), Some(entry.to_owned()))).collect();
                let live = if filter.is_empty() { list.map(Arc::new) } else { kept };
                return Self { headers, source: "live", entries, live };
            }
            Ok(Err(error)) => Some(error),
            Err(_too_slow) => None,
        };
        let label = error.as_ref().map_or("first_byte_timeout", |error| error.view().label);
        if error.as_ref().is_none_or(GatewayError::is_upstreams) {
            exchange.settlement.upstream_error(label);
        }
        Self::without_upstream(&exchange.snapshot.catalogue, kept, filter)
    }

    fn without_upstream(catalogue: &Catalogue, kept: Option<Arc<LiveList>>, filter: &Filter) -> Self {
        let takes = |id: &str| filter.takes(catalogue.get(id).map(|model| model.kind));
        let (source, entries) = match &kept {
            Some(list) => {
                let taken = list.entries().filter(|(id, _)| takes(id));
                ("kept", taken.map(|(id, entry)| (id.to_owned(), Some(entry.to_owned()))).collect())
            }
            None => {
                let served = catalogue.models().iter().filter(|model| model.status.is_served() && takes(&model.id));
                ("catalogue", served.map(|model: &Model| (model.id.clone(), None)).collect())
            }
        };
        Self { headers: HeaderMap::new(), source, entries, live: kept }
    }

    /// The list for this key, with its aliases.
    fn all(&self, exchange: &Exchange, filter: &Filter) -> String {
        let (tenant, snapshot) = (&exchange.tenant, &exchange.snapshot);
        let may_use = |alias: &str, model: &str| tenant.may_use(alias) || tenant.may_use(model);
        let takes = |model: &str| filter.takes(snapshot.catalogue.get(model).map(|model| model.kind));
        let mut exact: Vec<_> = snapshot.aliases.exact().collect();
        exact.retain(|(alias, model)| may_use(alias, model) && takes(model));
        exact.sort_unstable();
        // A name that was given to another model means that one.
        let is_taken = |id: &str| exact.binary_search_by_key(&id, |(alias, _)| *alias).is_ok();
        let used = self.entries.iter().filter(|(id, _)| tenant.may_use(id) && !is_taken(id));
        let mut entries: Vec<String> = used.map(|(id, entry)| self.entry(exchange, id, entry.as_deref())).collect();
        entries.extend(exact.into_iter().map(|(alias, model)| self.alias(exchange, alias, model)));
        let patterns = snapshot.aliases.patterns().filter(|(prefix, model)| may_use(prefix, model));
        let patterns: Vec<Value> =
            patterns.map(|(prefix, model)| json!({"pattern": format!("{prefix}*"), "alias_of": model})).collect();
        let ours = json!({"source": self.source, "patterns": patterns});
        format!("{{\"object\":\"list\",\"data\":[{}],\"{OURS}\":{ours}}}", entries.join(","))
    }

    fn one(&self, exchange: &Exchange, id: &str) -> Result<String, GatewayError> {
        let model = exchange.resolve(id)?;
        let found = self.entries.iter().find(|(entry, _)| *entry == model.id);
        let (_, entry) = found.ok_or_else(|| GatewayError::Model(id.to_owned()))?;
        Ok(match model.is_renamed {
            true => self.alias(exchange, id, &model.id),
            false => self.entry(exchange, id, entry.as_deref()),
        })
    }

    /// The upstream's entry with ours in it; one of our own where it wrote none.
    fn entry(&self, exchange: &Exchange, id: &str, entry: Option<&str>) -> String {
        let own = || json!({"id": id, "object": "model", "created": 0, "owned_by": owner(id)}).to_string();
        let known = describe(&exchange.snapshot.catalogue, self.live.as_deref(), id, &limits(exchange, id));
        let entry = entry.map_or_else(own, str::to_owned);
        with_members(&entry, owner(id), &known).unwrap_or(entry)
    }

    /// An alias, with what is known of the model it stands for.
    fn alias(&self, exchange: &Exchange, alias: &str, model: &str) -> String {
        let limits = limits(exchange, model);
        let mut known = describe(&exchange.snapshot.catalogue, self.live.as_deref(), model, &limits);
        known["alias_of"] = json!(model);
        json!({"id": alias, "object": "model", "created": 0, "owned_by": "flowgate", OURS: known}).to_string()
    }
}

/// The limits of the account that comes first, before anything was learned.
fn limits(exchange: &Exchange, model: &str) -> Limits {
    let account = exchange.snapshot.quota.accounts.first();
    account.map_or_else(Limits::default, |(_, limits_of)| limits_of(model, Route::Chat))
}

/// The upstream's list as it is now; `None` when it is empty because of what the caller wants of it.
async fn fetch(exchange: &mut Exchange, filter: &Filter) -> Result<(HeaderMap, Option<LiveList>), GatewayError> {
    let path = format!("/models{}", filter.query);
    let called = exchange.send(Method::GET, &path, RequestBody::Full(Bytes::new()), None, None).await?;
    exchange.note(&called);
    let called = answers::accepted(exchange, called).await?;
    let (parts, body) = called.response.into_parts();
    let list = answers::whole(exchange, &called.lease, body).await?.bytes;
    let list = called.lease.account().mask(&list);
    let text = std::str::from_utf8(&list).map_err(|_| AnswerFault::NotJson)?;
    let list = match LiveList::parse(text, SystemTime::now()) {
        Ok(list) => Some(list),
        Err(LiveError::Empty) if !filter.is_empty() => None,
        Err(_) => return Err(AnswerFault::NotJson.into()),
    };
    let mut headers = headers::answer_headers(&parts.headers);
    // They are of another text.
    for name in [header::ETAG, header::LAST_MODIFIED, header::CONTENT_ENCODING] {
        headers.remove(name);
    }
    Ok((headers, list))
}
