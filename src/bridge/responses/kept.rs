//! What is kept of a request, and what a request wants of those that were kept.

use std::collections::HashMap;

use super::error::wrong_type;
use super::request::items;
use super::shelf::Kept;
use super::write::{Members, inner};
use crate::bridge::BridgeError;
use crate::wire::json::{self, Object};

/// What a request points to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// `previous_response_id`
    pub previous: Option<String>,
    /// Ids of items.
    pub items: Vec<String>,
}

/// What the body of `POST /responses` points to.
///
/// # Errors
/// [`BridgeError`] when it cannot be understood.
pub fn links(body: &[u8]) -> Result<Links, BridgeError> {
    let Ok(request) = Object::parse(std::str::from_utf8(body).unwrap_or_default()) else { return Ok(Links::default()) };
    let previous = match request.get("previous_response_id").map(|previous| previous.value) {
        None | Some("null") => None,
        Some(previous) => Some(json::string(previous).ok_or_else(|| wrong_type("previous_response_id", "a string"))?),
    };
    let input = request.get("input").and_then(|input| json::elements(input.value)).unwrap_or_default();
    let items = input.into_iter().filter_map(pointed_to).collect();
    Ok(Links { previous: previous.map(std::borrow::Cow::into_owned), items })
}

/// The id that an item is, if it is nothing else.
fn pointed_to(item: &str) -> Option<String> {
    let item = Object::parse(item).ok()?;
    let is_reference = match item.string("type").as_deref() {
        Some(kind) => kind == "item_reference",
        None => !item.has("role"),
    };
    item.string("id").filter(|_| is_reference).map(std::borrow::Cow::into_owned)
}

/// The response that an item belongs to, as its id says.
pub fn response_of(item: &str) -> Option<String> {
    let (_, rest) = item.split_once('_')?;
    let (base, _) = rest.rsplit_once('_')?;
    Some(format!("resp_{base}"))
}

impl Kept {
    /// Everything that was said: what was asked, then what was answered (JSON).
    pub fn items(&self) -> Vec<String> {
        let response = Object::parse(&self.response).unwrap_or_default();
        let output = response.get("output").and_then(|output| json::elements(output.value)).unwrap_or_default();
        self.input.iter().cloned().chain(output.into_iter().map(str::to_owned)).collect()
    }

    /// The item called `id` (JSON).
    pub fn item(&self, id: &str) -> Option<String> {
        let is_it =
            |item: &String| Object::parse(item).is_ok_and(|item| item.string("id").is_some_and(|own| own == id));
        self.items().into_iter().find(is_it)
    }
}

/// Whether the response shall be kept: unless the request says no.
pub(super) fn is_wanted(request: &Object<'_>) -> Result<bool, BridgeError> {
    match request.get("store").map(|store| store.value) {
        None | Some("null" | "true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(wrong_type("store", "true or false")),
    }
}

/// The items of `request`'s own input as they are kept: each with an id, and in place of what points elsewhere, what it
/// points to.
pub(super) fn input(
    request: &Object<'_>,
    response: &str,
    referenced: &HashMap<String, String>,
) -> Result<Vec<String>, BridgeError> {
    let own = items(request.get("input").map_or("[]", |input| input.value))?;
    let base = response.strip_prefix("resp_").unwrap_or(response);
    let kept = own.into_iter().enumerate().map(|(index, item)| match pointed_to(&item) {
        Some(id) => referenced.get(&id).cloned().unwrap_or(item),
        None => with_id(&item, base, index).unwrap_or(item),
    });
    Ok(kept.collect())
}

/// The item as the API shows it: with an id and a type, and messages as lists of parts.
fn with_id(item: &str, base: &str, index: usize) -> Option<String> {
    let object = Object::parse(item).ok()?;
    let kind = object.string("type").unwrap_or("message".into());
    let is_message = kind == "message";
    let mut kept = Members::new();
    match object.string("id").filter(|id| !id.is_empty()) {
        Some(id) => kept.text("id", &id),
        None => kept.text("id", &format!("{}_{base}_i{index}", if is_message { "msg" } else { "item" })),
    };
    kept.text("type", &kind);
    for member in object.members().iter().filter(|member| !matches!(&*member.key, "id" | "type")) {
        let key = json::quote(&member.key);
        let key = inner(&key)?;
        match inner(member.value).filter(|_| is_message && key == "content") {
            Some(_) => kept.raw(key, &part(&object, member.value)),
            None => kept.raw(key, member.value),
        };
    }
    if is_message && !object.has("status") {
        kept.raw("status", "\"completed\"");
    }
    Some(kept.end())
}

fn part(message: &Object<'_>, text: &str) -> String {
    let is_output = message.string("role").is_some_and(|role| role == "assistant");
    let mut part = Members::new();
    if is_output {
        part.raw("type", "\"output_text\"").raw("annotations", "[]");
    } else {
        part.raw("type", "\"input_text\"");
    }
    format!("[{}]", part.raw("text", text).end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_says_which_response_it_belongs_to() {
        assert_eq!(response_of("msg_0a1b_i3").as_deref(), Some("resp_0a1b"));
        assert_eq!(response_of("fc_0a1b_2").as_deref(), Some("resp_0a1b"));
        assert_eq!(response_of("msg"), None);
    }

    #[test]
    fn what_is_pointed_to_is_found() {
        let body = br#"{"previous_response_id":"resp_1","input":[{"type":"item_reference","id":"a"},{"id":"b"},{"role":"user","id":"c","content":"x"},{"type":"reasoning","id":"d","summary":[]}]}"#;
        let expected = Links { previous: Some("resp_1".to_owned()), items: vec!["a".to_owned(), "b".to_owned()] };
        assert_eq!(links(body), Ok(expected));
        assert_eq!(links(br#"{"input":"text"}"#), Ok(Links::default()));
        assert!(links(br#"{"previous_response_id":7}"#).is_err());
    }
}
