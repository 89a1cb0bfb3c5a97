//! Ends a body when the key that it is for is taken back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What a body watches. It is registered once for each task that polls it, and looked at through an atomic otherwise: a
/// body is polled for every event of a stream.
pub struct Cut {
    is_cut: Arc<AtomicBool>,
    signal: Pin<Box<WaitForCancellationFutureOwned>>,
    waker: Option<Waker>,
}

impl std::fmt::Debug for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Cut")
    }
}

impl Cut {
    /// Ends a body when `is_cut`, which is set before `signal` is given.
    pub fn new(is_cut: Arc<AtomicBool>, signal: CancellationToken) -> Self {
        Self { is_cut, signal: Box::pin(signal.cancelled_owned()), waker: None }
    }

    /// Whether the body is to end; if not, its task is woken when it is.
    pub(super) fn is_due(&mut self, context: &mut Context<'_>) -> bool {
        let is_registered = self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if is_registered {
            return self.is_cut.load(Ordering::Acquire);
        }
        self.waker = Some(context.waker().clone());
        self.signal.as_mut().poll(context).is_ready()
    }
}
