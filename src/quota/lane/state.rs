//! What a lane knows: what counts, who waits, who is under way. One lock holds it; nothing here waits or does I/O.

use std::time::Duration;

use super::QueueSettings;
use super::line::Waiter;
use crate::quota::ask::{Ask, Guess, Spent};
use crate::quota::fair::{FairQueue, Flow, Place};
use crate::quota::grant::Admitted;
use crate::quota::hypotheses::Hypotheses;
use crate::quota::learn::Beliefs;
use crate::quota::limits::Limits;
use crate::quota::map::{QuickMap, QuickSet};
use crate::quota::meter::{Blocked, Meter, MeterSettings, Taken};
use crate::quota::metric::{Amounts, Metric};
use crate::quota::moment::{Moment, Now};
use crate::quota::pace::Pace;
use crate::quota::promise::Promises;

/// See the module.
#[derive(Debug)]
pub(in crate::quota) struct State {
    /// Whether it is a key's own: then all requests are of one flow, and there is nothing to learn, for nobody refuses but we.
    pub(super) is_own: bool,
    pub(in crate::quota) meter: Meter,
    pub(in crate::quota) beliefs: Beliefs,
    pub(super) queue: FairQueue<Waiter>,
    pub(super) promises: Promises,
    /// Requests under way, by their numbers.
    pub(in crate::quota) open: QuickMap<u64, Taken>,
    /// Those of them that try more than was ever let through.
    pub(super) on_trial: QuickSet<u64>,
    pub(super) pace: Pace,
    most_in_flight: Option<u64>,
    pub(super) hypotheses: Option<Hypotheses>,
    /// When the hub will look again.
    pub(super) alarm: Option<Moment>,
    pub(super) bounds: QueueSettings,
}

impl State {
    pub(super) fn new(is_own: bool, settings: MeterSettings, limits: Limits, bounds: QueueSettings) -> Self {
        Self {
            is_own,
            meter: Meter::new(settings, limits),
            beliefs: Beliefs::new(limits),
            queue: FairQueue::default(),
            promises: Promises::default(),
            open: QuickMap::default(),
            on_trial: QuickSet::default(),
            pace: Pace::default(),
            most_in_flight: None,
            hypotheses: settings.learns.then(|| Hypotheses::new(settings, limits)),
            alarm: None,
            bounds,
        }
    }

    pub(super) fn configure(
        &mut self,
        settings: MeterSettings,
        base: Limits,
        bounds: QueueSettings,
        most_in_flight: Option<u64>,
        now: Now,
    ) {
        self.count_by(settings, now);
        self.beliefs.set_base(base);
        self.set_limits();
        self.bounds = bounds;
        self.most_in_flight = most_in_flight;
    }

    /// Counts in another way, if that is wanted; a rule that was learned stays.
    fn count_by(&mut self, settings: MeterSettings, now: Now) {
        let old = *self.meter.settings();
        let is_learned = settings.learns && old.learns;
        let accounting = if is_learned { old.accounting } else { settings.accounting };
        self.meter.configure(MeterSettings { accounting, ..settings }, now);
        if settings.learns != old.learns {
            self.hypotheses = settings.learns.then(|| Hypotheses::new(settings, self.beliefs.limits()));
        }
    }

    pub(super) fn set_limits(&mut self) {
        let limits = self.beliefs.limits();
        self.meter.set_limits(limits);
        if let Some(hypotheses) = &mut self.hypotheses {
            hypotheses.set_limits(limits);
        }
    }

    /// Whether its events are written down: what is not limited needs not survive.
    pub(in crate::quota) fn is_recorded(&self) -> bool {
        !self.meter.limits().is_empty()
    }

    pub(in crate::quota) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What those in line had to wait for when they came; `None` where it was their turn only.
    pub(in crate::quota) fn waiting_for(&self) -> impl Iterator<Item = Option<Metric>> {
        self.queue.iter().map(|(_, waiter)| waiter.blocked)
    }

    fn has_room(&self) -> bool {
        self.most_in_flight.is_none_or(|most| self.meter.in_flight() < most)
    }

    /// Takes what `ask` needs, if nothing speaks against it.
    ///
    /// # Errors
    /// What does; `None` when it waits for a request under way to end.
    pub(super) fn take(
        &mut self,
        now: Now,
        ask: &Ask,
        kept: Amounts,
        is_promised: bool,
    ) -> Result<Taken, Option<Blocked>> {
        if !self.has_room() {
            return Err(None);
        }
        let taken = self.meter.would_take(now, ask);
        self.meter.check_taken(&taken, kept).map_err(Some)?;
        if let Some(blocked) = self.paced(now).filter(|_| !is_promised) {
            return Err(Some(blocked));
        }
        if let Some(metric) = self.untried(now, ask) {
            return Err(Some(Blocked { metric, wake: None }));
        }
        self.pace.took(now.at, |part| self.meter.slowness(ask, part, now));
        self.meter.accept(&taken);
        Ok(taken)
    }

