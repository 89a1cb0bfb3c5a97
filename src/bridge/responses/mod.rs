//! OpenAI's Responses API on top of chat completions: what Codex and the newer SDKs speak.
//!
//! `request` and `input` make a chat request of a response's (`fields` is the table of its members); `back` and `reply` make
//! events and the object of what the model says; `kept` says what has to be kept for those who come back to it (`shelf`).
//! Start with [`translate`]. It must not know where responses are kept, nor which model answers.

mod back;
mod choice;
mod chunk;
mod content;
mod echo;
mod edits;
mod error;
mod events;
mod fields;
mod file;
mod input;
mod items;
mod kept;
mod messages;
mod plan;
mod reasoning;
mod reply;
mod request;
pub mod shelf;
mod tools;
mod usage;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{BridgeError, Translated};
use crate::wire::json::Object;
use back::ResponsesBack;
use echo::Echo;
pub use kept::{Links, links, response_of};
use plan::Plan;
use shelf::{Kept, Shelf};

/// What a request needs besides its own bytes.
#[derive(Debug)]
pub struct Context {
    /// The response's id, `resp_…`.
    pub id: String,
    /// Name of the key that asks.
    pub key: Arc<str>,
    /// The time, in unix seconds.
    pub now: fn() -> u64,
    /// The conversation before it, item by item (JSON): what `previous_response_id` leads to.
    pub history: Vec<String>,
    /// Items that it points to, by their ids (JSON).
    pub referenced: HashMap<String, String>,
    /// Where responses are kept; `None` where nothing is.
    pub shelf: Option<Arc<dyn Shelf>>,
}

/// Translates the body of `POST /responses`.
///
/// # Errors
/// [`BridgeError`] for what cannot be carried over.
pub fn translate(body: &[u8], context: Context) -> Result<Translated, BridgeError> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let request = Object::parse(text).map_err(|_| BridgeError::about("input", "The body must be a JSON object."))?;
    let chat = request::chat(&request, &context)?;
    let mut edits = chat.edits;
    let wants = kept::is_wanted(&request)?;
    // Whoever says nothing about it does not ask for it either.
    edits.add_if(wants && context.shelf.is_none() && request.has("store"), "without-store");
    let created_at = (context.now)();
    let echo = Echo::new(&request, context.id.clone(), created_at, wants && context.shelf.is_some());
    let keeping = match context.shelf.filter(|_| wants) {
        Some(shelf) => {
            let previous = request.string("previous_response_id").map(std::borrow::Cow::into_owned);
            let input = kept::input(&request, &context.id, &context.referenced)?;
            let kept = Kept { id: context.id, key: context.key, created_at, previous, input, response: String::new() };
            Some((shelf, kept))
        }
        None => None,
    };
    let plan =
        Plan { echo, tools: chat.tools, is_reasoning_encoded: chat.is_reasoning_encoded, now: context.now, keeping };
    Ok(Translated { body: Bytes::from(chat.body), edits: edits.0, back: Box::new(ResponsesBack(Arc::new(plan))) })
}
