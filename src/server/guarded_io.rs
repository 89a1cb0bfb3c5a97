//! A connection with limits of time: for a head to arrive, for an unused connection to stay, for a
//! caller to take what it is sent.
//!
//! Timers are lazy: one is set when there is something to wait for and looked at when it fires, so
//! that a busy connection pays nothing for them.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::active::Activity;
use super::drain::Drain;
use super::head_scan::HeadScan;

/// A caller that is still sending what nobody will read gets this long to notice (ours).
const LINGER: Duration = Duration::from_secs(2);

/// When the gateway stops, a head that has begun gets this long to be completed (ours).
const LATE_HEAD: Duration = Duration::from_secs(1);

/// Limits of time on a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct IoLimits {
    /// From the first byte of a head to its last.
    pub(super) header: Duration,
    /// Without a request.
    pub(super) idle: Duration,
    /// Without the peer taking any byte.
    pub(super) write: Duration,
}

/// A connection `T` under [`IoLimits`].
#[derive(Debug)]
pub(super) struct GuardedIo<T> {
    io: T,
    limits: IoLimits,
    activity: Arc<Activity>,
    drain: Drain,
    scan: HeadScan,
    /// Since when a head that has begun is awaited to end.
    head_since: Option<Instant>,
    read_timer: Option<Pin<Box<Sleep>>>,
    stalled_since: Option<Instant>,
    write_timer: Option<Pin<Box<Sleep>>>,
    /// HTTP/2 has no heads to look at between requests, only frames.
    is_http2: bool,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<T> GuardedIo<T> {
    pub(super) fn new(io: T, limits: IoLimits, activity: Arc<Activity>, drain: Drain) -> Self {
        Self {
            io,
            limits,
            activity,
            drain,
            scan: HeadScan::default(),
            head_since: None,
            read_timer: None,
            stalled_since: None,
            write_timer: None,
            is_http2: false,
            linger: None,
        }
    }

    /// Bytes arrived. While no request is being served they belong to a head.
    fn look(&mut self, bytes: &[u8]) {
        self.is_http2 |= self.activity.is_fresh() && bytes.starts_with(b"PRI * HTTP/2");
        if self.is_http2 || self.activity.is_busy() {
            return;
        }
        if self.head_since.is_none() {
            self.scan = HeadScan::default();
        }
        let was_over = self.scan.is_over();
        self.scan.look(bytes);
        if self.scan.is_contradictory() {
            self.activity.flag_contradiction();
        }
        if self.scan.is_over() {
            self.head_since = None;
            if !was_over {
                self.activity.scanned_head();
            }
        } else if self.scan.has_begun() {
            self.head_since.get_or_insert_with(Instant::now);
        }
    }

    /// When the peer must have sent something, if it must.
    fn read_deadline(&self) -> Option<Instant> {
        if self.activity.is_busy() {
            return None;
        }
        let limit = |limit: Duration| if self.drain.has_begun() { limit.min(LATE_HEAD) } else { limit };
        Some(match self.head_since {
            Some(since) => since + limit(self.limits.header),
            // A new connection that says nothing is a head that does not come.
            None if self.activity.is_fresh() && !self.is_http2 => {
                self.activity.idle_since() + limit(self.limits.header)
            }
            None => self.activity.idle_since() + limit(self.limits.idle),
        })
    }

    /// Pending while there is time; an error when a head or the next request is overdue. While a request
    /// is being served the timer only looks from time to time whether it has ended.
    fn poll_read_limit(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let deadline = self.read_deadline();
        // Most of the time a timer runs already: nobody has to look at the clock.
        let is_early = |timer: &mut Pin<Box<Sleep>>| deadline.is_none_or(|deadline| timer.deadline() <= deadline);
        if self.read_timer.as_mut().is_some_and(|timer| is_early(timer) && timer.as_mut().poll(context).is_pending()) {
            return Poll::Pending;
        }
        let now = Instant::now();
        let look_again = now + self.limits.header.min(self.limits.idle);
        poll_deadline(&mut self.read_timer, deadline.unwrap_or(look_again), now, context)
    }

    fn poll_write_limit(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let now = Instant::now();
        let since = *self.stalled_since.get_or_insert(now);
        poll_deadline(&mut self.write_timer, since + self.limits.write, now, context)
    }

    fn written<R>(&mut self, result: Poll<io::Result<R>>, context: &mut Context<'_>) -> Poll<io::Result<R>> {
        if result.is_ready() {
            self.stalled_since = None;
            return result;
        }
        self.poll_write_limit(context).map(|limit| limit.and(Err(timed_out())))
    }
}

/// Sets `timer` to fire no later than `deadline` and says whether that has passed. A timer that was
/// set for an earlier deadline fires early and is set again: cheaper than moving it every time.
fn poll_deadline(
    timer: &mut Option<Pin<Box<Sleep>>>,
    deadline: Instant,
    now: Instant,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    if now >= deadline {
        return Poll::Ready(Err(timed_out()));
    }
    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
    if timer.deadline() > deadline {
        timer.as_mut().reset(deadline);
    }
    while timer.as_mut().poll(context).is_ready() {
        timer.as_mut().reset(deadline.max(Instant::now() + Duration::from_millis(1)));
    }
    Poll::Pending
}

impl<T: AsyncRead + Unpin> GuardedIo<T> {
    /// Reads on for a while when the peer is in the middle of a body that was refused: closing at once
    /// would reset the connection, and the refusal would be lost on its way.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.io).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let timer = self.linger.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + LINGER)));
                    if timer.as_mut().poll(context).is_ready() {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(_ended) => return Poll::Ready(Ok(())),
                Poll::Pending => match &mut self.linger {
                    None => return Poll::Ready(Ok(())),
                    Some(timer) => return timer.as_mut().poll(context).map(Ok),
                },
            }
        }
    }
}

fn timed_out() -> io::Error {
    io::Error::from(io::ErrorKind::TimedOut)
}

impl<T: AsyncRead + Unpin> AsyncRead for GuardedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.io).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                self.look(&buffer.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_read_limit(context),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(context, bytes);
        self.written(result, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.written(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(context);
        self.written(result, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            let result = Pin::new(&mut self.io).poll_shutdown(context);
            ready!(self.written(result, context))?;
        }
        self.poll_linger(context)
    }
}