    /// While several keys want it, what comes free is given out evenly: a window that one has filled at once would be
    /// empty for the others for a minute, and again each minute after.
    pub(super) fn paced(&self, now: Now) -> Option<Blocked> {
        // Where the rule is not known a window is filled slowly: fewer are under way when it turns out to be another.
        let in_line = if self.hypotheses.is_some() { 0 } else { self.queue.flows() };
        self.pace.wake(now.at, in_line).map(|wake| Blocked { metric: Metric::Tpm, wake: Some(wake) })
    }

    /// As [`Self::take`], for a request that has just come and does not stand in line yet.
    pub(super) fn take_at_once(
        &mut self,
        now: Now,
        ask: &Ask,
        (flow, weight): (&Flow, f64),
        is_promised: bool,
    ) -> Result<Taken, Option<Metric>> {
        let kept = if is_promised { Amounts::default() } else { self.promises.due(now.at).0 };
        if !self.queue.is_empty() && !is_promised {
            return Err(self.meter.check(now, ask, kept).err().map(|blocked| blocked.metric));
        }
        let taken = self.take(now, ask, kept, is_promised).map_err(|blocked| blocked.map(|blocked| blocked.metric))?;
        if !self.is_own {
            self.queue.passed(flow, weight);
        }
        Ok(taken)
    }

    /// The request `id` has taken what it needs, and is under way.
    pub(super) fn let_in(&mut self, id: u64, ask: &Ask, (flow, weight): (&Flow, f64), taken: Taken) -> Admitted {
        let levels = if self.is_own { [0; 7] } else { self.meter.levels(taken.at) };
        let is_trial = !self.is_own && self.beliefs.is_tried(&levels);
        if is_trial {
            self.on_trial.insert(id);
        }
        self.open.insert(id, taken);
        if let Some(hypotheses) = &mut self.hypotheses {
            hypotheses.took(id, taken.at, ask);
        }
        let share = (!self.is_own).then(|| (flow.clone(), weight));
        Admitted { id, taken, share, levels, is_recorded: self.is_recorded(), is_trial }
    }

    /// What a request weighs between keys. In a key's own lane all are alike: there is nobody to be fair to.
    pub(super) fn weight(&self, ask: &Ask) -> f64 {
        if self.is_own { 1.0 } else { weight_of(ask.amounts()) }
    }

    /// Gives up a place in line; whether it was still there.
    pub(super) fn leave(&mut self, place: Place) -> bool {
        self.queue.leave(place).is_some()
    }

    /// Holds `tokens` for a request under way, in place of what was held. What was charged at once stays.
    pub(in crate::quota) fn revise(&mut self, id: u64, tokens: Guess) {
        if let Some(taken) = self.open.get_mut(&id).filter(|taken| taken.charged.tokens == 0) {
            // How much longer it becomes while it runs is in the new guess.
            let new = Taken { held: tokens, pace: 0.0, ..*taken };
            self.meter.hold_instead(taken, &new);
            *taken = new;
        }
    }

    /// The end of a request that was not refused; which beliefs changed by it.
    pub(super) fn end(&mut self, admitted: &Admitted, spent: Spent, now: Now) -> Vec<Metric> {
        self.settle(now, admitted.id, spent);
        let Some((flow, weight)) = &admitted.share else { return Vec::new() };
        if spent == Spent::Nothing {
            self.queue.settle(flow, -weight);
        }
        if let Spent::Exactly(amounts) = spent {
            self.queue.settle(flow, weight_of(amounts) - weight);
            self.beliefs.passed_all(&admitted.levels, admitted.taken.at.at);
        }
        self.review(now)
    }

    pub(in crate::quota) fn settle(&mut self, now: Now, id: u64, spent: Spent) {
        if !self.on_trial.is_empty() {
            self.on_trial.remove(&id);
        }
        if let Some(taken) = self.open.remove(&id) {
            self.meter.settle(now, &taken, spent);
        }
        if let Some(hypotheses) = &mut self.hypotheses {
            hypotheses.settled(id, now, spent);
        }
    }

    /// Settles what was taken too long ago; how many there were.
    pub(in crate::quota) fn sweep(&mut self, now: Now, longest: Duration) -> u64 {
        let is_lost = |taken: &Taken| now.at.since(taken.at.at) > longest;
        let lost: Vec<u64> = self.open.iter().filter(|(_, taken)| is_lost(taken)).map(|(id, _)| *id).collect();
        lost.iter().for_each(|id| self.settle(now, *id, Spent::Unknown));
        lost.len() as u64
    }
}

/// What a request weighs between keys: its tokens, else its pictures, else itself.
fn weight_of(amounts: Amounts) -> f64 {
    if amounts.tokens > 0 { amounts.tokens as f64 } else { amounts.images.max(1) as f64 }
}
