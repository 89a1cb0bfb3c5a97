//! Request bodies on their way to the upstream: whole, or streamed as they come.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Why a streamed request body ended early; carried through the HTTP client as an error source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyFailure {
    /// The caller's connection broke, or it sent too slowly.
    #[error("the caller's upload ended early: {0}")]
    Caller(String),
    /// The body outgrew its limit (bytes).
    #[error("the upload is larger than {0} bytes")]
    TooLarge(u64),
    /// The form names a model that this key may not use.
    #[error("the model `{0}` does not exist or this key has no access to it")]
    Model(String),
}

/// A streamed body, boxed: uploads are rare and large.
pub(super) type StreamedBody = Pin<Box<dyn Body<Data = Bytes, Error = BodyFailure> + Send + Sync>>;

/// The body of an upstream call.
pub enum RequestBody {
    /// All of it, once.
    Full(Bytes),
    /// As it comes from the caller.
    Streamed(StreamedBody),
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(bytes) => write!(formatter, "Full({} bytes)", bytes.len()),
            Self::Streamed(_) => formatter.write_str("Streamed"),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        match &mut *self {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streamed(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed(body) => body.size_hint(),
        }
    }
}
