//! Whether a request fits into all limits at once, and if not, when it will.

use std::time::Duration;

use super::gauge::Gauge;
use super::{Blocked, Meter, Taken};
use crate::quota::ask::Ask;
use crate::quota::metric::{Amounts, Metric, Span, Unit};
use crate::quota::moment::{Moment, Now};
use crate::quota::rule::Charge;

/// How many times the usual time of an answer later the window is looked at (ours): nearly all under way now will have been
/// charged by then, and what came before them will be partly forgotten.
const LATER: u32 = 2;

impl Meter {
    /// A metric that `ask` would not fit into even if nothing else was there, and what it needs of it at least.
    pub fn never_fits(&self, ask: &Ask) -> Option<(Metric, u64)> {
        let needs = self.limited().map(|gauge| (gauge, self.least(gauge.metric, ask)));
        let mut over = needs.filter(|(gauge, least)| gauge.limit.is_some_and(|limit| *least > limit));
        over.next().map(|(gauge, least)| (gauge.metric, least))
    }

    /// What `ask` is sure to need.
    fn least(&self, metric: Metric, ask: &Ask) -> u64 {
        match (metric.unit(), self.settings.accounting.charge) {
            (Unit::Requests, _) => 1,
            (Unit::Images, _) => ask.images,
            (Unit::Tokens, Charge::After) => ask.prompt.upper(-1.0),
            (Unit::Tokens, Charge::Before) => ask.prompt.upper(-1.0).saturating_add(ask.max_output),
        }
    }

    /// Whether [`Self::try_take`] would take.
    ///
    /// # Errors
    /// The metric that is full for the longest time.
    pub fn check(&self, now: Now, ask: &Ask, kept: Amounts) -> Result<(), Blocked> {
        self.check_taken(&self.would_take(now, ask), kept)
    }

    /// The same for what a request would take.
    pub(in crate::quota) fn check_taken(&self, taken: &Taken, kept: Amounts) -> Result<(), Blocked> {
        let mut worst: Option<Blocked> = None;
        for gauge in &self.gauges {
            let Some(wake) = gauge.limit.and_then(|limit| self.blocked(gauge, limit, taken, kept)) else { continue };
            let is_worse =
                worst.is_none_or(|worst| worst.wake.is_some_and(|other| wake.is_none_or(|wake| wake > other)));
            if is_worse {
                worst = Some(Blocked { metric: gauge.metric, wake });
            }
        }
        worst.map_or(Ok(()), Err)
    }

    /// `None` when it fits; else when it will, if that is known.
    fn blocked(&self, gauge: &Gauge, limit: u64, taken: &Taken, kept: Amounts) -> Option<Option<Moment>> {
        let (now, unit) = (taken.at, gauge.unit());
        if let Some(until) = gauge.frozen.filter(|until| *until > now.at) {
            return Some(Some(until));
        }
        let kept = kept.of(unit).saturating_sub(soon(gauge.metric, limit));
        let wake = if unit == Unit::Tokens && self.settings.accounting.charge == Charge::After {
            self.wake_after(gauge, limit, taken, kept)
        } else {
            let need = taken.charged.of(unit);
            if need == 0 {
                return None;
            }
            let unsure = if unit == Unit::Tokens { self.unsure(taken) } else { 0 };
            gauge.wake(now, need.saturating_add(kept).saturating_add(unsure).min(limit.max(need)))
        };
        match wake {
            Some(wake) if wake <= now.at => None,
            wake => Some(wake),
        }
    }

    /// When tokens that are charged in the end can be let in: at no moment from now until the answer is over may the window
    /// hold too much of what has ended by then.
    fn wake_after(&self, gauge: &Gauge, limit: u64, taken: &Taken, kept: u64) -> Option<Moment> {
        let (now, held) = (taken.at, self.held.with(taken));
        let most = self.held.most(held, self.settings.caution).saturating_add(kept);
        if gauge.used(now).saturating_add(most) <= limit {
            return Some(now.at);
        }
        let wake = |later: Duration, need: u64| {
            // Alone it may use all there is, even if it might need a little more.
            let need = if self.held.is_empty() { need.min(limit) } else { need };
            Some(gauge.wake(now.plus(later), need)?.minus(later))
        };
        // What the upstream looks at is what has ended when the request comes in.
        let mut wakes = wake(Duration::ZERO, self.held.sure(now.at, self.settings.margin, self.settings.caution))?;
        let later = held.usual() * LATER;
        wakes = wakes.max(wake(later, held.ended(later).whole().saturating_add(kept))?);
        if let Some(end) = gauge.forgets_at(now) {
            // Answers are over sooner or later than is thought: those that are sooner count in the old period.
            let ended = held.ended(end.since(now.at)).whole();
            wakes = wakes.max(wake(Duration::ZERO, ended.saturating_add(kept))?);
        }
        Some(wakes)
    }

    /// Whether `ask` fits at `later` even if `beside` is charged now.
    pub(in crate::quota) fn fits_beside(&self, now: Now, later: Moment, ask: &Ask, beside: Amounts) -> bool {
        let then = now.plus(later.since(now.at));
        let mut kept = Amounts::default();
        for gauge in self.limited() {
            if gauge.forgets_at(now).is_none_or(|end| end > later) {
                kept.set(gauge.unit(), beside.of(gauge.unit()));
            }
        }
        self.check(then, ask, kept).is_ok()
    }

    /// What has to be left because prompts that were charged may be longer than was guessed.
    fn unsure(&self, taken: &Taken) -> u64 {
        self.held.with(taken).all().upper(self.settings.caution)
    }

    /// When `ask` would start if `ahead` went before it. Whole spans are added where the demand is more than a limit.
    pub fn starts_at(&self, now: Now, ask: &Ask, ahead: Amounts) -> Moment {
        let starts = self.limited().map(|gauge| {
            let unit = gauge.unit();
            let own = self.at_once(ask).of(unit).max(if unit == Unit::Tokens { ask.tokens().whole() } else { 0 });
            let frozen = gauge.frozen.unwrap_or_default().max(now.at);
            if own == 0 {
                return frozen;
            }
            let most = gauge.limit.map_or(own, |limit| own.min(limit));
            let need = most.saturating_add(ahead.of(unit)).saturating_add(self.reserved(gauge.metric));
            let back = if unit == Unit::Tokens { self.held.spare() } else { 0 };
            let need = need.saturating_sub(back).max(1);
            let is_after = unit == Unit::Tokens && self.settings.accounting.charge == Charge::After;
            let early = if is_after { ask.duration } else { Duration::ZERO };
            gauge.turn(&self.settings, now, need).minus(early).max(frozen)
        });
        starts.max().unwrap_or(now.at)
    }
}

/// What comes free so soon that it need not be kept for anybody: he will be first in line.
fn soon(metric: Metric, limit: u64) -> u64 {
    if metric.span() == Span::Minute { limit / 60 } else { 0 }
}
