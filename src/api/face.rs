//! Whose protocol a caller speaks, as far as errors are concerned.

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
        let is_messages = |segment: &str| segment == "messages" || segment.starts_with("messages?");
        if path.split('/').any(is_messages) { Self::Anthropic } else { Self::OpenAi }
    }
}
