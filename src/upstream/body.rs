//! Request bodies on their way to the upstream: whole, or streamed as they come.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;

/// Why a streamed request body ended early; carried through the HTTP client as an error source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyFailure {
    /// The caller's connection broke, or it sent too slowly.
    #[error("the caller's upload ended early: {0}")]
    Caller(String),
    /// It came too slowly (the time it had, besides what its bytes earned).
    #[error("the upload did not arrive in time ({0:?} and a second for each KiB)")]
    TooSlow(Duration),
    /// The body outgrew its limit (bytes).
    #[error("the upload is larger than {0} bytes")]
    TooLarge(u64),
    /// The form names a model that this key may not use.
    #[error("the model `{0}` does not exist or this key has no access to it")]
    Model(String),
    /// The form names two models: its place in line was for the first, and which one would run nobody knows.
    #[error("the form names two different models, send one")]
    TwoModels,
}

/// A streamed body, boxed: uploads are rare and large.
pub(super) type StreamedBody = Pin<Box<dyn Body<Data = Bytes, Error = BodyFailure> + Send + Sync>>;

/// The body of an upstream call.
pub enum RequestBody {
    /// All of it, once.
    Full(Bytes),
    /// As it comes from the caller; the receiver is ready when all of it has been handed over.
    Streamed(StreamedBody, oneshot::Receiver<()>),
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(bytes) => write!(formatter, "Full({} bytes)", bytes.len()),
            Self::Streamed(..) => formatter.write_str("Streamed"),
        }
    }
}

impl RequestBody {
    /// The same body once more, if it is at hand.
    pub fn copy(&self) -> Option<Self> {
        match self {
            Self::Full(bytes) => Some(Self::Full(bytes.clone())),
            Self::Streamed(..) => None,
        }
    }

    /// Ready when the body has been handed over: at once for a whole one.
    pub(super) fn sent(&mut self) -> Option<oneshot::Receiver<()>> {
        let (_unused, closed) = oneshot::channel();
        match self {
            Self::Full(_) => None,
            Self::Streamed(_, sent) => Some(std::mem::replace(sent, closed)),
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
            Self::Streamed(body, _) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Streamed(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed(body, _) => body.size_hint(),
        }
    }
}
