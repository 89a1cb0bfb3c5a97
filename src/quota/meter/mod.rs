//! All limits of one model for one account: a request takes from every metric at once, or from none.
//!
//! Requests and pictures are charged when a request is let in. Tokens are charged when the upstream charges them: after
//! the answer (until then they are held as a guess), or before it (then they are put right at the end).

mod fit;
mod gauge;
mod refill;
mod taken;
mod weight;

use std::time::Duration;

use super::ask::{Ask, Guess, Spent};
use super::held::{Held, pace};
use super::limits::Limits;
use super::metric::{Amounts, Metric, Unit};
use super::moment::{Moment, Now};
use super::rule::{Accounting, Charge};
use super::view::Left;
use super::window::counter::Counter;
use gauge::Gauge;
pub use taken::Taken;

/// A request for at least that part of a limit is a large one (ours).
const MUCH: u64 = 10;

/// How a meter counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeterSettings {
    /// How the upstream counts.
    pub accounting: Accounting,
    /// Whether that is only where to begin, and refusals may teach better.
    pub learns: bool,
    /// How long a request may be on its way, and so how much later or earlier the upstream may have counted it.
    pub margin: Duration,
    /// How careful guesses are added up where the upstream would refuse (standard deviations above the mean).
    pub caution: f64,
}

/// Why a request cannot start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocked {
    /// What is full.
    pub metric: Metric,
    /// When it will fit if nothing else changes; `None` when it waits for requests under way to end.
    pub wake: Option<Moment>,
}

/// See the module.
#[derive(Debug)]
pub struct Meter {
    settings: MeterSettings,
    limits: Limits,
    /// Of each metric that is limited or ever was, in their order.
    gauges: Vec<Gauge>,
    held: Held,
}

impl Meter {
    /// A meter that has counted nothing.
    pub fn new(settings: MeterSettings, limits: Limits) -> Self {
        let mut meter = Self { settings, limits, gauges: Vec::new(), held: Held::default() };
        meter.set_limits(limits);
        meter
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Other limits from now on; what was counted stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.gauges.iter_mut().for_each(|gauge| gauge.limit = None);
        for (metric, limit) in limits.iter() {
            self.gauge_mut(metric).limit = Some(limit.value);
        }
    }

    /// Counts differently from now on. What was counted is carried over as far as the new way knows it.
    pub fn set_accounting(&mut self, accounting: Accounting, now: Now) {
        let charges = self.export(now);
        self.settings.accounting = accounting;
        self.gauges.iter_mut().for_each(|gauge| gauge.window = None);
        for (metric, charges) in charges {
            self.import(metric, &charges);
        }
    }

    /// Other settings from now on.
    pub fn configure(&mut self, settings: MeterSettings, now: Now) {
        let is_same = (settings.accounting, settings.margin) == (self.settings.accounting, self.settings.margin);
        self.settings = MeterSettings { accounting: self.settings.accounting, ..settings };
        if !is_same {
            self.set_accounting(settings.accounting, now);
        }
    }

    /// What counts in each window, oldest first.
    pub fn export(&self, now: Now) -> Vec<(Metric, Vec<(Now, u64)>)> {
        let charges = |gauge: &Gauge| Some((gauge.metric, gauge.window.as_ref()?.charges(now)));
        self.gauges.iter().filter_map(charges).collect()
    }

    /// Charges one window with what was counted before.
    pub fn import(&mut self, metric: Metric, charges: &[(Now, u64)]) {
        let settings = self.settings;
        let gauge = self.gauge_mut(metric);
        charges.iter().for_each(|(at, amount)| gauge.charge(&settings, *at, *amount));
    }

    /// How it counts.
    pub fn settings(&self) -> &MeterSettings {
        &self.settings
    }

    /// Nothing of `metric` until then.
    pub fn freeze(&mut self, metric: Metric, until: Moment) {
        self.gauge_mut(metric).frozen = Some(until);
    }

    /// The upstream says that nothing is left of `metric`.
    pub fn fill(&mut self, metric: Metric, now: Now) {
        let spare = self.spare(metric);
        self.gauge_mut(metric).fill(now, spare);
    }

