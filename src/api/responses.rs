//! The Responses API: `POST /responses` as a chat request, with what is kept of the conversation before it; and
//! `/responses/{id}`, which shows what was kept and forgets it. Nothing there runs a model.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tracing::error;

use super::answers::Answered;
use super::error::GatewayError;
use super::exchange::Exchange;
use super::head::RequestHead;
use super::page::Page;
use super::target::RouteError;
use crate::bridge::BridgeError;
use crate::bridge::responses::shelf::{Kept, Shelf, ShelfError};
use crate::bridge::responses::{self, Context, Links};
use crate::relay::usage::Usage;

/// Most responses of one conversation that are looked up for the next (ours).
const MOST_LINKS: usize = 1_000;

/// What a request points to.
type Recalled = (Vec<String>, HashMap<String, String>);

impl Exchange {
    /// The chat request that the body of `POST /responses` stands for.
    pub(super) async fn respond(&mut self, body: Bytes) -> Result<Bytes, GatewayError> {
        RequestHead::parse(&body)?.require_model()?;
        let (history, referenced) = self.recalled(responses::links(&body)?).await?;
        let own = self.settlement.request_id.strip_prefix("req_").unwrap_or(&self.settlement.request_id);
        let context = Context {
            id: format!("resp_{own}"),
            key: self.tenant.name.clone(),
            now,
            history,
            referenced,
            shelf: self.snapshot.shelf.clone(),
        };
        Ok(self.carry(responses::translate(&body, context)?))
    }

    async fn recalled(&self, links: Links) -> Result<Recalled, GatewayError> {
        if links == Links::default() {
            return Ok(Recalled::default());
        }
        let Some(shelf) = self.snapshot.shelf.clone() else {
            let param = if links.previous.is_some() { "previous_response_id" } else { "input" };
            return Err(BridgeError::unsupported(param, NOTHING_KEPT).into());
        };
        let (key, most) = (self.tenant.name.clone(), self.snapshot.settings.body.most_bytes);
        blocking(move || recall(&*shelf, &key, &links, most)).await
    }

    /// `/responses/{id}` and what is below it.
    pub(super) async fn kept_response(&self, method: &Method) -> Result<Answered, GatewayError> {
        let (path, query) = self.target.path.split_once('?').unwrap_or((&self.target.path, ""));
        let below: Vec<&str> = path.split('/').skip(2).collect();
        let json = match (method.as_str(), &below[..]) {
            ("GET", [id]) => {
                refuse_stream(query)?;
                self.found(id).await?.response
            }
            ("GET", [id, "input_items"]) => self.input_items(id, query).await?,
            ("DELETE", [id]) => self.forgotten(id).await?,
            ("POST", [id, "cancel"]) => {
                self.found(id).await?;
                return Err(BridgeError::about("response_id", NOTHING_RUNS).into());
            }
            (_, [_] | [_, "input_items" | "cancel"]) if *method != Method::POST || below.len() > 1 => {
                let allowed = if below.get(1) == Some(&"cancel") { "POST" } else { "GET" };
                let (path, method) = (format!("/v1{path}"), method.clone());
                return Err(RouteError::Method { path, method, allowed }.into());
            }
            _ => return Err(RouteError::Unknown(format!("/v1{path}")).into()),
        };
        Ok(Answered::json(HeaderMap::new(), json.into(), Usage::nothing(), Vec::new()))
    }

    async fn found(&self, id: &str) -> Result<Kept, GatewayError> {
        let (key, own) = (self.tenant.name.clone(), id.to_owned());
        let found = match self.snapshot.shelf.clone() {
            Some(shelf) => blocking(move || shelf.find(&key, &own).map_err(unreadable)).await?,
            None => None,
        };
        found.ok_or_else(|| GatewayError::Response(short(id)))
    }

    async fn forgotten(&self, id: &str) -> Result<String, GatewayError> {
        let (key, own) = (self.tenant.name.clone(), id.to_owned());
        let is_gone = match self.snapshot.shelf.clone() {
            Some(shelf) => blocking(move || shelf.forget(&key, &own).map_err(unreadable)).await?,
            None => false,
        };
        if !is_gone {
            return Err(GatewayError::Response(short(id)));
        }
        Ok(serde_json::json!({"id": id, "object": "response", "deleted": true}).to_string())
    }

    /// The items that a response was made of: those of the conversation before it too.
    async fn input_items(&self, id: &str, query: &str) -> Result<String, GatewayError> {
        let page = Page::read(query)?;
        let kept = self.found(id).await?;
        let links = Links { previous: kept.previous.clone(), items: Vec::new() };
        let (mut items, _) = self.recalled(links).await?;
        items.extend(kept.input);
        page.of(items).map_err(GatewayError::from)
    }
}

const NOTHING_KEPT: &str =
    "Responses are not kept here (`responses.store = false`): send the whole conversation as `input`.";
const NOTHING_RUNS: &str =
    "Nothing runs in the background here, so there is nothing to cancel: close the connection to end an answer.";

/// Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Reads what `links` point to, oldest first, at most `most` bytes of it. Blocks.
fn recall(shelf: &dyn Shelf, key: &Arc<str>, links: &Links, most: u64) -> Result<Recalled, GatewayError> {
    let (mut before, mut bytes) = (Vec::new(), 0);
    let mut next = links.previous.clone();
    while let Some(id) = next {
        let kept = shelf.find(key, &id).map_err(unreadable)?.ok_or_else(|| no_previous(&id))?;
        bytes += kept.bytes();
        if bytes > most || before.len() >= MOST_LINKS {
            return Err(BridgeError::about("previous_response_id", TOO_LONG).into());
        }
        next = kept.previous.clone();
        before.push(kept);
    }
    let history = before.iter().rev().flat_map(Kept::items).collect();
    let mut referenced = HashMap::new();
    let mut of: HashMap<String, Option<Kept>> = HashMap::new();
    for item in &links.items {
        let Some(response) = responses::response_of(item) else { continue };
        if !of.contains_key(&response) {
            let found = shelf.find(key, &response).map_err(unreadable)?;
            bytes += found.as_ref().map_or(0, Kept::bytes);
            if bytes > most {
                return Err(BridgeError::about("input", TOO_LONG).into());
            }
            of.insert(response.clone(), found);
        }
        let found = of.get(&response).and_then(Option::as_ref).and_then(|kept| kept.item(item));
        referenced.extend(found.map(|found| (item.clone(), found)));
    }
    Ok((history, referenced))
}

const TOO_LONG: &str = "The conversation has become longer than any request may be (`server.max_body`), or than 1,000 responses. Begin a new one with a summary.";

fn no_previous(id: &str) -> GatewayError {
    let message = format!("Previous response with id '{}' not found.", short(id));
    BridgeError { code: Some("previous_response_not_found"), ..BridgeError::about("previous_response_id", message) }
        .into()
}

fn refuse_stream(query: &str) -> Result<(), GatewayError> {
    if query.split('&').any(|pair| pair == "stream=true") {
        return Err(BridgeError::unsupported(
            "stream",
            "A response that was kept is given whole, not streamed again: leave `stream` out.",
        )
        .into());
    }
    Ok(())
}

/// Why is for the operator: it names files.
fn unreadable(error: ShelfError) -> GatewayError {
    error!(%error, "a kept response was asked for, and cannot be read");
    GatewayError::ResponsesUnreadable
}

fn short(id: &str) -> String {
    id.chars().take(96).collect()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GatewayError> + Send + 'static,
) -> Result<T, GatewayError> {
    tokio::task::spawn_blocking(work).await.map_err(|_panicked| GatewayError::Panic)?
}
