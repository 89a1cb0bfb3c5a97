//! All limits of a model at once against a model that remembers every event and adds up: the same decisions, all or none,
//! no window over its limit but by debt, and a restart in between changes nothing.

use std::time::Duration;

use flowgate::quota::ask::{Ask, Guess, Spent};
use flowgate::quota::hypotheses::ALL;
use flowgate::quota::limits::{Limits, Source};
use flowgate::quota::meter::{Meter, MeterSettings, Taken};
use flowgate::quota::metric::{Amounts, Metric, Span, Unit};
use flowgate::quota::moment::{Moment, Now};
use flowgate::quota::rule::{Accounting, Charge, Rule};
use flowgate::quota::window::Window;
use flowgate::quota::window::bucket::Bucket;

use super::chance::Chance;

/// For each of the six ways to count.
const HISTORIES: u64 = 40_000;
const STEPS: u64 = 14;
const METRICS: [Metric; 5] = [Metric::Rpm, Metric::Rph, Metric::Tpm, Metric::Ipm, Metric::Tpd];

/// One metric, counted as plainly as can be.
struct Plain {
    metric: Metric,
    rule: Rule,
    limit: u64,
    /// When, how much, and at what moment it was booked (a refund is booked later than what it takes back).
    events: Vec<(u64, i64, u64)>,
}

impl Plain {
    fn span(&self) -> (u64, u64) {
        let seconds = match self.metric.span() {
            Span::Minute => 60,
            Span::Hour => 3600,
            Span::Day => 86_400,
        };
        (seconds * 1_000_000, 8 * 3_600_000_000)
    }

    fn used(&self, now: u64) -> u64 {
        let (span, offset) = self.span();
        let rule = if self.metric.span() == Span::Minute { self.rule } else { Rule::Fixed };
        let sum = |counts: &dyn Fn(u64) -> bool| {
            u64::try_from(self.events.iter().filter(|(at, ..)| counts(*at)).map(|(_, amount, _)| amount).sum::<i64>())
                .unwrap()
        };
        match rule {
            Rule::Sliding => sum(&|at| at + span > now),
            Rule::Fixed => sum(&|at| (at + offset) / span == (now + offset) / span),
            Rule::Bucket => self.drained(now, span),
        }
    }

    /// Nanoseconds until it is empty, every event played again.
    fn drained(&self, now: u64, span: u64) -> u64 {
        let period = (span * 1000).div_ceil(self.limit);
        let (mut level, mut last) = (0_u64, 0);
        for (_, amount, booked) in &self.events {
            level = level.saturating_sub((booked - last) * 1000);
            level = level.saturating_add_signed(amount * i64::try_from(period).unwrap());
            last = *booked;
        }
        level.saturating_sub((now - last) * 1000).div_ceil(period)
    }
}

/// The whole meter, as plainly.
struct Model {
    accounting: Accounting,
    metrics: Vec<Plain>,
}

impl Model {
    fn fits(&self, now: u64, ask: &Ask, open: &[Open]) -> bool {
        self.metrics.iter().all(|plain| {
            let used = plain.used(now);
            let fits = |need: u64| used + need <= plain.limit;
            match (plain.metric.unit(), self.accounting.charge) {
                (Unit::Requests, _) => fits(1),
                (Unit::Images, _) => ask.images == 0 || fits(ask.images),
                (Unit::Tokens, Charge::Before) => fits(tokens(ask) + ask.max_output),
                (Unit::Tokens, Charge::After) if open.is_empty() => fits(1) && fits(tokens(ask).min(plain.limit)),
                // All may end at any moment, and then something must be left: the largest one counts twice.
                (Unit::Tokens, Charge::After) => {
                    let held: u64 = open.iter().map(|open| open.tokens).sum();
                    let largest = open.iter().map(|open| open.tokens).max().unwrap_or(0);
                    fits(held + tokens(ask)) && fits(held + largest + 1)
                }
            }
        })
    }