    /// How much of `metric` must count, as the upstream says that it is full, where we have counted `used`. A bucket that
    /// is full again has drained what was charged meanwhile, and that shows its limit; before that is known, one of which
    /// more is believed also seems to drain faster, so that hardly anything seems to be in it. One who `asked` for much
    /// shows nothing: it may be far from full.
    pub(super) fn shown(&self, metric: Metric, used: u64, asked: u64, now: Now) -> u64 {
        match self.gauge(metric) {
            Some(Gauge { window: Some(Counter::Bucket(_)), limit, refill, .. })
                if asked.saturating_mul(MUCH) <= limit.unwrap_or(u64::MAX) =>
            {
                let drained = refill.and_then(|refill| refill.drained(now.at, self.spare(metric)));
                drained.map_or(used, |drained| drained.min(used)).max(limit.unwrap_or(u64::MAX) / 2)
            }
            _ => used,
        }
    }

    /// How much of `metric` counts now.
    pub fn used(&self, metric: Metric, now: Now) -> u64 {
        self.gauge(metric).map_or(0, |gauge| gauge.used(now))
    }

    /// How much of each limited metric counts now; 0 of the others.
    pub(super) fn levels(&self, now: Now) -> [u64; 7] {
        let mut levels = [0; 7];
        for gauge in self.limited() {
            levels[gauge.metric.index()] = gauge.used(now);
        }
        levels
    }

    /// What is left of `metric`; `None` where it is not limited.
    #[inline(never)]
    pub(super) fn left(&self, metric: Metric, now: Now) -> Option<Left> {
        let gauge = self.gauge(metric)?;
        let limit = gauge.limit?;
        let used = gauge.used(now).saturating_add(self.reserved(metric));
        Some(Left { limit, remaining: limit.saturating_sub(used), reset: gauge.clear_at(now).since(now.at) })
    }

    /// When one more of `metric` fits.
    pub(super) fn free_at(&self, metric: Metric, now: Now) -> Moment {
        self.gauge(metric).and_then(|gauge| gauge.wake(now, 1)).unwrap_or(now.at)
    }

    /// When nothing of `metric` counts any more.
    pub(super) fn reset_at(&self, metric: Metric, now: Now) -> Moment {
        self.gauge(metric).map_or(now.at, |gauge| gauge.clear_at(now))
    }

    /// The gauges of what is limited now.
    fn limited(&self) -> impl Iterator<Item = &Gauge> {
        self.gauges.iter().filter(|gauge| gauge.limit.is_some())
    }

    fn gauge(&self, metric: Metric) -> Option<&Gauge> {
        self.gauges.iter().find(|gauge| gauge.metric == metric)
    }

    /// That of `metric`, made where there is none.
    fn gauge_mut(&mut self, metric: Metric) -> &mut Gauge {
        let place = self.gauges.partition_point(|gauge| gauge.metric < metric);
        if self.gauges.get(place).is_none_or(|gauge| gauge.metric != metric) {
            self.gauges.insert(place, Gauge::new(metric));
        }
        &mut self.gauges[place]
    }

    /// How much of `metric` is reserved by requests under way and not charged yet.
    pub fn reserved(&self, metric: Metric) -> u64 {
        if metric.unit() == Unit::Tokens { self.held.all().whole() } else { 0 }
    }

    fn spare(&self, metric: Metric) -> u64 {
        if metric.unit() == Unit::Tokens { self.held.spare() } else { 0 }
    }

    /// Requests under way.
    pub fn in_flight(&self) -> u64 {
        self.held.requests()
    }

    /// Whether nothing counts any more.
    pub fn is_idle(&self, now: Now) -> bool {
        self.held.is_empty() && self.gauges.iter().all(|gauge| gauge.used(now) == 0)
    }

    /// What of `ask` is charged as soon as it is let in.
    pub fn at_once(&self, ask: &Ask) -> Amounts {
        let tokens = match self.settings.accounting.charge {
            Charge::After => 0,
            Charge::Before => ask.prompt.whole().saturating_add(ask.max_output),
        };
        Amounts { requests: 1, tokens, images: ask.images }
    }

