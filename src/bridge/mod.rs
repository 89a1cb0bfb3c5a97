//! Other protocols on top of chat completions: a request in one of them becomes a chat request, and its answer, whole or streamed,
//! goes back the same way.
//!
//! Pure translation: bytes in, bytes out; identifiers and the time are handed in. It must not know HTTP, tenants or models:
//! which model is called, what it may cost and who pays are matters of the one path that every request goes (`api`).
//! Nothing is dropped silently: what cannot be carried is named in [`Translated::edits`] or refused with a [`BridgeError`].

pub mod messages;
pub mod pictures;
pub mod responses;

use bytes::Bytes;

use crate::relay::translate::Translator;

/// A request in another protocol as a chat request.
#[derive(Debug)]
pub struct Translated {
    /// The body for chat completions. A streamed one asks for usage itself (`stream_options.include_usage`).
    pub body: Bytes,
    /// What was left out or changed beyond the protocol, by name; the caller sees it in `x-flowgate-edits`.
    pub edits: Vec<&'static str>,
    /// The way back.
    pub back: Box<dyn Back>,
}

/// The way back of one answer.
pub trait Back: Send + Sync + std::fmt::Debug {
    /// A whole chat answer (JSON, put right by `relay::answer`) in the caller's protocol.
    ///
    /// # Errors
    /// [`BridgeError`] when it is no chat answer.
    fn whole(&self, answer: &[u8]) -> Result<Bytes, BridgeError>;

    /// What translates a streamed answer.
    fn stream(&self) -> Box<dyn Translator>;
}

/// Why something cannot be carried over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BridgeError {
    /// Cause and remedy in a sentence; never quotes what the caller wrote but for names of members.
    pub message: String,
    /// The member that it is about, such as `input[2].content`.
    pub param: Option<String>,
    /// OpenAI's `code`, where there is one.
    pub code: Option<&'static str>,
}

impl BridgeError {
    /// One about the member `param`.
    pub fn about(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), param: Some(param.into()), code: None }
    }

    /// A member or value that has no counterpart in a chat request.
    pub fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some("unsupported_parameter"), ..Self::about(param, message) }
    }
}
