//! What must not be lost or leak: callers who leave, restarts, thousands of lanes.

use std::time::{Duration, Instant};

use flowgate::quota::ask::{Ask, Spent};
use flowgate::quota::limits::{Limits, Source};
use flowgate::quota::metric::{Amounts, Metric};
use flowgate::quota::record::Record;
use flowgate::quota::{CallerQuota, Request};
use tokio::time::{sleep, timeout};

use super::super::chance::Chance;
use super::stage::{LONG, Stage, caller, limits, spent, tokens};

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_who_leave_take_nothing_with_them() {
    let stage = Stage::new(limits(Metric::Rpm, 30).with(Metric::Tpm, 10_000, Source::Configured));
    let mut chance = Chance::new(3);
    let mut sent = Vec::new();
    for _ in 0..1_000 {
        let ask = tokens(1 + chance.below(500), 1 + chance.below(9));
        let patience = Duration::from_millis(chance.below(4_000));
        let Ok(Ok(reservation)) = timeout(patience, stage.admit(&caller("k"), &ask, LONG)).await else { continue };
        match chance.below(4) {
            // Before it was sent: nothing stands.
            0 => drop(reservation),
            1 => reservation.settle(Spent::Nothing),
            // In the middle of the answer: the request stands, and what was reserved.
            2 => {
                sent.push(stage.millis());
                reservation.sent();
                sleep(Duration::from_millis(chance.below(900))).await;
                drop(reservation);
            }
            _ => {
                sent.push(stage.millis());
                reservation.sent();
                reservation.settle(Spent::AtLeast(Amounts { requests: 1, tokens: 3, images: 0 }));
            }
        }
        let window = sent.iter().filter(|at| **at + 60_000 > stage.millis()).count();
        assert!(window <= 30, "{window} requests in 60 s");
    }
    assert!(sent.len() > 100 && stage.is_idle(), "{:?}", stage.view());
}

#[tokio::test(start_paused = true)]
async fn leaving_the_line_costs_nothing_and_delays_nobody() {
    let stage = Stage::new(limits(Metric::Rpm, 1));
    stage.admit(&caller("k"), &tokens(1, 0), LONG).await.unwrap().settle(spent(1));
    for _ in 0..100 {
        assert!(timeout(Duration::from_millis(10), stage.admit(&caller("k"), &tokens(1, 0), LONG)).await.is_err());
    }
    stage.admit(&caller("k"), &tokens(1, 0), LONG).await.unwrap().settle(spent(1));
    assert!((60_000..=60_002).contains(&stage.millis()), "{} ms", stage.millis());
}

fn day() -> Limits {
    limits(Metric::Ipd, 400).with(Metric::Rpm, 20, Source::Configured)
}

const PICTURE: Ask =
    Ask { images: 1, prompt: GUESS, output: GUESS, max_output: 0, duration: Duration::ZERO, content: 0.0 };
const GUESS: flowgate::quota::ask::Guess = flowgate::quota::ask::Guess { mean: 0.0, deviation: 0.0 };

/// Pictures that are let in at once; one is one request.
async fn pictures(stage: &Stage, most: usize) -> usize {
    let mut passed = 0;
    while passed < most {
        let Ok(reservation) = stage.admit(&caller("k"), &PICTURE, Duration::ZERO).await else { break };
        reservation.sent();
        reservation.settle(Spent::Exactly(Amounts { requests: 1, tokens: 0, images: 1 }));
        passed += 1;
    }
    passed
}

