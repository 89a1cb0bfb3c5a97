//! All limits of one model for one account: a request takes from every metric at once, or from none.
//!
//! Requests and pictures are charged when a request is let in. Tokens are charged when the upstream charges them: after
//! the answer (until then they are held as a guess), or before it (then they are put right at the end).

use std::time::Duration;

use super::ask::{Ask, Guess, Spent};
use super::limits::Limits;
use super::metric::{Amounts, Metric, Span, Unit};
use super::moment::{Moment, Now};
use super::rule::{Accounting, Charge};
use super::window::Window;
use super::window::counter::Counter;

/// How a meter counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeterSettings {
    /// How the upstream counts.
    pub accounting: Accounting,
    /// Whether that is only where to begin, and refusals may teach better.
    pub learns: bool,
    /// How long a request may be on its way, and so how much later or earlier the upstream may have counted it.
    pub margin: Duration,
    /// How careful guesses are added up (standard deviations above the mean).
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

/// What a request has taken, to be settled.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Taken {
    /// When.
    pub at: Now,
    /// What was charged at once.
    pub charged: Amounts,
    /// What is held of the tokens, charged in the end.
    pub held: Guess,
}

impl Taken {
    /// Tokens reserved, charged or held.
    pub fn tokens(&self) -> u64 {
        self.charged.tokens.max(self.held.upper(0.0))
    }
}

/// Tokens of the requests under way.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Held {
    requests: u64,
    mean: f64,
    variance: f64,
}

impl Held {
    fn add(&mut self, guess: Guess) {
        self.requests += 1;
        self.mean += guess.mean;
        self.variance += guess.deviation.powi(2);
    }

    fn remove(&mut self, guess: Guess) {
        self.requests = self.requests.saturating_sub(1);
        self.mean = (self.mean - guess.mean).max(0.0);
        self.variance = (self.variance - guess.deviation.powi(2)).max(0.0);
        if self.requests == 0 {
            // What rounding has left must not add up over the years.
            *self = Self::default();
        }
    }

