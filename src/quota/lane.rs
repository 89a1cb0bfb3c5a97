//! The way to one model through one account, or of one key: its limits, and the queue in front of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

use super::ask::{Ask, Guess, Spent};
use super::fair::{FairQueue, Flow, Place};
use super::grant::Grant;
use super::hub::{Hub, lock};
use super::hypotheses::Hypotheses;
use super::learn::Beliefs;
use super::limits::{Limit, Limits};
use super::meter::{Blocked, Meter, MeterSettings, Taken};
use super::metric::{Amounts, Metric};
use super::moment::{Moment, Now};
use super::pace::Pace;
use super::promise::{Promises, plus};
use super::record::{Event, RecordRef};
use super::view::Left;

/// A request may pass one that needs at least so many times as much (ours).
const MUCH_SHORTER: u64 = 4;
/// How far behind the first in line a short request is looked for (ours).
const LOOK_BEHIND: usize = 32;
/// How many may try at once whether more is let through than ever before (ours): so many are refused if it is not.
const MOST_ON_TRIAL: usize = 2;
/// How often a moment is moved because of promises before it (ours); then it is near enough.
const MOST_LOOKS: usize = 64;
/// How far ahead promises are looked at together (ours): moments told are wrong by no more than the last.
const FIRST_STRIDE: Duration = Duration::from_millis(1);
const LAST_STRIDE: Duration = Duration::from_millis(500);

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

#[derive(Debug)]
struct Waiter {
    ask: Ask,
    flow: Flow,
    since: Moment,
    /// Whether it was told to come now.
    is_promised: bool,
    /// What it waits for, as far as that is known.
    blocked: Option<Metric>,
    /// What shorter requests have taken while this one was first.
    passed: u64,
    grant: oneshot::Sender<Grant>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) meter: Meter,
    pub(super) beliefs: Beliefs,
    queue: FairQueue<Waiter>,
    promises: Promises,
    /// Requests under way, by their numbers.
    pub(super) open: HashMap<u64, Taken>,
    /// Those of them that try more than was ever let through.
    on_trial: HashSet<u64>,
    pace: Pace,
    most_in_flight: Option<u64>,
    hypotheses: Option<Hypotheses>,
    /// When the hub will look again.
    alarm: Option<Moment>,
    bounds: QueueSettings,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: Arc<str>,
    pub(super) hub: Arc<Hub>,
    state: Mutex<State>,
}

/// What a new request meets.
enum Entered {
    Now(Grant),
    InLine(Place, oneshot::Receiver<Grant>),
}

impl Lane {
    pub(super) fn new(
        name: Arc<str>,
        hub: Arc<Hub>,
        settings: MeterSettings,
        limits: Limits,
        bounds: QueueSettings,
    ) -> Self {
        let state = State {
            meter: Meter::new(settings, limits),
            beliefs: Beliefs::new(limits),
            queue: FairQueue::default(),
            promises: Promises::default(),
            open: HashMap::new(),
            on_trial: HashSet::new(),
            pace: Pace::default(),
            most_in_flight: None,
            hypotheses: settings.learns.then(|| Hypotheses::new(settings, limits)),
            alarm: None,
            bounds,
        };
        Self { name, hub, state: Mutex::new(state) }
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
        self.with(|state| {
            state.configure(settings, now);
            state.beliefs.set_base(base);
            state.set_limits();
            state.bounds = bounds;
            state.most_in_flight = most_in_flight;
        });
    }

    /// Lets a request in, at once or when its turn has come. Dropping the future gives up the place.
    ///
    /// # Errors
    /// [`Refused`] when it would have to wait longer than `patience`, or for ever.
    pub(super) async fn enter(self: &Arc<Self>, ask: &Ask, flow: &Flow, patience: Duration) -> Result<Grant, Refused> {
        let now = self.hub.now();
        let (place, receiver) = match self.try_enter(now, ask, flow, patience)? {
            Entered::Now(grant) => return Ok(grant),
            Entered::InLine(place, receiver) => (place, receiver),
        };
        let _seat = Seat { lane: self, place };
        let deadline = self.hub.clock().instant(now.at.plus(patience));
        match tokio::time::timeout_at(deadline, receiver).await {
            Ok(Ok(mut grant)) => {
                grant.waited = self.hub.now().at.since(now.at);
                Ok(grant)
            }
            _ => Err(self.too_late(ask, flow)),
        }
    }