/// A second life, with the records of the first.
fn reborn(limits: Limits, elapsed: Duration, records: Vec<Record>) -> std::sync::Arc<Stage> {
    let second = Stage::after(elapsed, limits);
    let meter = second.account.meter;
    second.quota.restore(records, |_, _| Some((meter, day())), |_| None);
    second
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_middle_of_a_day_changes_nothing() {
    let first = Stage::new(day());
    for _ in 0..19 {
        assert_eq!(pictures(&first, 20).await, 20);
        sleep(Duration::from_secs(61)).await;
    }
    assert_eq!(pictures(&first, 10).await, 10);
    sleep(Duration::from_secs(30)).await;
    let records = first.records.lock().unwrap().clone();
    let elapsed = first.began.elapsed();
    for records in [first.quota.snapshot(), records] {
        let second = reborn(first.limits, elapsed, records);
        // The minute is remembered: 10 of 20; and the day: 390 of 400.
        assert_eq!(pictures(&second, 100).await, 10);
        sleep(Duration::from_secs(61)).await;
        assert_eq!(pictures(&second, 100).await, 0, "the day is over");
    }
}

#[tokio::test(start_paused = true)]
async fn the_minute_survives_too_and_who_was_under_way_is_paid_for() {
    let first = Stage::new(day());
    assert_eq!(pictures(&first, 15).await, 15);
    let under_way = first.admit(&caller("k"), &PICTURE, Duration::ZERO).await.unwrap();
    under_way.sent();
    sleep(Duration::from_secs(30)).await;
    let records = first.records.lock().unwrap().clone();
    let elapsed = first.began.elapsed();
    for records in [first.quota.snapshot(), records] {
        let second = reborn(first.limits, elapsed, records);
        assert!(second.is_idle());
        assert_eq!(pictures(&second, 100).await, 4);
        sleep(Duration::from_millis(30_001)).await;
        assert_eq!(pictures(&second, 100).await, 16);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_and_its_model_share_their_records_and_both_survive() {
    let first = Stage::new(day());
    let key = CallerQuota { limits: limits(Metric::Ipd, 30), ..caller("k") };
    for _ in 0..4 {
        let picture = first.admit(&key, &PICTURE, Duration::ZERO).await.unwrap();
        picture.sent();
        picture.settle(Spent::Exactly(Amounts { requests: 1, tokens: 0, images: 1 }));
    }
    let under_way = first.admit(&key, &PICTURE, Duration::ZERO).await.unwrap();
    under_way.sent();
    let records = first.records.lock().unwrap().clone();
    assert_eq!(records.len(), 4 * 2 + 1, "{records:?}");
    for records in [first.quota.snapshot(), records] {
        let second = Stage::after(first.began.elapsed(), first.limits);
        let meter = second.account.meter;
        second.quota.restore(records, |_, _| Some((meter, day())), |_| Some(key.clone()));
        let used = second.quota.view().into_iter().map(|view| {
            let of_day = view.limits.iter().find(|limit| limit.metric == Metric::Ipd).map(|limit| limit.used);
            (view.name, view.in_flight, of_day)
        });
        assert_eq!(used.collect::<Vec<_>>(), [("a/m".to_owned(), 0, Some(5)), ("key:k".to_owned(), 0, Some(5))]);
    }
}

/// Prints what ten thousand lanes cost: `cargo test ten_thousand -- --nocapture`.
#[tokio::test(start_paused = true)]
async fn ten_thousand_lanes_cost_little() {
    let stage = Stage::new(limits(Metric::Rpm, 1_000).with(Metric::Tpm, 1_000_000, Source::Configured));
    let (account, limits, caller, ask) = (&stage.account, &|| stage.limits, &caller("k"), &tokens(100, 1));
    let models: Vec<String> = (0..10_000).map(|number| format!("m{number}")).collect();
    let (came, before) = (tokio::time::Instant::now(), resident());
    #[expect(clippy::disallowed_methods, reason = "the cost in real time is measured")]
    let began = Instant::now();
    for round in 0..3 {
        for model in &models {
            let request = Request { account, model, limits, caller, ask, came, patience: Duration::ZERO };
            stage.quota.admit(request).await.unwrap().settle(spent(100));
        }
        println!("round {round}: {:?} after the start", began.elapsed());
    }
    let (each, bytes) = (began.elapsed() / 30_000, (resident() - before) / 10_000);
    println!("{each:?} for each admission and settlement, {bytes} bytes for each lane with 3 requests in its windows");
    assert!(each < Duration::from_millis(1) && bytes < 20_000, "{each:?}, {bytes} bytes");
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
