//! A body that the gateway makes itself, piece by piece, of a length that is known: what it keeps on the disk.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::broken::RelayError;

/// See the module.
pub struct Made(Pin<Box<dyn Body<Data = Bytes, Error = io::Error> + Send>>);

impl fmt::Debug for Made {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Made").field(&self.size_hint()).finish()
    }
}

impl Made {
    /// What `body` says.
    pub fn new(body: impl Body<Data = Bytes, Error = io::Error> + Send + 'static) -> Self {
        Self(Box::pin(body))
    }

    pub(super) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let failed = |error: io::Error| RelayError::Own(error.kind().to_string());
        self.0.as_mut().poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(failed)))
    }

    pub(super) fn is_ended(&self) -> bool {
        self.0.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