    fn book(&mut self, unit: Unit, at: u64, amount: i64, now: u64) {
        for plain in self.metrics.iter_mut().filter(|plain| plain.metric.unit() == unit && amount != 0) {
            plain.events.push((at, amount, now));
        }
    }

    fn take(&mut self, now: u64, ask: &Ask) {
        self.book(Unit::Requests, now, 1, now);
        self.book(Unit::Images, now, signed(ask.images), now);
        if self.accounting.charge == Charge::Before {
            self.book(Unit::Tokens, now, signed(tokens(ask) + ask.max_output), now);
        }
    }

    fn settle(&mut self, now: u64, open: &Open, spent: Spent) {
        let at = open.taken.at.at.0;
        let charged = open.taken.charged;
        let cost = match spent {
            Spent::Nothing => {
                self.book(Unit::Requests, at, -1, now);
                self.book(Unit::Images, at, -signed(charged.images), now);
                self.book(Unit::Tokens, at, -signed(charged.tokens), now);
                return;
            }
            Spent::Exactly(amounts) => {
                self.book(Unit::Images, at, -signed(charged.images.saturating_sub(amounts.images)), now);
                amounts.tokens
            }
            Spent::AtLeast(amounts) => amounts.tokens.max(open.tokens),
            Spent::Unknown => open.tokens,
        };
        let more = signed(cost) - signed(charged.tokens);
        self.book(Unit::Tokens, if more < 0 { at } else { now }, more, now);
    }
}

/// A request under way.
struct Open {
    taken: Taken,
    /// What stands if nobody knows better.
    tokens: u64,
}

fn tokens(ask: &Ask) -> u64 {
    ask.prompt.mean as u64
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap()
}

/// What is known exactly and takes no time: then there is one right decision.
fn ask(chance: &mut Chance) -> Ask {
    Ask {
        images: [0, chance.below(3)][chance.below(2) as usize],
        prompt: Guess::exactly(1 + chance.below(8)),
        output: Guess::default(),
        max_output: chance.below(5),
        duration: Duration::ZERO,
        content: 0.0,
    }
}

fn settings(accounting: Accounting) -> MeterSettings {
    MeterSettings { accounting, learns: false, margin: Duration::ZERO, caution: 1.28 }
}

fn restart(meter: &Meter, open: &[Open], now: Now) -> Meter {
    let mut next = Meter::new(*meter.settings(), *meter.limits());
    for (metric, charges) in meter.export(now) {
        next.import(metric, &charges);
    }
    open.iter().for_each(|open| next.hold(&open.taken));
    next
}

fn spend(chance: &mut Chance, open: &Open) -> Spent {
    let images = chance.below(open.taken.charged.images + 1);
    let amounts = Amounts { requests: 1, tokens: chance.below(20), images };
    [Spent::Nothing, Spent::Exactly(amounts), Spent::Exactly(amounts), Spent::AtLeast(amounts), Spent::Unknown]
        [chance.below(5) as usize]
}

