//! An answer whose caller may leave in the middle of it: then the upstream is closed, or, where the key says `drain`, the
//! answer is read on to its end beside all callers, so that its usage is known exactly.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::broken::RelayError;
use super::relayed::Relayed;

/// Answers that are read on at once (ours): each has a connection. Beyond that they are cut off like others.
const MOST_DRAINED: usize = 256;

/// Reads answers on whose callers have left. All clones are the same one.
#[derive(Clone)]
pub struct Drainer {
    tasks: TaskTracker,
    stop: CancellationToken,
    room: Arc<Semaphore>,
    runtime: Handle,
}

impl fmt::Debug for Drainer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Drainer")
    }
}

impl Drainer {
    /// One whose work is waited for in `tasks`, until `stop` cuts it off. To be called on a runtime.
    pub fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { tasks, stop, room: Arc::new(Semaphore::new(MOST_DRAINED)), runtime: Handle::current() }
    }

    /// Reads `body` on to its end, under its own limits of time. Where there is no room, dropping it closes the upstream.
    fn take(&self, mut body: Box<Relayed>) {
        let Ok(permit) = self.room.clone().try_acquire_owned() else { return };
        let stop = self.stop.clone();
        let reading = async move {
            let _permit = permit;
            body.has_left();
            let to_its_end = poll_fn(|context| {
                while let Some(Ok(_nobody_reads_it)) = std::task::ready!(body.poll_frame(context)) {}
                Poll::Ready(())
            });
            stop.run_until_cancelled(to_its_end).await;
        };
        self.tasks.spawn_on(reading, &self.runtime);
    }
}

/// A relayed body on its way to a caller.
#[derive(Debug)]
pub struct Leaving {
    /// Always there until this is dropped.
    body: Option<Box<Relayed>>,
    drainer: Option<Drainer>,
}

impl Leaving {
    /// `body`, which `drainer` reads on if its caller leaves.
    pub fn new(body: Relayed, drainer: Option<Drainer>) -> Self {
        Self { body: Some(Box::new(body)), drainer }
    }

    pub(super) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        self.body.as_mut().map_or(Poll::Ready(None), |body| body.poll_frame(context))
    }

    pub(super) fn is_ended(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_ended())
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), |body| body.size_hint())
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let (Some(body), Some(drainer)) = (self.body.take(), &self.drainer)
            && body.is_under_way()
        {
            drainer.take(body);
        }
    }
}
