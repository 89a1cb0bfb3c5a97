//! What one connection is doing, shared between its I/O (which enforces limits of time) and its
//! service (which knows when a request begins and ends).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The state of one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    requests: AtomicUsize,
    is_contradictory: AtomicBool,
}

impl Activity {
    /// Whether a request is being served.
    pub(super) fn is_busy(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    /// The head that just arrived gives two lengths.
    pub(super) fn flag_contradiction(&self) {
        self.is_contradictory.store(true, Ordering::Relaxed);
    }

    /// Whether such a head arrived on this connection.
    pub(super) fn is_contradictory(&self) -> bool {
        self.is_contradictory.load(Ordering::Relaxed)
    }

    /// A request begins; it ends when the result is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Active {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Active(self.clone())
    }
}

/// A request being served.
#[derive(Debug)]
pub(super) struct Active(Arc<Activity>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer's body that ends its request when it is dropped.
#[derive(Debug)]
pub(super) struct Tracked<B> {
    body: B,
    _active: Active,
}

impl<B> Tracked<B> {
    pub(super) fn new(body: B, active: Active) -> Self {
        Self { body, _active: active }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Tracked<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
