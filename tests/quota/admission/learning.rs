//! What refusals teach: limits that were thought to be twice or half of what they are, rules that were not known.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowgate::quota::hypotheses::ALL;
use flowgate::quota::limits::{Limits, Source};
use flowgate::quota::metric::Metric;
use flowgate::quota::rule::{Accounting, Charge, Rule};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::chance::Chance;
use super::stage::{LONG, Stage, caller, spent, tokens};

/// The true upstream: emulator's windows, one limit of tokens.
struct Truth {
    window: flowgate::mock::Window,
    charge: Charge,
    limit: u64,
    refused: u64,
    refused_at: u64,
    charged: u64,
}

impl Truth {
    fn new(accounting: Accounting, limit: u64) -> Self {
        let rule = match accounting.rule {
            Rule::Sliding => flowgate::mock::Rule::Sliding,
            Rule::Fixed => flowgate::mock::Rule::Fixed,
            Rule::Bucket => flowgate::mock::Rule::Bucket,
        };
        let window = flowgate::mock::Window::new(rule, Duration::from_secs(60));
        Self { window, charge: accounting.charge, limit, refused: 0, refused_at: 0, charged: 0 }
    }

    fn admit(&mut self, now: Duration, most: u64) -> bool {
        let used = self.window.used(now, self.limit);
        let fits = if self.charge == Charge::Before { used + most <= self.limit } else { used < self.limit };
        if fits && self.charge == Charge::Before {
            self.window.charge(now, i128::from(most));
        }
        if !fits {
            self.refused += 1;
            self.refused_at = now.as_secs();
        }
        fits
    }

    fn settle(&mut self, now: Duration, came: Duration, most: u64, cost: u64) {
        match self.charge {
            Charge::After => self.window.charge(now, i128::from(cost)),
            Charge::Before => self.window.charge(came, i128::from(cost) - i128::from(most)),
        }
        self.charged += cost;
    }
}

const PROMPT: u64 = 800;
const OUTPUT: u64 = 200;
const MAX: u64 = 1_000;

async fn call(stage: Arc<Stage>, truth: Arc<Mutex<Truth>>, mut chance: Chance) {
    let began = super::stage::BEGAN.since(Default::default());
    let ask = flowgate::quota::ask::Ask {
        output: flowgate::quota::ask::Guess { mean: OUTPUT as f64, deviation: 50.0 },
        max_output: MAX,
        ..tokens(PROMPT, 4)
    };
    let key = caller(&format!("k{}", chance.below(5)));
    for _ in 0..20 {
        let Ok(reservation) = stage.admit(&key, &ask, Duration::from_secs(60)).await else { return };
        reservation.sent();
        sleep(Duration::from_millis(5 + chance.below(75))).await;
        let came = began + stage.began.elapsed();
        let is_let_in = truth.lock().unwrap().admit(came, PROMPT + MAX);
        if is_let_in {
            sleep(Duration::from_millis(3_000 + chance.below(2_000))).await;
            let cost = PROMPT + OUTPUT - 50 + chance.below(101);
            truth.lock().unwrap().settle(began + stage.began.elapsed(), came, PROMPT + MAX, cost);
            reservation.settle(spent(cost));
            return;
        }
        let _is_foretold = reservation.refused(Some(Metric::Tpm), None);
    }
    panic!("a caller saw a refusal");
}

/// Refusals, seconds until the last one, and what was charged in the last 20 of 60 minutes ÷ the limit.
async fn learn(truth: Accounting, believed: u64, learns: bool) -> (u64, u64, f64) {
    // Of what is documented only the rule is in doubt.
    let source = if learns { Source::Documented } else { Source::Interpolated };
    let limits = Limits::default().with(Metric::Tpm, believed, source);
    let accounting = if learns { ALL[0] } else { truth };
    let stage = Stage::with(limits, accounting, |stage| {
        stage.account.meter.learns = learns;
        stage.account.meter.margin = Duration::from_millis(250);
    });
    let truth = Arc::new(Mutex::new(Truth::new(truth, 100_000)));
    let mut calls = JoinSet::new();
    let mut chance = Chance::new(5);
    let mut charged_before = 0;
    for number in 0..12_000 {
        // 200,000 tokens a minute.
        sleep(Duration::from_millis(200 + chance.below(200))).await;
        calls.spawn(call(stage.clone(), truth.clone(), Chance::new(chance.next())));
        if number == 8_000 {
            charged_before = truth.lock().unwrap().charged;
        }
    }
    let truth = truth.lock().unwrap();
    let share = (truth.charged - charged_before) as f64 / 100_000.0 / 20.0;
    calls.abort_all();
    (truth.refused, truth.refused_at.saturating_sub(super::stage::BEGAN.0 / 1_000_000), share)
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_half_or_twice_of_what_was_thought_is_found() {
    for accounting in ALL {
        for believed in [200_000, 50_000] {
            let (refused, last, share) = learn(accounting, believed, false).await;
            println!("{accounting:?}, believed {believed}: {refused} refused until {last} s, {:.1} %", share * 100.0);
            assert!(refused <= 10, "{accounting:?}, believed {believed}: {refused} refused");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_was_not_known_is_found() {
    for accounting in ALL {
        let (refused, last, share) = learn(accounting, 100_000, true).await;
        println!("{accounting:?}: {refused} refused until {last} s, {:.1} %", share * 100.0);
        assert!(refused <= 10, "{accounting:?}: {refused} refused");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_gives_back_what_it_took() {
    let stage = Stage::new(Limits::default().with(Metric::Rpm, 10, Source::Configured));
    let reservation = stage.admit(&caller("k"), &tokens(1, 0), LONG).await.unwrap();
    let is_foretold = reservation.refused(Some(Metric::Rpm), Some(Duration::from_secs(7)));
    assert!(!is_foretold && stage.is_idle());
    let began = stage.millis();
    stage.admit(&caller("k"), &tokens(1, 0), LONG).await.unwrap().settle(spent(1));
    assert!((7_000..=7_002).contains(&(stage.millis() - began)), "{} ms", stage.millis() - began);
}
