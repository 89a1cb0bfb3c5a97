//! What people and monitors see of a lane.

use std::time::Duration;

use super::lane::State;
use super::limits::Limit;
use super::metric::Metric;
use super::moment::{Moment, Now};
use super::record::{Event, Record};
use super::rule::Accounting;
use super::window::Window;

/// One metric of one lane.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricView {
    /// Which.
    pub metric: Metric,
    /// Its limit.
    pub limit: Limit,
    /// What counts now.
    pub used: u64,
    /// What requests under way may add.
    pub reserved: u64,
    /// When everything that counts now will be forgotten, and when one more fits.
    pub free_at: Moment,
    /// When the limit is whole again.
    pub reset_at: Moment,
    /// How often the upstream refused because of it.
    pub refusals: u64,
}

impl MetricView {
    /// What is left.
    pub fn remaining(&self) -> u64 {
        self.limit.value.saturating_sub(self.used.saturating_add(self.reserved))
    }
}

/// One lane.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneView {
    /// `account/model`, or `key:name`.
    pub name: String,
    /// How it is counted.
    pub accounting: Accounting,
    /// Requests under way.
    pub in_flight: u64,
    /// Requests in line.
    pub waiting: usize,
    /// Every limit it has.
    pub metrics: Vec<MetricView>,
    /// When this was seen.
    pub seen: Moment,
}

/// What is left of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The limit.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// When it will be whole again.
    pub reset: Duration,
}

impl Left {
    /// The scarcer of two.
    pub(super) fn scarcer(left: Option<Self>, right: Option<Self>) -> Option<Self> {
        left.into_iter().chain(right).min_by_key(|left| left.remaining)
    }
}

impl State {
    /// What is left of `metric`.
    pub(super) fn left(&self, metric: Metric, now: Now) -> Option<Left> {
        let limit = self.meter.limits().get(metric)?.value;
        let used = self.meter.used(metric, now).saturating_add(self.meter.reserved(metric));
        let reset = self.meter.reset_at(metric, now).since(now.at);
        Some(Left { limit, remaining: limit.saturating_sub(used), reset })
    }

    pub(super) fn is_idle(&self, now: Now) -> bool {
        self.waiting() == 0
            && self.meter.is_idle(now)
            && Metric::ALL.iter().all(|metric| self.beliefs.lesson(*metric).is_none())
    }

    pub(super) fn view(&self, name: &str, now: Now) -> LaneView {
        let metrics = self.meter.limits().iter().map(|(metric, limit)| MetricView {
            metric,
            limit,
            used: self.meter.used(metric, now),
            reserved: self.meter.reserved(metric),
            free_at: self.meter.free_at(metric, now),
            reset_at: self.meter.reset_at(metric, now),
            refusals: self.beliefs.refusals(metric),
        });
        LaneView {
            name: name.to_owned(),
            accounting: self.meter.settings().accounting,
            in_flight: self.meter.in_flight(),
            waiting: self.waiting(),
            metrics: metrics.collect(),
            seen: now.at,
        }
    }

    /// Everything that must survive.
    pub(super) fn export(&self, lane: &str, now: Now) -> Vec<Record> {
        let windows = self.meter.export(now).into_iter().map(|(metric, charges)| Event::Window { metric, charges });
        let lessons = Metric::ALL.into_iter().filter_map(|metric| {
            self.beliefs.lesson(metric).map(|lesson| Event::Learned { metric, lesson: Some(lesson) })
        });
        let open = self.open.iter().map(|(id, taken)| Event::Open { id: *id, taken: *taken });
        let accounting = Event::Counts { accounting: self.meter.settings().accounting };
        std::iter::once(accounting)
            .chain(lessons)
            .chain(windows)
            .chain(open)
            .map(|event| Record { lane: lane.to_owned(), event })
            .collect()
    }

    /// Lives through a record of an earlier life.
    pub(super) fn apply(&mut self, event: Event, now: Now) {
        match event {
            Event::Took { id, taken } if !self.open.contains_key(&id) => {
                self.meter.charge(taken.at, taken.charged);
                self.reopen(id, taken);
            }
            Event::Took { .. } => {}
            Event::Open { id, taken } => self.reopen(id, taken),
            Event::Settled { id, at, spent } => self.settle(at, id, spent),
            Event::Learned { metric, lesson } => {
                self.beliefs.remember(metric, lesson);
                self.meter.set_limits(self.beliefs.limits());
            }
            // What the configuration says counts, unless it says to learn.
            Event::Counts { accounting } if self.meter.settings().learns => self.meter.set_accounting(accounting, now),
            Event::Counts { .. } => {}
            Event::Window { metric, charges } => self.meter.import(metric, &charges),
        }
    }

    fn reopen(&mut self, id: u64, taken: super::meter::Taken) {
        self.meter.hold(taken.held);
        self.open.insert(id, taken);
    }
}

impl super::meter::Meter {
    /// When one more of `metric` fits.
    pub(super) fn free_at(&self, metric: Metric, now: Now) -> Moment {
        self.limits().get(metric).and_then(|limit| self.counter(metric)?.wake_at(now, 1, limit.value)).unwrap_or(now.at)
    }

    /// When nothing of `metric` counts any more.
    pub(super) fn reset_at(&self, metric: Metric, now: Now) -> Moment {
        let whole = |limit: Limit| self.counter(metric)?.wake_at(now, limit.value, limit.value);
        self.limits().get(metric).and_then(whole).unwrap_or(now.at)
    }
}
