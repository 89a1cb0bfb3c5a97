//! Futures that answer one request after another. All that a request may go through makes its future some seven kilobytes, of
//! which most requests touch the half; to make one for each would copy all of it, to memory that no cache has. So a
//! worker whose request is over waits for the next one, of whichever connection.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;

use super::service::Plane;

/// Workers that are kept for the next requests (ours: half a megabyte). More may be at work.
const MOST_IDLE: usize = 64;

/// A request for a plane.
pub(super) struct Asked {
    pub(super) request: Request<Incoming>,
    pub(super) peer: IpAddr,
    /// Whether its head gave the length of its body twice.
    pub(super) is_contradictory: bool,
}

/// The workers of a plane that wait for requests.
pub(super) struct Workers<P: Plane> {
    plane: P,
    idle: Mutex<Vec<Worker<P>>>,
}

impl<P: Plane> fmt::Debug for Workers<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Workers").field("idle", &lock(&self.idle).len()).finish_non_exhaustive()
    }
}

impl<P: Plane> Workers<P> {
    /// None yet.
    pub(super) fn new(plane: P) -> Arc<Self> {
        Arc::new(Self { plane, idle: Mutex::default() })
    }

    /// Answers one request. Dropping the future abandons it.
    pub(super) fn answer(self: &Arc<Self>, asked: Asked) -> Answering<P> {
        // The one that was used last is in the caches still.
        let idle = lock(&self.idle).pop();
        let worker = idle.unwrap_or_else(|| Worker::new(self.plane.clone()));
        *lock(&worker.desk.asked) = Some(asked);
        Answering { worker: Some(worker), workers: self.clone() }
    }

    fn keep(&self, worker: Worker<P>) {
        let mut idle = lock(&self.idle);
        if idle.len() < MOST_IDLE {
            idle.push(worker);
        }
    }
}

/// A request that a worker is at.
pub(super) struct Answering<P: Plane> {
    /// Gone with the request, if that is abandoned.
    worker: Option<Worker<P>>,
    workers: Arc<Workers<P>>,
}

impl<P: Plane> Future for Answering<P> {
    type Output = Response<P::Body>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(worker) = &mut this.worker else { return Poll::Pending };
        if let Poll::Ready(never) = worker.work.as_mut().poll(context) {
            match never {}
        }
        let Some(answer) = lock(&worker.desk.answer).take() else { return Poll::Pending };
        this.worker.take().into_iter().for_each(|worker| this.workers.keep(worker));
        Poll::Ready(answer)
    }
}

struct Worker<P: Plane> {
    work: Pin<Box<dyn Future<Output = Infallible> + Send>>,
    desk: Arc<Desk<P>>,
}

impl<P: Plane> Worker<P> {
    fn new(plane: P) -> Self {
        let desk = Arc::new(Desk { asked: Mutex::new(None), answer: Mutex::new(None) });
        Self { work: Box::pin(work(plane, desk.clone())), desk }
    }
}

/// Where a worker finds its request and leaves its answer. Only one task at a time looks at it.
struct Desk<P: Plane> {
    asked: Mutex<Option<Asked>>,
    answer: Mutex<Option<Response<P::Body>>>,
}

async fn work<P: Plane>(plane: P, desk: Arc<Desk<P>>) -> Infallible {
    loop {
        // Whoever lays a request down polls next.
        let asked = poll_fn(|_| lock(&desk.asked).take().map_or(Poll::Pending, Poll::Ready)).await;
        let answer = plane.answer(asked.request, asked.peer, asked.is_contradictory).await;
        *lock(&desk.answer) = Some(answer);
    }
}

/// What is put there is put whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
