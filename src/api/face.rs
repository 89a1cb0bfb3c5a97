//! Whose protocol a caller speaks, as far as errors and headers are concerned.

use http::StatusCode;

use super::error::{OVERLOADED, View};

/// The shape of errors that a caller expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// OpenAI's, everywhere but at `/messages`.
    OpenAi,
    /// Anthropic's.
    Anthropic,
}

impl Face {
    /// That of the callers of `path`.
    pub fn of(path: &str) -> Self {
        let is_messages = |segment: &[u8]| segment == b"messages" || segment.starts_with(b"messages?");
        if path.as_bytes().split(|byte| *byte == b'/').any(is_messages) { Self::Anthropic } else { Self::OpenAi }
    }

    /// The status of an error: Anthropic has one of its own for what is overloaded, by which its tools know that waiting helps.
    pub fn status(self, view: &View) -> StatusCode {
        match self {
            Self::Anthropic if view.kind == OVERLOADED => StatusCode::from_u16(529).unwrap_or(view.status),
            _ => view.status,
        }
    }
}
