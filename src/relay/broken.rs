//! Why a body broke off in the middle, and how its caller is told.

use std::time::Duration;

use bytes::Bytes;

use super::chat_stream::StreamFault;
use super::translate::Failure;
use crate::quota::budget::Exceeded;

/// Why a relayed body broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// The upstream's connection broke, or it sent what is not HTTP.
    #[error("SiliconFlow's answer broke off ({0})")]
    Broken(String),
    /// Nothing came for too long.
    #[error("SiliconFlow sent nothing for {0:?} (upstream.idle_timeout)")]
    Idle(Duration),
    /// The answer took too long in all.
    #[error("the answer took longer than upstream.total_timeout")]
    Total,
    /// The stream itself is wrong.
    #[error(transparent)]
    Stream(StreamFault),
    /// The answer grew beyond what a budget has room for.
    #[error(transparent)]
    Budget(Box<Exceeded>),
    /// What the gateway keeps cannot be read.
    #[error("the gateway could not read what it keeps ({0})")]
    Own(String),
    /// The caller's key was taken back.
    #[error("Your API key was revoked or has expired; ask the operator of this gateway for a new one")]
    Revoked,
}

impl RelayError {
    /// The closed-set label for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Broken(_) => "stream_broken",
            Self::Idle(_) => "idle_timeout",
            Self::Total => "total_timeout",
            Self::Stream(StreamFault::Error(_)) => "stream_error",
            Self::Stream(_) => "stream_broken",
            Self::Budget(_) => "budget",
            Self::Own(_) => "own",
            Self::Revoked => "revoked",
        }
    }

    /// Whether it counts as a failure of the upstream.
    pub fn is_upstreams(&self) -> bool {
        !matches!(self, Self::Budget(_) | Self::Own(_) | Self::Revoked)
    }
}

/// What a caller is told when its stream breaks off.
#[derive(Debug)]
pub struct Told {
    /// OpenAI's `type`.
    pub kind: &'static str,
    /// OpenAI's `code`.
    pub code: Option<&'static str>,
    /// Cause and remedy.
    pub message: String,
    /// All of it as one event of a chat stream, or of the upstream's own Anthropic one.
    pub event: Bytes,
}

impl Told {
    /// It without the event, for streams in another protocol.
    pub fn failure(&self) -> Failure<'_> {
        Failure { kind: self.kind, code: self.code, message: &self.message }
    }
}

/// Finds the words that tell a caller why its stream broke off.
pub struct ErrorEvent(Box<dyn Fn(&RelayError) -> Told + Send + Sync>);

impl ErrorEvent {
    /// `tell` finds the words.
    pub fn new(tell: impl Fn(&RelayError) -> Told + Send + Sync + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// The words for `error`.
    pub(super) fn of(&self, error: &RelayError) -> Told {
        (self.0)(error)
    }
}

impl std::fmt::Debug for ErrorEvent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ErrorEvent")
    }
}
