//! What one connection is doing, shared between its I/O (which enforces limits of time) and its
//! service (which knows when a request begins and ends).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    made: Instant,
    /// Requests being served.
    open: AtomicUsize,
    /// When the last one ended (milliseconds after `made`).
    idle_since: AtomicU64,
    /// Requests that have begun, and heads that were looked at on their way in.
    begun: AtomicUsize,
    scanned: AtomicUsize,
    is_contradictory: AtomicBool,
}

impl Activity {
    /// A connection that was just made.
    pub(super) fn new() -> Self {
        Self {
            made: Instant::now(),
            open: AtomicUsize::new(0),
            idle_since: AtomicU64::new(0),
            begun: AtomicUsize::new(0),
            scanned: AtomicUsize::new(0),
            is_contradictory: AtomicBool::new(false),
        }
    }

    /// Whether a request is being served.
    pub(super) fn is_busy(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Whether no request has begun yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.begun.load(Ordering::Relaxed) == 0
    }

    /// Since when no request is being served.
    pub(super) fn idle_since(&self) -> Instant {
        self.made + Duration::from_millis(self.idle_since.load(Ordering::Relaxed))
    }

    /// A whole head was looked at.
    pub(super) fn scanned_head(&self) {
        self.scanned.fetch_add(1, Ordering::Relaxed);
    }

    /// The head that just arrived gives two lengths.
    pub(super) fn flag_contradiction(&self) {
        self.is_contradictory.store(true, Ordering::Relaxed);
    }

    /// A request begins; it ends when the result is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Active {
        self.open.fetch_add(1, Ordering::Relaxed);
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        Active { activity: self.clone(), is_scanned: number <= self.scanned.load(Ordering::Relaxed) }
    }
}

/// A request being served.
#[derive(Debug)]
pub(super) struct Active {
    activity: Arc<Activity>,
    is_scanned: bool,
}

impl Active {
    /// Whether a request with a body in chunks may carry a second length: its head gives one, or came
    /// in behind another request, where nobody looked.
    pub(super) fn is_doubtful(&self) -> bool {
        !self.is_scanned || self.activity.is_contradictory.load(Ordering::Relaxed)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let now = u64::try_from(self.activity.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.activity.idle_since.store(now, Ordering::Relaxed);
        self.activity.open.fetch_sub(1, Ordering::Relaxed);
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
