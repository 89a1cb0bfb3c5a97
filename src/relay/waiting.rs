//! The body of an answer whose head went out before there was one: comments for as long as the caller waits, then the
//! answer's own bytes, or the error that came in its place.
//!
//! Polled by the caller's connection like every other body, so a caller who leaves ends the work with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::body::RelayBody;
use super::broken::RelayError;
use super::relayed::GRACE_AFTER_ERROR;

/// The rest of a request's way: the body of its answer, or the event that tells why there is none.
pub type Coming = Pin<Box<dyn Future<Output = Result<RelayBody, Bytes>> + Send>>;

/// See the module.
pub struct Waiting {
    state: State,
    interval: Duration,
    /// The sign of life.
    sign: &'static [u8],
    /// Of the next comment; after an error, of the end.
    timer: Pin<Box<Sleep>>,
}

enum State {
    Waiting(Coming),
    Answering(RelayBody),
    /// The error is out; the connection breaks when the timer is over.
    Failing,
    Ended,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Waiting").field("interval", &self.interval).finish_non_exhaustive()
    }
}

impl Waiting {
    /// `sign`, whole events, now and after every `interval` until `coming` is ready.
    pub fn new(coming: Coming, interval: Duration, sign: &'static [u8]) -> Self {
        Self { state: State::Waiting(coming), interval, sign, timer: Box::pin(sleep_until(Instant::now())) }
    }

    /// The next piece for the caller.
    pub(super) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        match &mut self.state {
            State::Waiting(coming) => match coming.as_mut().poll(context) {
                Poll::Pending => self.poll_comment(context),
                Poll::Ready(Ok(body)) => {
                    self.state = State::Answering(body);
                    self.poll_frame(context)
                }
                Poll::Ready(Err(event)) => {
                    self.timer.as_mut().reset(Instant::now() + GRACE_AFTER_ERROR);
                    self.state = State::Failing;
                    Poll::Ready(Some(Ok(Frame::data(event))))
                }
            },
            State::Answering(body) => Pin::new(body).poll_frame(context),
            State::Failing => {
                ready!(self.timer.as_mut().poll(context));
                self.state = State::Ended;
                Poll::Ready(Some(Err(RelayError::Broken("an error came in its place".to_owned()))))
            }
            State::Ended => Poll::Ready(None),
        }
    }

    fn poll_comment(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        ready!(self.timer.as_mut().poll(context));
        self.timer.as_mut().reset(Instant::now() + self.interval);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(self.sign)))))
    }

    /// Whether nothing more will come.
    pub(super) fn is_ended(&self) -> bool {
        match &self.state {
            State::Answering(body) => body.is_end_stream(),
            State::Ended => true,
            State::Waiting(_) | State::Failing => false,
        }
    }

    /// What is known of the length of the rest.
    pub(super) fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Answering(body) => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use tokio::sync::oneshot;

    const COMMENT: &[u8] = b": waiting\n\n";
    const INTERVAL: Duration = Duration::from_millis(20);

    /// A body that waits, and the end of its wait.
    fn waiting() -> (RelayBody, oneshot::Sender<Result<RelayBody, Bytes>>) {
        let (answer, coming) = oneshot::channel();
        let coming = Box::pin(async { coming.await.unwrap_or(Err(Bytes::new())) });
        (RelayBody::Waiting(Box::new(Waiting::new(coming, INTERVAL, COMMENT))), answer)
    }

    async fn next(body: &mut RelayBody) -> Option<Result<Bytes, RelayError>> {
        body.frame().await.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
    }

    #[tokio::test]
    async fn comments_come_in_time_and_then_the_answer() {
        let (mut body, answer) = waiting();
        let began = Instant::now();
        for comment in 0..3 {
            assert_eq!(next(&mut body).await, Some(Ok(Bytes::from_static(COMMENT))));
            assert!(began.elapsed() >= INTERVAL * comment);
        }
        answer.send(Ok(RelayBody::plain("data: 1\n\n"))).unwrap();
        assert_eq!(next(&mut body).await, Some(Ok(Bytes::from_static(b"data: 1\n\n"))));
        assert!(body.is_end_stream());
        assert_eq!(next(&mut body).await, None);
    }

    #[tokio::test]
    async fn an_error_is_told_and_then_the_end_is_unclean() {
        let (mut body, answer) = waiting();
        answer.send(Err(Bytes::from_static(b"data: {}\n\n"))).unwrap();
        assert_eq!(next(&mut body).await, Some(Ok(Bytes::from_static(b"data: {}\n\n"))));
        assert!(!body.is_end_stream());
        assert!(matches!(next(&mut body).await, Some(Err(RelayError::Broken(_)))));
        assert_eq!(next(&mut body).await, None);
    }
}
