//! All limits of one model for one account: a request takes from every metric at once, or from none.
//!
//! Requests and pictures are charged when a request is let in. Tokens are charged when the upstream charges them: after
//! the answer (until then they are held as a guess), or before it (then they are put right at the end).

use std::time::Duration;

use super::ask::{Ask, Guess, Spent};
use super::held::{Held, SURE, pace};
use super::limits::Limits;
use super::metric::{Amounts, Metric, Span, Unit};
use super::moment::{Moment, Now};
use super::rule::{Accounting, Charge};
use super::window::Window;
use super::window::counter::Counter;

/// Parts of the usual time of an answer after which the window is looked at, and whether with caution (ours): later all will
/// have become easier, and what happens earlier is chance.
const LOOKS: [(f64, bool); 4] = [(0.25, false), (0.5, false), (1.0, true), (2.0, true)];

/// While less than this part of a limit is used or held nobody is slowed down (ours).
const PLENTY: f64 = 0.3;
/// How much faster than evenly a limit is given out for what is left of it (ours): with 5 % left, by a tenth.
const CATCH_UP: f64 = 2.0;

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
    /// How long it was expected to take.
    #[serde(default)]
    pub duration: Duration,
    /// Tokens a second by which its answer becomes longer than was thought while it is not over.
    #[serde(default)]
    pub pace: f64,
    /// What of the charged tokens will probably be given back.
    #[serde(default)]
    pub spare: u64,
}

