//! `GET /models` and `GET /models/{id}`: the upstream's list, cut to what the key may use, with our
//! aliases added. The upstream has no route for a single model (siliconflow-api.md, section 12).

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::answers::{self, Answered};
use super::error::GatewayError;
use super::exchange::Exchange;
use super::headers;
use super::route::Route;
use crate::relay::answer::AnswerFault;
use crate::relay::usage::Usage;
use crate::upstream::RequestBody;
use crate::wire::json::{self, Object};

/// Answers both.
pub(super) async fn answer(exchange: &mut Exchange) -> Result<Answered, GatewayError> {
    let single = exchange.target.model_id().filter(|_| exchange.target.route == Route::Model);
    let query = if single.is_some() { None } else { exchange.target.path.split_once('?') };
    let path = query.map_or("/models".to_owned(), |(_, query)| format!("/models?{query}"));
    let called = exchange.send(Method::GET, &path, RequestBody::Full(Bytes::new()), None, None).await?;
    exchange.note(&called);
    let called = answers::accepted(exchange, called).await?;
    let (parts, body) = called.response.into_parts();
    let list = answers::whole(exchange, &called.lease, body).await?.bytes;
    let bytes = match single {
        Some(id) => one(exchange, &list, &id)?,
        None => all(exchange, list)?,
    };
    Ok(Answered::json(headers::answer_headers(&parts.headers), bytes, Usage::nothing(), Vec::new()))
}

/// The list for this key: the upstream's own bytes where there is nothing to add or to hide.
fn all(exchange: &Exchange, list: Bytes) -> Result<Bytes, GatewayError> {
    let aliases = &exchange.snapshot.aliases;
    if exchange.tenant.models.is_none() && aliases.is_empty() {
        return Ok(list);
    }
    let text = std::str::from_utf8(&list).map_err(|_| AnswerFault::NotJson)?;
    let mut entries: Vec<String> = entries(text)?
        .into_iter()
        .filter(|(id, _)| exchange.tenant.may_use(id))
        .map(|(_, entry)| entry.to_owned())
        .collect();
    let mut names: Vec<_> = aliases
        .exact()
        .filter(|(alias, model)| exchange.tenant.may_use(alias) || exchange.tenant.may_use(model))
        .collect();
    names.sort_unstable();
    entries.extend(names.into_iter().map(|(alias, _)| alias_entry(alias)));
    Ok(Bytes::from(format!("{{\"object\":\"list\",\"data\":[{}]}}", entries.join(","))))
}

fn one(exchange: &Exchange, list: &[u8], id: &str) -> Result<Bytes, GatewayError> {
    let unknown = || GatewayError::Model(id.to_owned());
    let model = exchange.resolve(id)?;
    let text = std::str::from_utf8(list).map_err(|_| AnswerFault::NotJson)?;
    let found = entries(text)?.into_iter().find(|(entry, _)| *entry == model.id);
    let (_, entry) = found.ok_or_else(unknown)?;
    if model.is_renamed { Ok(Bytes::from(alias_entry(id))) } else { Ok(Bytes::copy_from_slice(entry.as_bytes())) }
}

/// The entries of an OpenAI list with their ids.
fn entries(list: &str) -> Result<Vec<(String, &str)>, GatewayError> {
    let object = Object::parse(list).map_err(|_| AnswerFault::NotJson)?;
    let data = object.get("data").and_then(|data| json::elements(data.value)).ok_or(AnswerFault::NotJson)?;
    let with_id = |entry| Some((Object::parse(entry).ok()?.string("id")?.into_owned(), entry));
    Ok(data.into_iter().filter_map(with_id).collect())
}

fn alias_entry(alias: &str) -> String {
    json!({"id": alias, "object": "model", "created": 0, "owned_by": "flowgate"}).to_string()
}
