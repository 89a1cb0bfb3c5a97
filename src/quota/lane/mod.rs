//! The way to one model through one account, or of one key: its limits, and the queue in front of them.

mod lessons;
mod line;
mod state;
mod wait;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

use super::ask::{Ask, Spent};
use super::fair::{Flow, Place};
use super::grant::{Admitted, Grant};
use super::hub::{Hub, lock};
use super::lanes::Way;
use super::limits::{Limit, Limits};
use super::meter::MeterSettings;
use super::metric::{Amounts, Metric};
use super::moment::Now;
use super::record::{Event, RecordRef};
use super::view::Left;
pub(super) use state::State;

/// Bounds of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// Most requests that may wait for one model of one account.
    pub most_waiting: usize,
}

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It would not fit even if it was alone.
    Never {
        /// What it is too large for.
        metric: Metric,
        /// And its limit.
        limit: Limit,
        /// What it needs at least.
        needs: u64,
    },
    /// It would have to wait longer than it may, or did.
    Later {
        /// What is full.
        metric: Option<Metric>,
        /// When it can start.
        wait: Duration,
    },
    /// Too many are waiting.
    Full {
        /// When it can start.
        wait: Duration,
    },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lane {
    /// As [`Way`](super::lanes::Way) writes it.
    pub(super) name: Arc<str>,
    pub(super) hub: Arc<Hub>,
    state: Mutex<State>,
}

/// What a new request meets.
enum Entered {
    Now(Box<Grant>),
    InLine(Arc<Lane>, Place, oneshot::Receiver<Box<Grant>>),
}

impl Lane {
    pub(super) fn new(
        name: Arc<str>,
        hub: Arc<Hub>,
        settings: MeterSettings,
        limits: Limits,
        bounds: QueueSettings,
    ) -> Self {
        let is_own = matches!(Way::parse(&name), Some(Way::Key(_)));
        Self { name, hub, state: Mutex::new(State::new(is_own, settings, limits, bounds)) }
    }

    /// Looks at, or changes, what is counted.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut lock(&self.state))
    }

    /// Other limits, queue bounds and concurrency from now on; nothing that was counted is lost.
    pub(super) fn configure(
        &self,
        settings: MeterSettings,
        base: Limits,
        bounds: QueueSettings,
        most_in_flight: Option<u64>,
    ) {
        let now = self.hub.now();
        self.with(|state| state.configure(settings, base, bounds, most_in_flight, now));
    }

    /// Lets the request `id` in, at once or when its turn has come. Dropping the future gives up the place.
    ///
    /// # Errors
    /// [`Refused`] when it would have to wait longer than `patience`, or for ever.
    pub(super) async fn enter(
        self: Arc<Self>,
        id: u64,
        now: Now,
        ask: &Ask,
        flow: &Flow,
        patience: Duration,
    ) -> Result<Box<Grant>, Refused> {
        let (lane, place, receiver) = match self.try_enter(id, now, ask, flow, patience)? {
            Entered::Now(grant) => return Ok(grant),
            Entered::InLine(lane, place, receiver) => (lane, place, receiver),
        };
        let _seat = Seat { lane: &lane, place };
        let deadline = lane.hub.clock().instant(now.at.plus(patience));
        match tokio::time::timeout_at(deadline, receiver).await {
            Ok(Ok(mut grant)) => {
                grant.waited = lane.hub.now().at.since(now.at);
                Ok(grant)
            }
            _ => Err(lane.too_late(ask, flow)),
        }
    }

    /// Patience is at its end.
    fn too_late(&self, ask: &Ask, flow: &Flow) -> Refused {
        let now = self.hub.now();
        self.with(|state| state.too_late(now, ask, flow))
    }

    /// Writes an event down, where there are limits that it counts for.
    pub(super) fn record(&self, event: Event) {
        if self.with(|state| state.is_recorded()) {
            self.write_down(&event);
        }
    }

    /// Writes an event down.
    pub(super) fn write_down(&self, event: &Event) {
        self.hub.record(&[RecordRef { lanes: &[&self.name], event }]);
    }

    /// What is left of each of `metrics`.
    pub(super) fn left<const N: usize>(&self, metrics: [Metric; N], now: Now) -> [Option<Left>; N] {
        self.with(|state| state.left(metrics, now))
    }

    /// The end of a request that was let in, to be written down, and what is left of each of `metrics` then.
    pub(super) fn settle<const N: usize>(
        self: &Arc<Self>,
        admitted: &Admitted,
        spent: Spent,
        now: Now,
        metrics: [Metric; N],
    ) -> (Event, [Option<Left>; N]) {
        let (learned, left) = self.with(|state| {
            let learned = state.end(admitted, spent, now);
            self.serve_line(state, now);
            (learned, state.left(metrics, now))
        });
        self.record_lessons(&learned);
        (Event::Settled { id: admitted.id, at: now, spent }, left)
    }

    /// A request that tried more than was ever let through was let in: others may try now.
    pub(super) fn accepted(self: &Arc<Self>, admitted: &Admitted) {
        let now = self.hub.now();
        self.with(|state| {
            state.accepted(admitted);
            self.serve_line(state, now);
        });
    }

    /// The upstream refused a request because of `metric` (or did not say why): it has cost nothing but itself.
    /// Whether by our own reckoning nothing was left by now.
    pub(super) fn refused(
        self: &Arc<Self>,
        admitted: &Admitted,
        metric: Option<Metric>,
        retry_after: Option<Duration>,
    ) -> bool {
        let now = self.hub.now();
        let lesson = self.with(|state| state.refused(admitted, metric, retry_after, now));
        self.record(Event::Settled { id: admitted.id, at: now, spent: Spent::Exactly(Amounts::default()) });
        self.record_lessons(&lesson.learned);
        if let Some(accounting) = lesson.accounting {
            self.record(Event::Counts { accounting });
        }
        self.dispatch(now);
        lesson.is_predicted
    }

    fn record_lessons(&self, learned: &[Metric]) {
        for metric in learned {
            let lesson = self.with(|state| state.beliefs.lesson(*metric));
            self.record(Event::Learned { metric: *metric, lesson });
        }
    }
}

/// A place in line that is given up when its caller goes.
struct Seat<'a> {
    lane: &'a Arc<Lane>,
    place: Place,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if self.lane.with(|state| state.leave(self.place)) {
            self.lane.dispatch(self.lane.hub.now());
        }
    }
}
