//! What a lane makes of the upstream's refusals, and of their absence.

use std::time::Duration;

use super::State;
use crate::quota::ask::{Ask, Spent};
use crate::quota::grant::Admitted;
use crate::quota::metric::{Amounts, Metric};
use crate::quota::moment::Now;
use crate::quota::rule::Accounting;

/// How many may try at once whether more is let through than ever before (ours): so many are refused if it is not.
const MOST_ON_TRIAL: usize = 1;

/// What a refusal has taught.
pub(super) struct Lesson {
    /// What is believed otherwise now.
    pub(super) learned: Vec<Metric>,
    /// The rule that is believed in, where that is learned.
    pub(super) accounting: Option<Accounting>,
    /// Whether by our own reckoning nothing was left by now.
    pub(super) is_predicted: bool,
}

impl State {
    /// A limit that is only being tried, that `ask` would try too, and that enough are trying.
    pub(super) fn untried(&self, now: Now, ask: &Ask) -> Option<Metric> {
        if self.on_trial.len() < MOST_ON_TRIAL {
            return None;
        }
        let is_tried = |metric: &Metric| {
            let Some(proven) = self.beliefs.proven(*metric) else { return false };
            let asked = self.meter.at_once(ask).of(metric.unit()).max(1);
            self.meter.used(*metric, now) + asked > proven
        };
        Metric::ALL.into_iter().find(is_tried)
    }

    /// What was tried was not too much.
    pub(super) fn accepted(&mut self, admitted: &Admitted) {
        self.on_trial.remove(&admitted.id);
        self.beliefs.passed_all(&admitted.levels, admitted.taken.at.at);
    }

    /// Looks whether time has shown more to be possible; which beliefs changed.
    pub(super) fn review(&mut self, now: Now) -> Vec<Metric> {
        if !self.beliefs.review(self.meter.settings().accounting.rule, now) {
            return Vec::new();
        }
        self.set_limits();
        Metric::ALL.into_iter().filter(|metric| self.beliefs.lesson(*metric).is_some()).collect()
    }

    /// The upstream refused a request because of `metric`, or did not say why.
    pub(super) fn refused(
        &mut self,
        admitted: &Admitted,
        metric: Option<Metric>,
        retry_after: Option<Duration>,
        now: Now,
    ) -> Lesson {
        let is_predicted = metric.is_some_and(|metric| self.is_full(metric, now));
        let is_explained = metric.is_some_and(|metric| self.judge(now, admitted.id, metric));
        self.settle(now, admitted.id, Spent::Exactly(Amounts::default()));
        if let Some((flow, weight)) = &admitted.share {
            self.queue.settle(flow, -weight);
        }
        let learned = self.learn(now, admitted, metric, is_explained);
        self.rest(now, metric, retry_after);
        let accounting = self.hypotheses.as_ref().map(|_| self.meter.settings().accounting);
        Lesson { learned, accounting, is_predicted }
    }

    fn is_full(&self, metric: Metric, now: Now) -> bool {
        self.meter.limits().get(metric).is_some_and(|limit| self.meter.used(metric, now) >= limit.value)
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
    fn learn(&mut self, now: Now, admitted: &Admitted, metric: Option<Metric>, is_explained: bool) -> Vec<Metric> {
        let limited = || self.meter.limits().iter().map(|(metric, _)| metric).collect::<Vec<_>>();
        let mut metrics = metric.map_or_else(limited, |metric| vec![metric]);
        // Nothing is known of this model but that it is limited: count its requests from now on.
        let metric = metric.or(metrics.is_empty().then_some(Metric::Rpm));
        if metrics.is_empty() {
            metrics.extend(metric);
        }
        let is_news = metric.is_some_and(|metric| self.beliefs.is_news(metric, admitted.taken.at.at));
        let accounting = self.meter.settings().accounting;
        for each in &metrics {
            // What counted when it was sent decided, or what came to count since then.
            let used = self.meter.used(*each, now).max(admitted.levels[each.index()]);
            let asked = admitted.taken.charged.of(each.unit());
            let others = used.saturating_sub(asked);
            // One more request than fits: what the others make is all there is.
            let asked = asked.saturating_sub(1);
            let others = self.meter.shown(*each, others, asked, now);
            let until = match metric {
                Some(_) if !is_explained => {
                    self.beliefs.refused(accounting.rule, *each, others, asked, admitted.taken.at.at, now)
                }
                _ => self.beliefs.rest(*each, admitted.taken.at.at, now),
            };
            self.meter.freeze(*each, until);
        }
        self.set_limits();
        if let Some(metric) = metric.filter(|_| is_news) {
            self.meter.fill(metric, now);
        }
        metric.into_iter().collect()
    }

    /// Rests for as long as the upstream said.
    fn rest(&mut self, now: Now, metric: Option<Metric>, retry_after: Option<Duration>) {
        let Some(wait) = retry_after else { return };
        for each in metric.map_or(Metric::ALL.to_vec(), |metric| vec![metric]) {
            self.meter.freeze(each, now.at.plus(wait));
        }
    }
}