fn history(accounting: Accounting, seed: u64) {
    let mut chance = Chance::new(seed);
    let mut limits = Limits::default();
    let mut metrics = Vec::new();
    for metric in METRICS {
        if chance.below(4) > 0 {
            let limit = 1 + chance.below(if metric.unit() == Unit::Tokens { 40 } else { 6 });
            limits = limits.with(metric, limit, Source::Configured);
            metrics.push(Plain { metric, rule: accounting.rule, limit, events: Vec::new() });
        }
    }
    let mut meter = Meter::new(settings(accounting), limits);
    let mut model = Model { accounting, metrics };
    let mut now = 1_000_000_000_000_000;
    let mut open: Vec<Open> = Vec::new();
    let mut debt = false;
    for step in 0..STEPS {
        now += [0, 1, chance.below(20_000_000), chance.below(90_000_000), chance.below(4_000_000_000)]
            [chance.below(5) as usize];
        let at = Now::both(Moment(now));
        match chance.below(10) {
            0..6 => {
                let ask = ask(&mut chance);
                let expected = model.fits(now, &ask, &open);
                let taken = meter.try_take(at, &ask, Amounts::default());
                assert_eq!(taken.is_ok(), expected, "seed {seed}, step {step}, {accounting:?}: {ask:?}");
                if let Ok(taken) = taken {
                    model.take(now, &ask);
                    let tokens = taken.tokens();
                    open.push(Open { taken, tokens });
                }
            }
            6..9 if !open.is_empty() => {
                let done = open.swap_remove(chance.below(open.len() as u64) as usize);
                let spent = spend(&mut chance, &done);
                meter.settle(at, &done.taken, spent);
                model.settle(now, &done, spent);
                debt |= spent != Spent::Nothing;
            }
            // A bucket is written down in whole units, so it comes back a little fuller.
            _ if accounting.rule != Rule::Bucket => meter = restart(&meter, &open, at),
            _ => {}
        }
        for plain in &model.metrics {
            let used = meter.used(plain.metric, at);
            assert_eq!(used, plain.used(now), "seed {seed}, step {step}, {accounting:?}: {:?}", plain.metric);
            assert!(debt || used <= plain.limit, "seed {seed}: {:?} over its limit", plain.metric);
        }
        assert_eq!(meter.in_flight(), open.len() as u64);
    }
}

#[test]
fn every_decision_is_the_plain_one_for_every_rule() {
    for accounting in ALL {
        (0..HISTORIES).for_each(|seed| history(accounting, seed));
    }
}

#[test]
fn a_request_that_one_metric_has_no_room_for_takes_from_none() {
    let limits = Limits::default().with(Metric::Rpm, 5, Source::Configured).with(Metric::Ipm, 2, Source::Configured);
    let mut meter = Meter::new(settings(ALL[0]), limits);
    let now = Now::both(Moment::of_seconds(1_000_000));
    let ask = Ask { images: 2, ..Ask::default() };
    assert!(meter.try_take(now, &ask, Amounts::default()).is_ok());
    assert_eq!(meter.try_take(now, &ask, Amounts::default()).unwrap_err().metric, Metric::Ipm);
    assert_eq!((meter.used(Metric::Rpm, now), meter.used(Metric::Ipm, now), meter.in_flight()), (1, 2, 1));
}

#[test]
fn a_debt_is_paid_before_anything_else_goes() {
    for (accounting, free_again) in [(ALL[0], 60), (ALL[3], 61)] {
        let mut meter = Meter::new(settings(accounting), Limits::default().with(Metric::Tpm, 60, Source::Configured));
        let at = |second: u64| Now::both(Moment::of_seconds(1_000_020 + second));
        let ask = Ask { prompt: Guess::exactly(10), ..Ask::default() };
        let taken = meter.try_take(at(0), &ask, Amounts::default()).unwrap();
        meter.settle(at(0), &taken, Spent::Exactly(Amounts { requests: 1, tokens: 111, images: 0 }));
        let wake = meter.check(at(1), &ask, Amounts::default()).unwrap_err().wake.unwrap();
        assert_eq!(wake, at(free_again).at, "{accounting:?}");
    }
}

/// Parts of a unit are carried over when what is believed of its limit changes.
#[test]
fn a_limit_that_changes_often_makes_no_bucket_fuller() {
    let at = |millis: u64| Now::both(Moment::of_seconds(1_000_020).plus(Duration::from_millis(millis)));
    let mut bucket = Bucket::new(Duration::from_secs(60), at(0), 60);
    bucket.charge(at(0), 30, 60);
    (1..100).for_each(|round| bucket.charge(at(round * 10), 0, 60 + round % 2));
    assert_eq!(bucket.peek(at(1_000), 60), 29);
}
