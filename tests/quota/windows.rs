//! A million random histories for each accounting rule, against models that remember everything and add it up.

use std::time::Duration;

use flowgate::quota::moment::{Moment, Now};
use flowgate::quota::window::Window;
use flowgate::quota::window::bucket::Bucket;
use flowgate::quota::window::fixed::{Fixed, Period};
use flowgate::quota::window::sliding::Sliding;

use super::chance::Chance;

const HISTORIES: u64 = 1_000_000;
const STEPS: u64 = 10;
/// Short enough that a history sees several of them.
const SPAN: Duration = Duration::from_micros(1000);

/// Everything that happened: when, and how much of it still stands.
trait Model {
    fn used(&self, now: u64, charges: &[(u64, u64)], limit: u64) -> u64;
}

struct Rolling;

impl Model for Rolling {
    fn used(&self, now: u64, charges: &[(u64, u64)], _limit: u64) -> u64 {
        charges.iter().filter(|(at, _)| at + 1000 > now).map(|(_, amount)| amount).sum()
    }
}

struct Periods;

impl Model for Periods {
    fn used(&self, now: u64, charges: &[(u64, u64)], _limit: u64) -> u64 {
        charges.iter().filter(|(at, _)| at / 1000 == now / 1000).map(|(_, amount)| amount).sum()
    }
}

/// In nanoseconds of draining, each charge played again.
struct Draining;

impl Model for Draining {
    fn used(&self, now: u64, charges: &[(u64, u64)], limit: u64) -> u64 {
        let period = 1_000_000_u64.div_ceil(limit);
        let (mut level, mut last) = (0_u64, 0);
        for (at, amount) in charges {
            level = level.saturating_sub((at - last) * 1000) + amount * period;
            last = *at;
        }
        level.saturating_sub((now - last) * 1000).div_ceil(period)
    }
}

/// One history: takes, charges and refunds at random, every decision compared, no window over its limit but by debt.
fn history(window: &mut dyn Window, model: &dyn Model, seed: u64, refunds: bool) {
    let mut chance = Chance::new(seed);
    let limit = 1 + chance.below(20);
    let start = 1_000_000_000;
    let mut now = start;
    let mut charges: Vec<(u64, u64)> = Vec::new();
    let mut debt = false;
    for step in 0..STEPS {
        now += [0, 1, chance.below(300), chance.below(1500)][chance.below(4) as usize];
        let (at, amount) = (Now::both(Moment(now)), chance.below(limit + 3));
        let used = model.used(now, &charges, limit);
        assert_eq!(window.peek(at, limit), used, "seed {seed}, step {step}: {charges:?} at {now}, limit {limit}");
        match chance.below(if refunds { 10 } else { 8 }) {
            0 => {
                window.charge(at, amount, limit);
                charges.push((now, amount));
                debt = true;
            }
            1..8 => {
                let fits = used + amount <= limit;
                check_wake(window, model, &charges, at, amount, limit, seed);
                assert_eq!(window.try_take(at, amount, limit), fits, "seed {seed}, step {step}");
                charges.extend(fits.then_some((now, amount)));
            }
            _ => refund(window, &mut charges, at, limit, &mut chance),
        }
        assert!(debt || window.peek(at, limit) <= limit, "seed {seed}: a window over its limit");
    }
}

/// Part of what was taken once is given back.
fn refund(window: &mut dyn Window, charges: &mut [(u64, u64)], now: Now, limit: u64, chance: &mut Chance) {
    if charges.is_empty() {
        return;
    }
    let index = chance.below(charges.len() as u64) as usize;
    let (at, amount) = &mut charges[index];
    let (at, back) = (*at, chance.below(*amount + 1));
    *amount -= back;
    window.refund(Now::both(Moment(at)), now, back, limit);
}

/// It fits at the moment that is named, and not a microsecond before.
fn check_wake(
    window: &dyn Window,
    model: &dyn Model,
    charges: &[(u64, u64)],
    now: Now,
    amount: u64,
    limit: u64,
    seed: u64,
) {
    let Some(wake) = window.wake_at(now, amount, limit) else {
        assert!(amount > limit, "seed {seed}");
        return;
    };
    let fits = |at: u64| model.used(at, charges, limit) + amount <= limit;
    assert!(fits(wake.0), "seed {seed}: woken too early, at {wake:?}");
    assert!(wake == now.at || !fits(wake.0 - 1), "seed {seed}: woken too late, at {wake:?}");
}