impl Taken {
    /// Tokens reserved, charged or held.
    pub fn tokens(&self) -> u64 {
        self.charged.tokens.max(self.held.upper(0.0))
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

    /// The upstream says that nothing is left of `metric`: a bucket that seemed to have room had none. What other rules
    /// count is known one by one.
    pub fn fill(&mut self, metric: Metric, now: Now) {
        let Some(limit) = self.limits.get(metric) else { return };
        if let Some(counter @ Counter::Bucket(_)) = &mut self.counters[metric.index()] {
            let left = limit.value.saturating_sub(counter.peek(now, limit.value));
            counter.charge(now, left, limit.value);
        }
    }

    /// How much of `metric` counts now.
    pub fn used(&self, metric: Metric, now: Now) -> u64 {
        let limit = self.limit(metric);
        self.counters[metric.index()].as_ref().map_or(0, |counter| counter.peek(now, limit))
    }

    /// How much of `metric` is reserved by requests under way and not charged yet.
    pub fn reserved(&self, metric: Metric) -> u64 {
        if metric.unit() == Unit::Tokens { self.held.all().upper(0.0) } else { 0 }
    }

    /// Requests under way.
    pub fn in_flight(&self) -> u64 {
        self.held.requests()
    }

    /// Whether nothing counts any more.
    pub fn is_idle(&self, now: Now) -> bool {
        self.held.is_empty() && Metric::ALL.into_iter().all(|metric| self.used(metric, now) == 0)
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
    pub fn at_once(&self, ask: &Ask) -> Amounts {
        let tokens = match self.settings.accounting.charge {
            Charge::After => 0,
            Charge::Before => ask.prompt.upper(0.0).saturating_add(ask.max_output),
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
        self.charge(now, taken.charged);
        self.held.add(&taken);
        taken
    }

    fn would_take(&self, now: Now, ask: &Ask) -> Taken {
        let held = self.in_the_end(ask);
        let pace = if held.mean > 0.0 { pace(ask) } else { 0.0 };
        let charged = self.at_once(ask);
        let spare = charged.tokens.saturating_sub(ask.amounts().tokens);
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
        let kept = kept.of(metric.unit()).saturating_sub(soon(metric, limit));
        let wake = if metric.unit() == Unit::Tokens && self.settings.accounting.charge == Charge::After {
            self.wake_after(metric, limit, now, ask, kept)
        } else {
            let need = self.at_once(ask).of(metric.unit());
            if need == 0 {
                return None;
            }
            let unsure = if metric.unit() == Unit::Tokens { self.unsure(now, ask) } else { 0 };
            self.wake(metric, limit, now, need.saturating_add(kept).saturating_add(unsure).min(limit.max(need)))
        };
        match wake {
            Some(wake) if wake <= now.at => None,
            wake => Some(wake),
        }
    }

    /// When tokens that are charged in the end can be let in: at no moment from now until the answer is over may the window
    /// hold too much of what has ended by then.
    fn wake_after(&self, metric: Metric, limit: u64, now: Now, ask: &Ask, kept: u64) -> Option<Moment> {
        let held = self.held.with(&self.would_take(now, ask));
        let wake = |later: Duration, need: u64| {
            // Alone it may use all there is, even if it might need a little more.
            let need = if self.held.is_empty() { need.min(limit) } else { need };
            Some(self.wake(metric, limit, now.plus(later), need)?.minus(later))
        };
        // What the upstream looks at is what has ended when the request comes in.
        let mut wakes = wake(Duration::ZERO, self.held.sure(now.at, self.settings.margin))?;
        for (part, is_careful) in LOOKS {
            let caution = if is_careful { self.settings.caution } else { 0.0 };
            let later = held.usual().mul_f64(part);
            wakes = wakes.max(wake(later, held.ended(later).upper(caution).saturating_add(kept))?);
        }
        if let Some(end) = self.counters[metric.index()].as_ref().and_then(|counter| counter.forgets_at(now)) {
            // Answers are over sooner or later than is thought: those that are sooner count in the old period.
            let ended = held.ended(end.since(now.at)).upper(self.settings.caution);
            wakes = wakes.max(wake(Duration::ZERO, ended.saturating_add(kept))?);
        }
        Some(wakes)
    }

    /// What has to be left because prompts that were charged may be longer than was guessed.
    fn unsure(&self, now: Now, ask: &Ask) -> u64 {
        self.held.with(&self.would_take(now, ask)).all().upper(SURE)
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
            let back = if unit == Unit::Tokens { self.held.spare() } else { 0 };
            let need = need.saturating_sub(back).max(1);
            let is_after = unit == Unit::Tokens && self.settings.accounting.charge == Charge::After;
            let early = if is_after { ask.duration } else { Duration::ZERO };
            let settings = self.settings;
            let turn = match &self.counters[metric.index()] {
                Some(counter) => counter.turn(now, need, limit.value),
                None => Counter::new(metric, &settings, now, limit.value).turn(now, need, limit.value),
            };
            turn.minus(early).max(frozen)
        });
        starts.max().unwrap_or(now.at)
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

    /// How much room `ask` takes until it is over: tokens, else pictures, else itself.
    pub fn size(&self, ask: &Ask) -> u64 {
        let amounts = match self.settings.accounting.charge {
            Charge::After => ask.amounts(),
            Charge::Before => self.at_once(ask),
        };
        if amounts.tokens > 0 { amounts.tokens } else { amounts.images.max(1) }
    }

    /// How long `ask` takes of the minute's tokens if they are given out evenly; faster while there is much left, so that
    /// what was not asked for before is not lost.
    pub(super) fn slowness(&self, ask: &Ask, now: Now) -> Duration {
        let Some(limit) = self.limits.get(Metric::Tpm).map(|limit| limit.value as f64) else { return Duration::ZERO };
        let used = self.used(Metric::Tpm, now) as f64 / limit;
        if used + self.reserved(Metric::Tpm) as f64 / limit < PLENTY {
            return Duration::ZERO;
        }
        let faster = 1.0 + CATCH_UP * (1.0 - used).max(0.0);
        Duration::from_secs_f64(60.0 * ask.amounts().tokens as f64 / limit / faster)
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

/// What comes free so soon that it need not be kept for anybody: he will be first in line.
fn soon(metric: Metric, limit: u64) -> u64 {
    if metric.span() == Span::Minute { limit / 60 } else { 0 }
}