    /// Takes what `ask` needs from every metric, or nothing. `kept` stays free for others.
    ///
    /// # Errors
    /// The metric that is full for the longest time.
    pub fn try_take(&mut self, now: Now, ask: &Ask, kept: Amounts) -> Result<Taken, Blocked> {
        self.check(now, ask, kept)?;
        Ok(self.take(now, ask))
    }

    /// Takes what `ask` needs whether it fits or not.
    pub fn take(&mut self, now: Now, ask: &Ask) -> Taken {
        let taken = self.would_take(now, ask);
        self.accept(&taken);
        taken
    }

    /// Charges and holds it.
    pub(super) fn accept(&mut self, taken: &Taken) {
        self.charge(taken.at, taken.charged);
        self.held.add(taken);
    }

    pub(super) fn would_take(&self, now: Now, ask: &Ask) -> Taken {
        let held = self.in_the_end(ask);
        let pace = if held.mean > 0.0 { pace(ask) } else { 0.0 };
        let charged = self.at_once(ask);
        let spare = if charged.tokens > 0 { charged.tokens.saturating_sub(ask.amounts().tokens) } else { 0 };
        Taken { at: now, charged, held, duration: ask.duration, pace, spare }
    }

    /// What of `ask` is not known before its end.
    fn in_the_end(&self, ask: &Ask) -> Guess {
        match self.settings.accounting.charge {
            Charge::After => ask.tokens(),
            // The prompt was charged as it was guessed, which may be too little.
            Charge::Before => Guess { mean: 0.0, deviation: ask.prompt.deviation },
        }
    }

    /// Holds what a request of an earlier life took.
    pub fn hold(&mut self, taken: &Taken) {
        self.held.add(taken);
    }

    /// Holds `new` in place of `old`.
    pub fn hold_instead(&mut self, old: &Taken, new: &Taken) {
        self.held.add(new);
        self.held.remove(old);
    }

    /// Whether the upstream would refuse `ask` because of `metric`, if it counts as this meter does.
    pub fn refuses(&self, metric: Metric, now: Now, ask: &Ask) -> bool {
        let Some(limit) = self.limits.get(metric) else { return false };
        let need = self.at_once(ask).of(metric.unit());
        let is_after = metric.unit() == Unit::Tokens && self.settings.accounting.charge == Charge::After;
        let need = if is_after { 1 } else { need };
        need > 0 && self.used(metric, now).saturating_add(need) > limit.value
    }

    /// The window of `metric`, once something was charged to it.
    pub fn counter(&self, metric: Metric) -> Option<&Counter> {
        self.gauge(metric)?.window.as_ref()
    }

    /// The end of a request, exactly once.
    pub fn settle(&mut self, now: Now, taken: &Taken, spent: Spent) {
        self.held.remove(taken);
        match spent {
            Spent::Nothing => self.refund(taken, now, taken.charged),
            Spent::Exactly(amounts) => {
                let spare = taken.charged.images.saturating_sub(amounts.images);
                self.refund(taken, now, Amounts { images: spare, ..Amounts::default() });
                self.settle_tokens(now, taken, amounts.tokens);
            }
            Spent::AtLeast(amounts) => self.settle_tokens(now, taken, amounts.tokens.max(taken.tokens())),
            Spent::Unknown => self.settle_tokens(now, taken, taken.tokens()),
        }
    }

    fn settle_tokens(&mut self, now: Now, taken: &Taken, tokens: u64) {
        let (more, less) = (tokens.saturating_sub(taken.charged.tokens), taken.charged.tokens.saturating_sub(tokens));
        self.charge(now, Amounts { tokens: more, ..Amounts::default() });
        self.refund(taken, now, Amounts { tokens: less, ..Amounts::default() });
    }

    /// Charges every limited metric.
    pub fn charge(&mut self, now: Now, amounts: Amounts) {
        for gauge in &mut self.gauges {
            gauge.charge(&self.settings, now, amounts.of(gauge.unit()));
        }
    }

    fn refund(&mut self, taken: &Taken, now: Now, amounts: Amounts) {
        // Mostly there is nothing to give back.
        if amounts == Amounts::default() {
            return;
        }
        for gauge in &mut self.gauges {
            gauge.refund(taken.at, now, amounts.of(gauge.unit()));
        }
    }
}