#[test]
fn a_million_histories_of_a_sliding_window() {
    for seed in 0..HISTORIES {
        history(&mut Sliding::new(SPAN), &Rolling, seed, true);
    }
}

/// Very many charges are joined: a window that counts them for a millisecond longer, never shorter, in bounded memory.
#[test]
fn a_crowded_sliding_window_is_exact_to_a_millisecond() {
    const CROWD: u64 = 300_000;
    let span = Duration::from_secs(60);
    let (mut window, mut chance) = (Sliding::new(span), Chance::new(7));
    let (mut now, mut charges) = (1_000_000_000, Vec::new());
    for step in 0..CROWD {
        now += chance.below(600);
        let amount = 1 + chance.below(9);
        window.charge(Now::both(Moment(now)), amount, u64::MAX);
        charges.push((now, amount));
        if step % 4999 == 0 {
            let used = |now: u64| sum(charges.iter().filter(|(at, _)| at + 60_000_000 > now));
            let counted = window.peek(Now::both(Moment(now)), u64::MAX);
            assert!((used(now)..=used(now - 1000)).contains(&counted), "{counted} at step {step}");
            // Given back to the charge that it was taken from, and not beyond it.
            let (at, amount) = &mut charges[(step - chance.below(1 + step.min(1000))) as usize];
            window.refund(Now::both(Moment(*at)), Now::both(Moment(now)), *amount, u64::MAX);
            *amount = 0;
        }
    }
    assert!(window.charges().count() < 61_000 + 10_000, "{}", window.charges().count());
}

fn sum<'a>(charges: impl Iterator<Item = &'a (u64, u64)>) -> u64 {
    charges.map(|(_, amount)| amount).sum()
}

#[test]
fn a_million_histories_of_a_fixed_window() {
    let period = Period { length: SPAN, offset: Duration::ZERO, margin: Duration::ZERO };
    for seed in 0..HISTORIES {
        history(&mut Fixed::new(period), &Periods, seed, true);
    }
}

#[test]
fn a_million_histories_of_a_bucket() {
    for seed in 0..HISTORIES {
        let limit = 1 + Chance::new(seed).below(20);
        let made = Now::both(Moment(1_000_000_000));
        history(&mut Bucket::new(SPAN, made, limit), &Draining, seed, false);
    }
}

#[test]
fn a_bucket_is_never_emptier_than_empty() {
    let at = |micros: u64| Now::both(Moment(1_000_000 + micros));
    let mut bucket = Bucket::new(SPAN, at(0), 10);
    assert!(bucket.try_take(at(0), 6, 10));
    bucket.refund(at(0), at(100), 50, 10);
    assert_eq!(bucket.peek(at(100), 10), 0);
    assert!(bucket.try_take(at(100), 10, 10) && !bucket.try_take(at(100), 1, 10));
    // Debt delays, and is not forgotten by another limit.
    bucket.charge(at(100), 20, 10);
    assert_eq!(bucket.peek(at(100), 10), 30);
    assert_eq!(bucket.peek(at(100), 20), 30);
    assert_eq!(bucket.wake_at(at(100), 1, 10), Some(at(100 + 2100).at));
}

#[test]
fn around_the_change_of_periods_both_are_full() {
    let margin = Duration::from_micros(100);
    let at = |micros: u64| Now::both(Moment(1_000_000 + micros));
    let period = Period { length: SPAN, offset: Duration::ZERO, margin };
    let mut window = Fixed::new(period);
    assert!(window.try_take(at(500), 7, 10));
    assert!(window.try_take(at(950), 2, 10));
    // Just after the change the old minute may still be the one that counts.
    assert_eq!(window.peek(at(1010), 10), 9);
    assert_eq!(window.wake_at(at(1010), 8, 10), Some(at(1100).at));
    // Later only what came so late that it may have been counted in the new one.
    assert_eq!(window.peek(at(1100), 10), 2);
    assert_eq!(window.peek(at(2100), 10), 0);
}
