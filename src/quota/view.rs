//! What people and monitors see of a lane.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::lane::State;
use super::lanes::Way;
use super::limits::{Limit, Source};
use super::metric::Metric;
use super::moment::Now;
use super::record::{Event, Record};
use super::rule::Accounting;

/// One metric of one lane.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricView {
    /// Which.
    #[serde(serialize_with = "key")]
    pub metric: Metric,
    /// Its limit.
    pub limit: u64,
    /// Where that comes from.
    #[serde(serialize_with = "source")]
    pub source: Source,
    /// What counts now.
    pub used: u64,
    /// What requests under way may add.
    pub reserved: u64,
    /// What is left.
    pub remaining: u64,
    /// When one more fits (seconds from now).
    #[serde(rename = "free_in_seconds", serialize_with = "seconds")]
    pub free_in: Duration,
    /// When the limit is whole again (seconds from now).
    #[serde(rename = "reset_in_seconds", serialize_with = "seconds")]
    pub reset_in: Duration,
    /// How often the upstream refused because of it.
    pub refusals: u64,
}

fn key<S: Serializer>(metric: &Metric, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(metric.key())
}

fn source<S: Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(source.label())
}

fn seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((span.as_secs_f64() * 1000.0).ceil() / 1000.0)
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneView {
    /// `account/model`, or `key:name`.
    pub name: String,
    /// The account, for a lane to a model.
    pub account: Option<String>,
    /// The model, for a lane to one.
    pub model: Option<String>,
    /// How it is counted.
    pub accounting: Accounting,
    /// Requests under way.
    pub in_flight: u64,
    /// Requests in line.
    pub waiting: usize,
    /// What each of those had to wait for when it came; `None`: its turn only. For metrics.
    #[serde(skip)]
    pub waiting_for: Vec<Option<Metric>>,
    /// Every limit it has.
    pub limits: Vec<MetricView>,
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
    /// The scarcer of two, metric by metric.
    pub(super) fn scarcer<const N: usize>(left: [Option<Self>; N], mut right: [Option<Self>; N]) -> [Option<Self>; N] {
        for (right, left) in right.iter_mut().zip(left) {
            *right = left.into_iter().chain(*right).min_by_key(|left| left.remaining);
        }
        right
    }
}

impl State {
    /// What is left of each of `metrics`.
    pub(super) fn left<const N: usize>(&self, metrics: [Metric; N], now: Now) -> [Option<Left>; N] {
        let mut left = [None; N];
        left.iter_mut().zip(metrics).for_each(|(left, metric)| *left = self.meter.left(metric, now));
        left
    }

    pub(super) fn is_idle(&self, now: Now) -> bool {
        self.waiting() == 0
            && self.meter.is_idle(now)
            && Metric::ALL.iter().all(|metric| self.beliefs.lesson(*metric).is_none())
    }

    pub(super) fn view(&self, name: &str, now: Now) -> LaneView {
        let (account, model) = match Way::parse(name) {
            Some(Way::Model { account, model }) => (Some(account.to_owned()), Some(model.to_owned())),
            _ => (None, None),
        };
        LaneView {
            name: name.to_owned(),
            account,
            model,
            accounting: self.meter.settings().accounting,
            in_flight: self.meter.in_flight(),
            waiting: self.waiting(),
            waiting_for: self.waiting_for().collect(),
            limits: self.meter.limits().iter().map(|(metric, limit)| self.view_metric(metric, limit, now)).collect(),
        }
    }

    fn view_metric(&self, metric: Metric, limit: Limit, now: Now) -> MetricView {
        let (used, reserved) = (self.meter.used(metric, now), self.meter.reserved(metric));
        MetricView {
            metric,
            limit: limit.value,
            source: limit.source,
            used,
            reserved,
            remaining: limit.value.saturating_sub(used.saturating_add(reserved)),
            free_in: self.meter.free_at(metric, now).since(now.at),
            reset_in: self.meter.reset_at(metric, now).since(now.at),
            refusals: self.beliefs.refusals(metric),
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
            .map(|event| Record { lanes: vec![lane.to_owned()], event })
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
        self.meter.hold(&taken);
        self.open.insert(id, taken);
    }
}