    fn with(self, guess: Guess) -> Guess {
        Guess { mean: self.mean, deviation: self.variance.sqrt() }.plus(guess)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Meter {
    settings: MeterSettings,
    limits: Limits,
    counters: [Option<Counter>; 7],
    held: Held,
    frozen: [Option<Moment>; 7],
}

impl Meter {
    /// A meter that has counted nothing.
    pub fn new(settings: MeterSettings, limits: Limits) -> Self {
        Self { settings, limits, counters: Default::default(), held: Held::default(), frozen: [None; 7] }
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Other limits from now on; what was counted stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Counts differently from now on. What was counted is carried over as far as the new way knows it.
    pub fn set_accounting(&mut self, accounting: Accounting, now: Now) {
        let charges = self.export(now);
        self.settings.accounting = accounting;
        self.counters = Default::default();
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
        let charges = |metric: Metric| Some((metric, self.counters[metric.index()].as_ref()?.charges(now)));
        Metric::ALL.into_iter().filter_map(charges).collect()
    }

    /// Charges one window with what was counted before.
    pub fn import(&mut self, metric: Metric, charges: &[(Now, u64)]) {
        let Some(limit) = self.limits.get(metric) else { return };
        for (at, amount) in charges {
            let settings = self.settings;
            let counter =
                self.counters[metric.index()].get_or_insert_with(|| Counter::new(metric, &settings, *at, limit.value));
            counter.charge(*at, *amount, limit.value);
        }
    }

    /// How it counts.
    pub fn settings(&self) -> &MeterSettings {
        &self.settings
    }

    /// Nothing of `metric` until then.
    pub fn freeze(&mut self, metric: Metric, until: Moment) {
        self.frozen[metric.index()] = Some(until);
    }

    /// How much of `metric` counts now.
    pub fn used(&self, metric: Metric, now: Now) -> u64 {
        let limit = self.limit(metric);
        self.counters[metric.index()].as_ref().map_or(0, |counter| counter.peek(now, limit))
    }

    /// How much of `metric` is reserved by requests under way and not charged yet.
    pub fn reserved(&self, metric: Metric) -> u64 {
        if metric.unit() == Unit::Tokens { self.held.with(Guess::default()).upper(0.0) } else { 0 }
    }

    /// Requests under way.
    pub fn in_flight(&self) -> u64 {
        self.held.requests
    }

    /// Whether nothing counts any more.
    pub fn is_idle(&self, now: Now) -> bool {
        self.held.requests == 0 && Metric::ALL.into_iter().all(|metric| self.used(metric, now) == 0)
    }

    /// A metric that `ask` would not fit into even if nothing else was there, and what it needs of it at least.
    pub fn never_fits(&self, ask: &Ask) -> Option<(Metric, u64)> {
        let needs = self.limits.iter().map(|(metric, limit)| (metric, self.least(metric, ask), limit.value));
        needs.into_iter().find(|(_, least, limit)| least > limit).map(|(metric, least, _)| (metric, least))
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

    /// What of `ask` is charged as soon as it is let in.
    fn at_once(&self, ask: &Ask) -> Amounts {
        let tokens = match self.settings.accounting.charge {
            Charge::After => 0,
            Charge::Before => ask.prompt.upper(self.settings.caution).saturating_add(ask.max_output),
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
        let charged = self.at_once(ask);
        self.charge(now, charged);
        let held = if charged.tokens == 0 { ask.tokens() } else { Guess::default() };
        self.held.add(held);
        Taken { at: now, charged, held }
    }

    /// Holds what a request of an earlier life took.
    pub fn hold(&mut self, held: Guess) {
        self.held.add(held);
    }

    /// Holds `new` in place of `old`.
    pub fn hold_instead(&mut self, old: Guess, new: Guess) {
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
        self.counters[metric.index()].as_ref()
    }

    /// Whether [`Self::try_take`] would take.
    ///
    /// # Errors
    /// The metric that is full for the longest time.
    pub fn check(&self, now: Now, ask: &Ask, kept: Amounts) -> Result<(), Blocked> {
        let mut worst: Option<Blocked> = None;
        for (metric, limit) in self.limits.iter() {
            let Some(wake) = self.blocked(metric, limit.value, now, ask, kept) else { continue };
            let is_worse =
                worst.is_none_or(|worst| worst.wake.is_some_and(|other| wake.is_none_or(|wake| wake > other)));
            if is_worse {
                worst = Some(Blocked { metric, wake });
            }
        }
        worst.map_or(Ok(()), Err)
    }

    /// `None` when it fits; else when it will, if that is known.
    fn blocked(&self, metric: Metric, limit: u64, now: Now, ask: &Ask, kept: Amounts) -> Option<Option<Moment>> {
        if let Some(until) = self.frozen[metric.index()].filter(|until| *until > now.at) {
            return Some(Some(until));
        }
        let kept = kept.of(metric.unit());
        let wake = if metric.unit() == Unit::Tokens && self.settings.accounting.charge == Charge::After {
            self.wake_after(metric, limit, now, ask, kept)
        } else {
            let need = self.at_once(ask).of(metric.unit());
            if need == 0 {
                return None;
            }
            self.wake(metric, limit, now, need.saturating_add(kept).min(limit.max(need)))
        };
        match wake {
            Some(wake) if wake <= now.at => None,
            wake => Some(wake),
        }
    }

    /// When tokens that are charged in the end can be let in: something must be left now, which is what the upstream
    /// looks at, and when the answer is over there must be room for it beside all that is still under way.
    fn wake_after(&self, metric: Metric, limit: u64, now: Now, ask: &Ask, kept: u64) -> Option<Moment> {
        let caution = self.settings.caution;
        let mut need = self.held.with(ask.tokens()).upper(caution).saturating_add(kept);
        if self.held.requests == 0 {
            // Alone it may use all there is, even if it might need a little more.
            need = need.min(limit);
        }
        let left = self.wake(metric, limit, now, 1)?;
        let room = self.wake(metric, limit, now.plus(ask.duration), need)?.minus(ask.duration);
        Some(left.max(room))
    }

    fn wake(&self, metric: Metric, limit: u64, now: Now, need: u64) -> Option<Moment> {
        match &self.counters[metric.index()] {
            Some(counter) => counter.wake_at(now, need, limit),
            None => (need <= limit).then_some(now.at),
        }
    }

    /// When `ask` would start if `ahead` went before it. Whole spans are added where the demand is more than a limit.
    pub fn starts_at(&self, now: Now, ask: &Ask, ahead: Amounts) -> Moment {
        let starts = self.limits.iter().map(|(metric, limit)| {
            let unit = metric.unit();
            let own = self.at_once(ask).of(unit).max(if unit == Unit::Tokens { ask.tokens().upper(0.0) } else { 0 });
            let frozen = self.frozen[metric.index()].unwrap_or_default().max(now.at);
            if own == 0 {
                return frozen;
            }
            let need = own.min(limit.value).saturating_add(ahead.of(unit)).saturating_add(self.reserved(metric));
            let (whole, part) = ((need - 1) / limit.value, (need - 1) % limit.value + 1);
            let wake = self.wake(metric, limit.value, now, part).unwrap_or(now.at);
            wake.max(frozen).plus(span(metric).saturating_mul(u32::try_from(whole).unwrap_or(u32::MAX)))
        });
        starts.max().unwrap_or(now.at)
    }

    /// The end of a request, exactly once.
    pub fn settle(&mut self, now: Now, taken: &Taken, spent: Spent) {
        self.held.remove(taken.held);
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
        for (metric, limit) in self.limits.iter() {
            let amount = amounts.of(metric.unit());
            if amount > 0 {
                let settings = self.settings;
                let counter = self.counters[metric.index()]
                    .get_or_insert_with(|| Counter::new(metric, &settings, now, limit.value));
                counter.charge(now, amount, limit.value);
            }
        }
    }

    fn refund(&mut self, taken: &Taken, now: Now, amounts: Amounts) {
        for metric in Metric::ALL {
            let (amount, limit) = (amounts.of(metric.unit()), self.limit(metric));
            if let Some(counter) = self.counters[metric.index()].as_mut().filter(|_| amount > 0) {
                counter.refund(taken.at, now, amount, limit);
            }
        }
    }

    fn limit(&self, metric: Metric) -> u64 {
        self.limits.get(metric).map_or(u64::MAX, |limit| limit.value)
    }
}

/// How long a metric looks back.
fn span(metric: Metric) -> Duration {
    Duration::from_secs(match metric.span() {
        Span::Minute => 60,
        Span::Hour => 3600,
        Span::Day => 86_400,
    })
}