    fn try_enter(self: &Arc<Self>, now: Now, ask: &Ask, flow: &Flow, patience: Duration) -> Result<Entered, Refused> {
        let mut state = lock(&self.state);
        state.refresh(now);
        state.check_size(ask)?;
        state.pace.seen(now.at, &flow.name);
        let is_promised = state.promises.redeem(now.at, &flow.name, ask);
        let blocked = match state.take_at_once(now, ask, flow, is_promised) {
            Ok(taken) => return Ok(Entered::Now(self.grant(&mut state, ask, flow, taken, now.at))),
            Err(blocked) => blocked,
        };
        if let Some(metric) = blocked {
            state.beliefs.pressed(metric);
        }
        if !is_promised {
            state.check_wait(now, ask, flow, blocked, patience)?;
        }
        let (grant, receiver) = oneshot::channel();
        let waiter = Waiter { ask: *ask, flow: flow.clone(), since: now.at, is_promised, blocked, passed: 0, grant };
        let place = match is_promised {
            true => state.queue.push_first(flow, cost(ask), waiter),
            false => state.queue.push(flow, cost(ask), waiter),
        };
        self.serve(&mut state, now);
        Ok(Entered::InLine(place, receiver))
    }

    /// Lets in whoever's turn it is.
    pub(super) fn dispatch(self: &Arc<Self>, now: Now) {
        let mut state = lock(&self.state);
        state.alarm = state.alarm.filter(|alarm| *alarm > now.at);
        state.refresh(now);
        self.serve(&mut state, now);
    }

