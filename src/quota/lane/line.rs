//! Serving the line: who comes in at once, who is next, who may pass, and when to look again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Entered, Lane, Refused, State};
use crate::quota::ask::{Ask, Spent};
use crate::quota::fair::{Flow, Place};
use crate::quota::grant::Grant;
use crate::quota::hub::lock;
use crate::quota::meter::Blocked;
use crate::quota::metric::{Amounts, Metric};
use crate::quota::moment::Now;
use crate::quota::promise::plus;

/// How many times what it needs itself may go before the first in line because it fits now (ours): with less, large requests
/// leave more than 5 % of a window empty that charges `max_tokens` beforehand (94.1 % used with 1, 95.0 % with 3, more
/// with none; `benches/quota`, sliding before TPM 50k).
const MOST_PASSED: u64 = 3;
/// How far behind the first in line a short request is looked for (ours).
const LOOK_BEHIND: usize = 32;

/// A request in line.
#[derive(Debug)]
pub(super) struct Waiter {
    id: u64,
    pub(super) ask: Ask,
    flow: Flow,
    /// Whether it was told to come now.
    is_promised: bool,
    /// What it waits for, as far as that is known.
    pub(super) blocked: Option<Metric>,
    /// What shorter requests have taken while this one was first.
    passed: u64,
    grant: oneshot::Sender<Box<Grant>>,
}

impl Lane {
    pub(super) fn try_enter(
        self: Arc<Self>,
        id: u64,
        now: Now,
        ask: &Ask,
        flow: &Flow,
        patience: Duration,
    ) -> Result<Entered, Refused> {
        let mut state = lock(&self.state);
        state.promises.expire(now.at);
        state.check_size(ask)?;
        if !state.is_own {
            state.pace.seen(now.at, &flow.name);
        }
        let is_promised = state.promises.redeem(now.at, &flow.name, ask);
        let share = (flow, state.weight(ask));
        let blocked = match state.take_at_once(now, ask, share, is_promised) {
            Ok(taken) => {
                let admitted = state.let_in(id, ask, share, taken);
                drop(state);
                return Ok(Entered::Now(Grant::new(self, admitted, None)));
            }
            Err(blocked) => blocked,
        };
        if let Some(metric) = blocked {
            state.beliefs.pressed(metric);
        }
        if !is_promised {
            state.check_wait(now, ask, flow, blocked, patience)?;
        }
        let (grant, receiver) = oneshot::channel();
        let waiter = Waiter { id, ask: *ask, flow: flow.clone(), is_promised, blocked, passed: 0, grant };
        let place = match is_promised {
            true => state.queue.push_first(flow, share.1, waiter),
            false => state.queue.push(flow, share.1, waiter),
        };
        self.serve(&mut state, now);
        drop(state);
        Ok(Entered::InLine(self, place, receiver))
    }

    /// Lets in whoever's turn it is.
    pub(in crate::quota) fn dispatch(self: &Arc<Self>, now: Now) {
        self.serve_line(&mut lock(&self.state), now);
    }

    /// The same for whoever holds the lock.
    pub(super) fn serve_line(self: &Arc<Self>, state: &mut State, now: Now) {
        state.alarm = state.alarm.filter(|alarm| *alarm > now.at);
        state.promises.expire(now.at);
        self.serve(state, now);
    }

    fn serve(self: &Arc<Self>, state: &mut State, now: Now) {
        while let Some(place) = state.queue.first() {
            match self.try_serve(state, place, now) {
                Ok(()) => {}
                Err(blocked) => {
                    self.serve_behind(state, place, now, blocked);
                    self.set_alarm(state, now, blocked);
                    return;
                }
            }
        }
    }

    /// Serves the request at `place`, or forgets it if its caller has left.
    fn try_serve(self: &Arc<Self>, state: &mut State, place: Place, now: Now) -> Result<(), Option<Blocked>> {
        let Some(waiter) = state.queue.get_mut(place) else { return Ok(()) };
        if waiter.grant.is_closed() {
            state.queue.leave(place);
            return Ok(());
        }
        let (ask, is_promised) = (waiter.ask, waiter.is_promised);
        let kept = if is_promised { Amounts::default() } else { state.promises.due(now.at).0 };
        let taken = state.take(now, &ask, kept, is_promised)?;
        if let Some(waiter) = state.queue.serve(place) {
            let share = (&waiter.flow, state.weight(&ask));
            let admitted = state.let_in(waiter.id, &ask, share, taken);
            let grant = Grant::new(self.clone(), admitted, waiter.blocked);
            if let Err(mut refused) = waiter.grant.send(grant) {
                // The caller left in this very moment.
                state.settle(now, refused.disarm(), Spent::Nothing);
            }
        }
        Ok(())
    }

    /// The first in line does not fit yet. Requests behind it may go if it can start no later for that, and shorter ones until
    /// they have taken a few times what it needs itself: so it waits a few times as long at most. One that is told when to
    /// come again is passed by nobody then.
    fn serve_behind(self: &Arc<Self>, state: &mut State, first: Place, now: Now, blocked: Option<Blocked>) {
        if state.paced(now).is_some() {
            return;
        }
        let Some(waiter) = state.queue.get_mut(first) else { return };
        let (ask, mut passed) = (waiter.ask, waiter.passed);
        let needs = state.meter.size(&ask);
        state.pace.blocked(state.meter.level(needs, now));
        let start = blocked.and_then(|blocked| blocked.wake);
        let mut beside = Amounts::default();
        let behind = state.queue.iter().skip(1).take(LOOK_BEHIND);
        let behind: Vec<(Place, Ask)> = behind.map(|(place, waiter)| (place, waiter.ask)).collect();
        for (place, other) in behind {
            let (size, with_it) = (state.meter.size(&other), plus(beside, state.meter.demand(&other)));
            let is_free = start.is_some_and(|start| state.meter.fits_beside(now, start, &ask, with_it));
            let is_short = size <= needs && passed + size <= needs.saturating_mul(MOST_PASSED);
            if (is_free || is_short) && self.try_serve(state, place, now).is_ok() {
                match is_free {
                    true => beside = with_it,
                    false => passed += size,
                }
            }
        }
        if let Some(waiter) = state.queue.get_mut(first) {
            waiter.passed = passed;
        }
    }

    fn set_alarm(self: &Arc<Self>, state: &mut State, now: Now, blocked: Option<Blocked>) {
        if let Some(blocked) = blocked {
            state.beliefs.pressed(blocked.metric);
        }
        let kept_until = state.promises.due(now.at).1;
        let wake = blocked.and_then(|blocked| blocked.wake).into_iter().chain(kept_until).min();
        if let Some(wake) = wake.filter(|wake| state.alarm.is_none_or(|alarm| *wake < alarm)) {
            state.alarm = Some(wake);
            self.hub.wake(self, wake);
        }
    }
}
