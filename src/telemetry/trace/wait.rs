//! The span of a request's time in line.

use std::time::SystemTime;

use super::request::RequestTrace;
use super::value::Kind;
use crate::telemetry::printable::Printable;

/// A request that asks to be let in. Dropped without [`admitted`](Self::admitted) it was refused, or its caller left.
#[derive(Debug)]
pub struct WaitTrace<'a> {
    request: &'a RequestTrace,
    model: &'a str,
    /// `None` once it is over, and where nothing is traced.
    since: Option<SystemTime>,
}

impl<'a> WaitTrace<'a> {
    pub(super) fn new(request: &'a RequestTrace, model: &'a str) -> Self {
        Self { request, model, since: request.span.is_recording().then(SystemTime::now) }
    }

    /// It was let in, for `reason` (a label of the metric `flowgate_queue_wait_seconds`) not at once if it `has_waited`. One that
    /// did not wait has no span.
    pub fn admitted(mut self, has_waited: bool, reason: &'static str) {
        let since = self.since.take();
        if has_waited {
            self.tell(since, "admitted", Some(reason));
        }
    }

    fn tell(&self, since: Option<SystemTime>, outcome: &'static str, reason: Option<&'static str>) {
        let Some(since) = since else { return };
        let mut span = self.request.span.child(Kind::Internal, Some(since), || "queue".to_owned());
        span.set("gen_ai.request.model", Printable(self.model).to_string());
        span.set("flowgate.queue.outcome", outcome);
        if let Some(reason) = reason {
            span.set("flowgate.queue.reason", reason);
        }
    }
}

impl Drop for WaitTrace<'_> {
    fn drop(&mut self) {
        let since = self.since.take();
        self.tell(since, "not_admitted", None);
    }
}