    fn serve(self: &Arc<Self>, state: &mut State, now: Now) {
        while let Some(place) = state.queue.first() {
            match self.try_serve(state, place, now) {
                Ok(()) => {}
                Err(blocked) => {
                    self.serve_short(state, place, now);
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
            let mut grant = self.grant(state, &ask, &waiter.flow, taken, waiter.since);
            grant.blocked = waiter.blocked;
            if let Err(mut refused) = waiter.grant.send(grant) {
                // The caller left in this very moment.
                refused.disarm();
                state.settle(now, refused.id, Spent::Nothing);
            }
        }
        Ok(())
    }

    /// The first in line does not fit yet: much shorter requests behind it may go, until they have taken as much as it
    /// needs itself. So it waits at most twice as long.
    fn serve_short(self: &Arc<Self>, state: &mut State, first: Place, now: Now) {
        let Some(waiter) = state.queue.get_mut(first) else { return };
        let (ask, mut passed) = (waiter.ask, waiter.passed);
        let needs = state.meter.size(&ask);
        let behind = state.queue.iter().skip(1).take(LOOK_BEHIND);
        let sizes = behind.map(|(place, waiter)| (place, state.meter.size(&waiter.ask)));
        let short: Vec<(Place, u64)> = sizes.filter(|(_, size)| size.saturating_mul(MUCH_SHORTER) <= needs).collect();
        for (place, size) in short {
            if passed + size <= needs && self.try_serve(state, place, now).is_ok() {
                passed += size;
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

    fn grant(self: &Arc<Self>, state: &mut State, ask: &Ask, flow: &Flow, taken: Taken, since: Moment) -> Grant {
        let id = self.hub.next_id();
        if state.is_tried(taken.at) {
            state.on_trial.insert(id);
        }
        state.open.insert(id, taken);
        if let Some(hypotheses) = &mut state.hypotheses {
            hypotheses.took(id, taken.at, ask);
        }
        let levels = Metric::ALL.map(|metric| state.meter.used(metric, taken.at));
        Grant::new(self.clone(), id, taken, flow.clone(), cost(ask), levels, taken.at.at.since(since))
    }

    /// Writes an event down, where there are limits that it counts for.
    pub(super) fn record(&self, event: Event) {
        if self.is_recorded() {
            self.hub.record(&[RecordRef { lane: &self.name, event: &event }]);
        }
    }

    pub(super) fn is_recorded(&self) -> bool {
        self.with(|state| !state.meter.limits().is_empty())
    }

    pub(super) fn left(&self, metric: Metric) -> Option<Left> {
        let now = self.hub.now();
        self.with(|state| state.left(metric, now))
    }

    /// Patience is at its end.
    fn too_late(&self, ask: &Ask, flow: &Flow) -> Refused {
        let now = self.hub.now();
        self.with(|state| {
            let start = state.starts_after(now, ask, Amounts::default());
            state.promises.add(start, &flow.name, ask);
            Refused::Later {
                metric: state.meter.check(now, ask, Amounts::default()).err().map(|b| b.metric),
                wait: start.since(now.at),
            }
        })
    }

    /// The end of a request that was let in, to be written down.
    pub(super) fn settle(self: &Arc<Self>, grant: &Grant, spent: Spent) -> Event {
        let now = self.hub.now();
        let learned = self.with(|state| {
            state.settle(now, grant.id, spent);
            if spent == Spent::Nothing {
                state.queue.settle(&grant.flow, -grant.cost);
            }
            if let Spent::Exactly(amounts) = spent {
                let difference = cost_of(amounts) - grant.cost;
                state.queue.settle(&grant.flow, difference);
                let sent = grant.taken.at.at;
                for metric in Metric::ALL {
                    state.beliefs.passed(metric, grant.levels[metric.index()], sent);
                }
            }
            state.review(now)
        });
        self.record_lessons(&learned);
        self.dispatch(now);
        Event::Settled { id: grant.id, at: now, spent }
    }

    /// The upstream refused a request because of `metric` (or did not say why): it has cost nothing but itself.
    /// Whether by our own reckoning nothing was left by now.
    pub(super) fn refused(
        self: &Arc<Self>,
        grant: &Grant,
        metric: Option<Metric>,
        retry_after: Option<Duration>,
    ) -> bool {
        let now = self.hub.now();
        let spent = Spent::Exactly(Amounts::default());
        let (learned, accounting, is_predicted) = self.with(|state| {
            let is_predicted = metric.is_some_and(|metric| state.is_full(metric, now));
            let is_explained = metric.is_some_and(|metric| state.judge(now, grant.id, metric));
            state.settle(now, grant.id, spent);
            state.queue.settle(&grant.flow, -grant.cost);
            let learned = state.learn(now, grant, metric, is_explained);
            state.rest(now, metric, retry_after);
            (learned, state.meter.settings().accounting, is_predicted)
        });
        self.record(Event::Settled { id: grant.id, at: now, spent });
        self.record_lessons(&learned);
        if self.with(|state| state.hypotheses.is_some()) {
            self.record(Event::Counts { accounting });
        }
        self.dispatch(now);
        is_predicted
    }

    fn record_lessons(&self, learned: &[Metric]) {
        for metric in learned {
            let lesson = self.with(|state| state.beliefs.lesson(*metric));
            self.record(Event::Learned { metric: *metric, lesson });
        }
    }
}

impl State {
    /// Forgets what time has made untrue.
    fn refresh(&mut self, now: Now) {
        self.promises.expire(now.at);
    }

    /// Looks whether time has shown more to be possible; which beliefs changed.
    fn review(&mut self, now: Now) -> Vec<Metric> {
        if !self.beliefs.review(now) {
            return Vec::new();
        }
        self.set_limits();
        Metric::ALL.into_iter().filter(|metric| self.beliefs.lesson(*metric).is_some()).collect()
    }

    /// Asks which accounting rule foretold this refusal; whether one did that is believed in from now on.
    fn judge(&mut self, now: Now, id: u64, metric: Metric) -> bool {
        let believed = self.meter.settings().accounting;
        let Some(hypotheses) = &mut self.hypotheses else { return false };
        let (accounting, is_foretold) = hypotheses.refused(id, now, metric, believed);
        if accounting != believed {
            self.meter.set_accounting(accounting, now);
        }
        is_foretold
    }

    /// What a refusal teaches about limits. One that the rule explains says nothing about them.
    fn learn(&mut self, now: Now, grant: &Grant, metric: Option<Metric>, is_explained: bool) -> Vec<Metric> {
        let limited = || self.meter.limits().iter().map(|(metric, _)| metric).collect::<Vec<_>>();
        let mut metrics = metric.map_or_else(limited, |metric| vec![metric]);
        // Nothing is known of this model but that it is limited: count its requests from now on.
        let metric = metric.or(metrics.is_empty().then_some(Metric::Rpm));
        if metrics.is_empty() {
            metrics.extend(metric);
        }
        let is_news = metric.is_some_and(|metric| self.beliefs.is_news(metric, grant.taken.at.at));
        for each in &metrics {
            // What counted when it was sent decided, or what came to count since then.
            let used = self.meter.used(*each, now).max(grant.levels[each.index()]);
            let asked = grant.taken.charged.of(each.unit());
            let others = used.saturating_sub(asked);
            // One more request than fits: what the others make is all there is.
            let asked = asked.saturating_sub(1);
            let until = match metric {
                Some(_) if !is_explained => self.beliefs.refused(*each, others, asked, grant.taken.at.at, now),
                _ => self.beliefs.rest(*each, grant.taken.at.at, now),
            };
            self.meter.freeze(*each, until);
        }
        self.set_limits();
        if let Some(metric) = metric.filter(|_| is_news) {
            self.meter.fill(metric, now);
        }
        metric.into_iter().collect()
    }

    fn is_full(&self, metric: Metric, now: Now) -> bool {
        self.meter.limits().get(metric).is_some_and(|limit| self.meter.used(metric, now) >= limit.value)
    }

    /// Rests for as long as the upstream said.
    fn rest(&mut self, now: Now, metric: Option<Metric>, retry_after: Option<Duration>) {
        let Some(wait) = retry_after else { return };
        for each in metric.map_or(Metric::ALL.to_vec(), |metric| vec![metric]) {
            self.meter.freeze(each, now.at.plus(wait));
        }
    }

    fn check_size(&self, ask: &Ask) -> Result<(), Refused> {
        let Some((metric, needs)) = self.meter.never_fits(ask) else { return Ok(()) };
        self.meter.limits().get(metric).map_or(Ok(()), |limit| Err(Refused::Never { metric, limit, needs }))
    }

    /// Counts in another way, if that is wanted; a rule that was learned stays.
    fn configure(&mut self, settings: MeterSettings, now: Now) {
        let old = *self.meter.settings();
        let is_learned = settings.learns && old.learns;
        let accounting = if is_learned { old.accounting } else { settings.accounting };
        self.meter.configure(MeterSettings { accounting, ..settings }, now);
        if settings.learns != old.learns {
            self.hypotheses = settings.learns.then(|| Hypotheses::new(settings, self.beliefs.limits()));
        }
    }

    fn set_limits(&mut self) {
        let limits = self.beliefs.limits();
        self.meter.set_limits(limits);
        if let Some(hypotheses) = &mut self.hypotheses {
            hypotheses.set_limits(limits);
        }
    }

    /// Whether more counts of a limit that is only being tried than was ever let through.
    fn is_tried(&self, now: Now) -> bool {
        let is_tried =
            |metric| self.beliefs.proven(metric).is_some_and(|proven| self.meter.used(metric, now) >= proven);
        Metric::ALL.into_iter().any(is_tried)
    }

    fn has_room(&self) -> bool {
        self.most_in_flight.is_none_or(|most| self.meter.in_flight() < most)
    }

    fn take(&mut self, now: Now, ask: &Ask, kept: Amounts, is_promised: bool) -> Result<Taken, Option<Blocked>> {
        if !self.has_room() {
            return Err(None);
        }
        self.meter.check(now, ask, kept).map_err(Some)?;
        if let Some(blocked) = self.paced(now).filter(|_| !is_promised) {
            return Err(Some(blocked));
        }
        let unproven = self.unproven(now, ask);
        if unproven.is_some() && self.on_trial.len() >= MOST_ON_TRIAL {
            return Err(unproven.map(|metric| Blocked { metric, wake: None }));
        }
        self.pace.took(now.at, self.meter.slowness(ask, now));
        Ok(self.meter.take(now, ask))
    }

    /// While several keys want it, what comes free is given out evenly: a window that one has filled at once would be
    /// empty for the others for a minute, and again each minute after.
    fn paced(&self, now: Now) -> Option<Blocked> {
        self.pace.wake(now.at).map(|wake| Blocked { metric: Metric::Tpm, wake: Some(wake) })
    }

    /// A limit that is only being tried and that `ask` would try.
    fn unproven(&self, now: Now, ask: &Ask) -> Option<Metric> {
        let is_tried = |metric: &Metric| {
            let asked = self.meter.at_once(ask).of(metric.unit()).max(1);
            self.beliefs.proven(*metric).is_some_and(|proven| self.meter.used(*metric, now) + asked > proven)
        };
        Metric::ALL.into_iter().find(is_tried)
    }

    fn take_at_once(&mut self, now: Now, ask: &Ask, flow: &Flow, is_promised: bool) -> Result<Taken, Option<Metric>> {
        let kept = if is_promised { Amounts::default() } else { self.promises.due(now.at).0 };
        if !self.queue.is_empty() && !is_promised {
            return Err(self.meter.check(now, ask, kept).err().map(|blocked| blocked.metric));
        }
        let taken = self.take(now, ask, kept, is_promised).map_err(|blocked| blocked.map(|blocked| blocked.metric))?;
        self.queue.passed(flow, cost(ask));
        Ok(taken)
    }

    /// Whether a request may wait: not if its turn comes too late, and not if too many wait.
    fn check_wait(
        &mut self,
        now: Now,
        ask: &Ask,
        flow: &Flow,
        metric: Option<Metric>,
        patience: Duration,
    ) -> Result<(), Refused> {
        let start = self.starts_after(now, ask, self.ahead(flow));
        let wait = start.since(now.at);
        if wait > patience {
            self.promises.add(start, &flow.name, ask);
            return Err(Refused::Later { metric, wait });
        }
        if self.queue.len() >= self.bounds.most_waiting {
            return Err(Refused::Full { wait: wait.max(Duration::from_secs(1)) });
        }
        Ok(())
    }

    /// When `ask` would start if it came last.
    pub(super) fn starts_at(&self, now: Now, ask: &Ask) -> Moment {
        let waiting = self.queue.iter().fold(Amounts::default(), |sum, (_, waiter)| plus(sum, waiter.ask.amounts()));
        match self.meter.check(now, ask, waiting) {
            Ok(()) if self.queue.is_empty() => now.at,
            _ => self.meter.starts_at(now, ask, waiting),
        }
    }

    /// When `ask` starts if `ahead` goes before it, and whoever was told to come earlier than that.
    fn starts_after(&self, now: Now, ask: &Ask, ahead: Amounts) -> Moment {
        let mut look = self.meter.starts_at(now, ask, ahead);
        let mut stride = Duration::ZERO;
        for _ in 0..MOST_LOOKS {
            let start = self.meter.starts_at(now, ask, plus(ahead, self.promises.until(look)));
            if start <= look {
                return start;
            }
            look = start.plus(stride);
            // Many promises stand close together: not one by one.
            stride = (stride * 2 + FIRST_STRIDE).min(LAST_STRIDE);
        }
        look
    }

    /// What stands in line before a request of `flow` that comes now.
    fn ahead(&self, flow: &Flow) -> Amounts {
        let place = self.queue.place(flow);
        let before = self.queue.iter().take_while(|(other, _)| *other < place);
        before.fold(Amounts::default(), |sum, (_, waiter)| plus(sum, waiter.ask.amounts()))
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Holds `tokens` for a request under way, in place of what was held. What was charged at once stays.
    pub(super) fn revise(&mut self, id: u64, tokens: Guess) {
        if let Some(taken) = self.open.get_mut(&id).filter(|taken| taken.charged.tokens == 0) {
            // How much longer it becomes while it runs is in the new guess.
            let new = Taken { held: tokens, pace: 0.0, ..*taken };
            self.meter.hold_instead(taken, &new);
            *taken = new;
        }
    }

    /// Settles what was taken too long ago; how many there were.
    pub(super) fn sweep(&mut self, now: Now, longest: Duration) -> u64 {
        let is_lost = |taken: &Taken| now.at.since(taken.at.at) > longest;
        let lost: Vec<u64> = self.open.iter().filter(|(_, taken)| is_lost(taken)).map(|(id, _)| *id).collect();
        lost.iter().for_each(|id| self.settle(now, *id, Spent::Unknown));
        lost.len() as u64
    }

    pub(super) fn settle(&mut self, now: Now, id: u64, spent: Spent) {
        self.on_trial.remove(&id);
        if let Some(taken) = self.open.remove(&id) {
            self.meter.settle(now, &taken, spent);
        }
        if let Some(hypotheses) = &mut self.hypotheses {
            hypotheses.settled(id, now, spent);
        }
    }
}

/// What a request weighs between keys: its tokens, else its pictures, else itself.
fn cost(ask: &Ask) -> f64 {
    cost_of(ask.amounts())
}

fn cost_of(amounts: Amounts) -> f64 {
    if amounts.tokens > 0 { amounts.tokens as f64 } else { amounts.images.max(1) as f64 }
}

/// A place in line that is given up when its caller goes.
struct Seat<'a> {
    lane: &'a Arc<Lane>,
    place: Place,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let left = self.lane.with(|state| state.queue.leave(self.place));
        if left.is_some() {
            self.lane.dispatch(self.lane.hub.now());
        }
    }
}
