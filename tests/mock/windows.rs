//! The rules on the pure window, with time handed in.

use flowgate::mock::{Rule, Window};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The moment a correction is about decides, not the moment it is made.
#[test]
fn a_correction_leaves_with_what_it_corrects() {
    for (rule, used) in [(Rule::Sliding, 50), (Rule::Fixed, 50)] {
        check(rule, &[(5, 400), (62, 50), (5, -300)], 66, used);
    }
    check(Rule::Sliding, &[(5, 400), (62, 50), (5, -300)], 64, 150);
}

/// Amounts charged at seconds, then what is used at a second.
fn check(rule: Rule, charges: &[(u64, i128)], then: u64, used: u64) {
    let mut window = Window::new(rule, MINUTE);
    for (second, amount) in charges {
        window.charge(at(*second), *amount);
    }
    assert_eq!(window.used(at(then), 600), used, "{rule:?} {charges:?} at {then}");
}

#[test]
fn a_sliding_window_forgets_each_charge_after_one_span() {
    let charges = [(0, 100), (30, 50)];
    check(Rule::Sliding, &charges, 59, 150);
    check(Rule::Sliding, &charges, 60, 50);
    check(Rule::Sliding, &charges, 90, 0);
}

#[test]
fn a_fixed_window_forgets_all_at_the_full_minute() {
    let charges = [(50, 100), (59, 50)];
    check(Rule::Fixed, &charges, 59, 150);
    check(Rule::Fixed, &charges, 60, 0);
}

#[test]
fn a_bucket_drains_evenly() {
    let charges = [(10, 300), (20, 100)];
    check(Rule::Bucket, &charges, 20, 300); // 300 - 10 s * 10/s + 100
    check(Rule::Bucket, &charges, 40, 100);
    check(Rule::Bucket, &charges, 60, 0);
}

#[test]
fn a_correction_takes_away() {
    for rule in [Rule::Sliding, Rule::Fixed, Rule::Bucket] {
        check(rule, &[(5, 400), (5, -300)], 5, 100);
    }
}

/// A bucket that is looked at all the time drains as one that is not.
#[test]
fn looking_does_not_slow_a_bucket() {
    let mut window = Window::new(Rule::Bucket, MINUTE);
    window.charge(Duration::ZERO, 2);
    for look in 0..61_000 {
        window.used(Duration::from_millis(look), 1);
    }
    assert_eq!(window.used(at(61), 1), 1);
}

/// What counts at `now`, every charge looked at again. Charges and their corrections: (moment, amount), in ms.
fn plainly(rule: Rule, charges: &[(u64, i128)], now: u64) -> u64 {
    let counts = |at: u64| if rule == Rule::Sliding { at + 60_000 > now } else { at / 60_000 == now / 60_000 };
    let sum: i128 = charges.iter().filter(|(at, _)| counts(*at)).map(|(_, amount)| *amount).sum();
    u64::try_from(sum).unwrap()
}

proptest::proptest! {
    /// The running sums against adding everything up; each charge is put right after a while.
    #[test]
    fn running_sums_are_sums(steps in proptest::collection::vec((0_u64..40_000, 1_i128..1_000, 0_i128..1_000, 0_usize..4), 1..60)) {
        for rule in [Rule::Sliding, Rule::Fixed] {
            let mut window = Window::new(rule, MINUTE);
            let (mut now, mut charges, mut open) = (0, Vec::new(), Vec::new());
            for (passed, amount, back, settled) in &steps {
                now += passed;
                charges.push((now, *amount));
                window.charge(Duration::from_millis(now), *amount);
                open.push((now, -(*back).min(*amount)));
                for _ in 0..(*settled).min(open.len()) {
                    let correction = open.remove(0);
                    charges.push(correction);
                    window.charge(Duration::from_millis(correction.0), correction.1);
                }
                proptest::prop_assert_eq!(window.used(Duration::from_millis(now), 1), plainly(rule, &charges, now));
            }
        }
    }
}
