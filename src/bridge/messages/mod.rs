//! Anthropic's Messages as chat completions, and the way back, whole and as a stream.
//!
//! Pure: bytes in, bytes out; the request's id and the estimate of its prompt are handed in. It must not know HTTP, keys,
//! quotas or models by name. Start with [`translate`]: `request` reads the top level, `reader` the conversation
//! (`turns`), `tools` and `thinking` what their names say; `answer` and `stream` lead back. `native` is for
//! operators who want the upstream's own `/messages`.

mod answer;
mod chunk;
mod document;
mod ending;
mod names;
mod native;
mod reader;
mod request;
mod signature;
mod stream;
mod thinking;
mod tools;
mod turns;
mod words;

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;

use self::answer::whole;
use self::names::Names;
pub use self::native::prune;
use self::stream::Events;
use super::{Back, BridgeError, Translated};
use crate::relay::translate::Translator;
use crate::wire::json::Object;

/// What a translation needs to know besides the request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The request's id, such as `req_6f1d…`.
    pub request_id: &'a str,
    /// Tokens of its prompt, as estimated: a stream says them before the upstream does.
    pub input_tokens: u64,
    /// Only its tokens are counted: any part of a conversation will do.
    pub is_counted: bool,
    /// What is known of the model that it names.
    pub model: Known,
}

/// What is known of a model; `false` or `None` where no source says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// Its thinking can be switched off.
    pub switches_thinking: bool,
    /// It goes on with an answer that the caller has begun (`prefix`).
    pub continues: bool,
    /// It reads PDF documents in place of pictures.
    pub reads_pdf: bool,
    /// Most tokens of an answer.
    pub most_output: Option<u64>,
}

/// `body`, a Messages request, as a chat request.
///
/// # Errors
/// [`BridgeError`] for what is malformed, and for what cannot be carried without changing what was asked.
pub fn translate(body: &[u8], context: &Context<'_>) -> Result<Translated, BridgeError> {
    let chat = request::chat(body, context)?;
    let way = Way {
        id: format!("msg_{}", context.request_id.strip_prefix("req_").unwrap_or(context.request_id)),
        input_tokens: context.input_tokens,
        shown: chat.shown,
        names: chat.names,
        stops: chat.stops,
    };
    Ok(Translated { body: Bytes::from(chat.body), edits: chat.edits.0, back: Box::new(WayBack(Arc::new(way))) })
}

/// What becomes of the model's thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Thinking blocks.
    Whole,
    /// Thinking blocks without a text; it is in the signature.
    Signed,
    /// Nothing: the caller did not ask for it, and reads the first block as the answer.
    Hidden,
}

/// What the way back must know of the request.
#[derive(Debug)]
struct Way {
    id: String,
    input_tokens: u64,
    shown: Shown,
    names: Names,
    stops: Vec<String>,
}

#[derive(Debug)]
struct WayBack(Arc<Way>);

impl Back for WayBack {
    fn whole(&self, answer: &[u8]) -> Result<Bytes, BridgeError> {
        whole(&self.0, answer)
    }

    fn stream(&self) -> Box<dyn Translator> {
        Box::new(Events::new(self.0.clone()))
    }
}

/// Names of what was changed or left out, each once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Edits(Vec<&'static str>);

impl Edits {
    fn note(&mut self, name: &'static str) {
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }
}

/// A part of a request that cannot be carried.
fn refuse(param: impl Display, message: impl Into<String>) -> BridgeError {
    BridgeError::unsupported(param.to_string(), message)
}

/// A part of a request that is not what it must be.
fn malformed(param: impl Display, must_be: &str) -> BridgeError {
    let param = param.to_string();
    let message = format!("`{param}` must be {must_be}.");
    BridgeError::about(param, message)
}

/// The object `text`.
fn object<'a>(text: &'a str, at: impl Display) -> Result<Object<'a>, BridgeError> {
    Object::parse(text).map_err(|_| malformed(at, "an object"))
}
