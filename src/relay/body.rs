//! The body of an answer to a caller: whole, or relayed from the upstream as it comes.
//!
//! A relayed body is polled by the caller's connection, so a slow caller slows the upstream down and
//! nothing piles up. Dropping it closes the upstream call.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

pub use super::broken::RelayError;
use super::leaving::Leaving;
use super::made::Made;
pub use super::relayed::Relayed;
use super::waiting::Waiting;

/// The body of an answer.
#[derive(Debug)]
pub enum RelayBody {
    /// All of it; settled before.
    Whole(Bytes),
    /// A refusal, with the part of the request that was not read: dropping that before the refusal is
    /// sent would cancel an HTTP/2 stream, and the caller would never learn why.
    Refusal(Bytes, Incoming),
    /// As it comes from the upstream.
    Relayed(Leaving),
    /// Comments first: there was no answer yet when the head went out.
    Waiting(Box<Waiting>),
    /// Made by the gateway; settled before.
    Made(Made),
}

impl RelayBody {
    /// A body of `bytes` with nothing to settle.
    pub fn plain(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(bytes.into())
    }

    /// Keeps what was not read of the request until this is sent.
    #[must_use]
    pub fn with_unread(self, request: Incoming) -> Self {
        match self {
            Self::Whole(bytes) => Self::Refusal(bytes, request),
            body => body,
        }
    }
}

impl Body for RelayBody {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        match &mut *self {
            Self::Whole(bytes) | Self::Refusal(bytes, _) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Relayed(body) => body.poll_frame(context),
            Self::Waiting(body) => body.poll_frame(context),
            Self::Made(body) => body.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) | Self::Refusal(bytes, _) => bytes.is_empty(),
            Self::Relayed(body) => body.is_ended(),
            Self::Waiting(body) => body.is_ended(),
            Self::Made(body) => body.is_ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) | Self::Refusal(bytes, _) => SizeHint::with_exact(bytes.len() as u64),
            Self::Relayed(body) => body.size_hint(),
            Self::Waiting(body) => body.size_hint(),
            Self::Made(body) => body.size_hint(),
        }
    }
}
