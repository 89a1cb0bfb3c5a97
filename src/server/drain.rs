//! The end: no new connections, open requests finish, then the rest is cut.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// Tells everybody when to stop: first to begin nothing new, later to end at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Drain {
    begun: Arc<AtomicBool>,
    begin: CancellationToken,
    cut: CancellationToken,
}

impl Drain {
    /// Begin nothing new.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.begin.cancel();
    }

    /// End now.
    pub(super) fn cut(&self) {
        self.begin();
        self.cut.cancel();
    }

    /// Whether nothing new is to begin.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Cancelled when everything has to end.
    pub(super) fn end(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// Ready when nothing new is to begin.
    pub(super) async fn begins(&self) {
        self.begin.cancelled().await;
    }

    /// Waits for open `connections` up to `limit`, or until `hurry` is ready, then cuts them; how many it had to cut.
    pub(super) async fn finish(
        &self,
        connections: &TaskTracker,
        limit: Duration,
        hurry: impl Future<Output = ()>,
    ) -> usize {
        connections.close();
        if !connections.is_empty() {
            info!(open = connections.len(), "no new requests; finishing the open ones");
        }
        let is_done = tokio::select! {
            () = connections.wait() => true,
            () = tokio::time::sleep(limit) => false,
            () = hurry => false,
        };
        let cut = if is_done { 0 } else { connections.len() };
        if cut > 0 {
            warn!(cut, "the time to finish is over; closing what is still open");
        }
        self.cut();
        connections.wait().await;
        cut
    }

    /// Runs a connection; when the drain begins, `wind_down` is called on it once.
    pub(super) fn watch<C: Future>(&self, connection: C, wind_down: fn(Pin<&mut C>)) -> Watched<C> {
        let (begin, cut) = (self.begin.clone().cancelled_owned(), self.cut.clone().cancelled_owned());
        Watched {
            connection: Box::pin(connection),
            drain: self.clone(),
            begin: Box::pin(begin),
            cut: Box::pin(cut),
            wind_down,
            is_set: false,
            is_winding_down: false,
        }
    }
}

/// A connection that hears of the drain. The two signals are registered once and looked at through an
/// atomic afterwards: a connection is polled for every event of a stream.
pub(super) struct Watched<C> {
    connection: Pin<Box<C>>,
    drain: Drain,
    begin: Pin<Box<WaitForCancellationFutureOwned>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    wind_down: fn(Pin<&mut C>),
    is_set: bool,
    is_winding_down: bool,
}

impl<C: Future> Future for Watched<C> {
    /// The connection's own result; `None` when it was cut.
    type Output = Option<C::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.is_set || this.drain.has_begun() {
            this.is_set = true;
            if pin!(&mut this.cut).poll(context).is_ready() {
                return Poll::Ready(None);
            }
            if !this.is_winding_down && pin!(&mut this.begin).poll(context).is_ready() {
                this.is_winding_down = true;
                (this.wind_down)(this.connection.as_mut());
            }
        }
        this.connection.as_mut().poll(context).map(Some)
    }
}
