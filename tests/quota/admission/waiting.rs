//! The queue and time: wake-up at the moment, patience, promises, who may pass whom.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowgate::quota::Refused;
use flowgate::quota::metric::Metric;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::stage::{LONG, SLIDING, Stage, caller, limits, rolling, spent, tokens, told};

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_at_the_moment_and_in_order() {
    let stage = Stage::new(limits(Metric::Rpm, 2));
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut calls = JoinSet::new();
    for (number, pause) in [0, 1234, 1, 1, 1].into_iter().enumerate() {
        sleep(Duration::from_millis(pause)).await;
        let (stage, order) = (stage.clone(), order.clone());
        calls.spawn(async move {
            let reservation = stage.admit(&caller("k"), &tokens(1, 0), LONG).await.unwrap();
            order.lock().unwrap().push((number, stage.millis()));
            reservation.settle(spent(1));
        });
        tokio::task::yield_now().await;
    }
    calls.join_all().await;
    let order = order.lock().unwrap().clone();
    let exact: Vec<u64> = vec![0, 1234, 60_000, 61_234, 120_000];
    for ((number, (who, at)), exact) in order.into_iter().enumerate().zip(exact) {
        // A timer's own grain is a millisecond.
        assert!(number == who && at >= exact && at <= exact + 2, "{who} at {at} ms, not {exact}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_is_told_at_the_door_how_long() {
    let stage = Stage::new(limits(Metric::Rpm, 1));
    stage.admit(&caller("k"), &tokens(1, 0), LONG).await.unwrap().settle(spent(1));
    sleep(Duration::from_secs(15)).await;
    let before = Instant::now();
    let error = stage.admit(&caller("k"), &tokens(1, 0), Duration::from_secs(44)).await.unwrap_err();
    assert_eq!(before.elapsed(), Duration::ZERO, "the door does not wait");
    let wait = told(error);
    assert!(wait.abs_diff(Duration::from_secs(45)) < Duration::from_millis(2), "{wait:?}");
    assert!(!error.is_own && matches!(error.refused, Refused::Later { metric: Some(Metric::Rpm), .. }), "{error:?}");
    sleep(wait).await;
    stage.admit(&caller("k"), &tokens(1, 0), Duration::ZERO).await.unwrap().settle(spent(1));
}

/// What a caller of the crowd does: comes again when told to, until it is served. How often it was, and how often told well.
async fn insist(stage: Arc<Stage>, number: u64, log: Arc<Mutex<Vec<u64>>>, kept: Arc<Mutex<(u64, u64)>>) {
    sleep(Duration::from_millis(number * 7)).await;
    let key = caller(&format!("key-{}", number % 10));
    let mut was_told = false;
    while stage.millis() < 600_000 {
        match stage.admit(&key, &tokens(100, 1), Duration::from_secs(10)).await {
            Ok(reservation) => {
                if was_told {
                    let mut kept = kept.lock().unwrap();
                    *kept = (kept.0 + u64::from(reservation.waited() <= Duration::from_secs(1)), kept.1 + 1);
                }
                log.lock().unwrap().push(stage.millis());
                sleep(Duration::from_secs(1)).await;
                reservation.settle(spent(100));
                was_told = false;
            }
            Err(error) => {
                // Those told a second time were not told well the first time.
                kept.lock().unwrap().1 += u64::from(was_told);
                was_told = true;
                // SDKs wait whole seconds and need a moment to connect.
                sleep(Duration::from_secs(told(error).as_secs() + 1) + Duration::from_millis(number % 50)).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_at_twenty_requests_a_minute() {
    let stage = Stage::new(limits(Metric::Rpm, 20));
    let (log, kept) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new((0, 0))));
    let mut calls = JoinSet::new();
    (0..200).for_each(|number| drop(calls.spawn(insist(stage.clone(), number, log.clone(), kept.clone()))));
    calls.join_all().await;
    let (most, used) = rolling(&log.lock().unwrap(), 60_000, 600_000, 20);
    let (well, told) = *kept.lock().unwrap();
    assert!(most <= 20, "{most} in 60 s");
    assert!(used >= 0.95, "{:.1} % used", used * 100.0);
    assert!(told >= 100 && well * 10 >= told * 9, "{well} of {told} were told well");
    assert!(stage.is_idle());
}

#[tokio::test(start_paused = true)]
async fn short_ones_pass_a_huge_one_that_does_not_starve() {
    let stage = Stage::new(limits(Metric::Tpm, 1_000));
    stage.admit(&caller("first"), &tokens(500, 0), LONG).await.unwrap().settle(spent(500));
    let huge = stage.clone();
    let huge = async move {
        huge.admit(&caller("huge"), &tokens(900, 0), LONG).await.unwrap().settle(spent(900));
        huge.millis()
    };
    let mut calls = JoinSet::new();
    calls.spawn(huge);
    sleep(Duration::from_millis(10)).await;
    let (short, ask) = (caller("short"), tokens(50, 0));
    let polite = timeout(Duration::from_secs(1), stage.admit(&short, &ask, LONG));
    polite.await.expect("a short one passes").unwrap().settle(spent(50));
    let crowd = stage.clone();
    let mut crowd_calls = JoinSet::new();
    crowd_calls.spawn(async move {
        loop {
            if let Ok(reservation) = crowd.admit(&caller("short"), &tokens(50, 0), LONG).await {
                reservation.settle(spent(50));
            }
            sleep(Duration::from_millis(500)).await;
        }
    });
    let at = calls.join_next().await.unwrap().unwrap();
    assert!((60_000..=130_000).contains(&at), "the huge one started after {at} ms");
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_bounded_and_what_never_fits_is_told_so() {
    let stage = Stage::bounded(limits(Metric::Tpm, 1_000), SLIDING, 3, |_| {});
    stage.admit(&caller("k"), &tokens(1_000, 0), LONG).await.unwrap().settle(spent(1_000));
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        let stage = stage.clone();
        calls.spawn(async move { drop(stage.admit(&caller("k"), &tokens(10, 0), LONG).await.unwrap()) });
    }
    sleep(Duration::from_millis(1)).await;
    let full = stage.admit(&caller("k"), &tokens(10, 0), LONG).await.unwrap_err();
    assert!(matches!(full.refused, Refused::Full { wait } if wait > Duration::from_secs(55)), "{full:?}");
    let never = stage.admit(&caller("k"), &tokens(1_001, 0), LONG).await.unwrap_err();
    assert!(matches!(never.refused, Refused::Never { metric: Metric::Tpm, needs: 1_001, .. }), "{never:?}");
    calls.join_all().await;
    assert!(stage.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_lowered_holds_for_those_who_wait() {
    let stage = Stage::new(limits(Metric::Rpm, 10));
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut calls = JoinSet::new();
    for _ in 0..30 {
        let (stage, log) = (stage.clone(), log.clone());
        calls.spawn(async move {
            let reservation = stage.admit(&caller("k"), &tokens(1, 0), LONG).await.unwrap();
            log.lock().unwrap().push(stage.millis());
            reservation.settle(spent(1));
        });
    }
    sleep(Duration::from_secs(1)).await;
    let (bounds, meter) = (flowgate::quota::QueueSettings { most_waiting: 100 }, stage.account.meter);
    stage.quota.reconfigure(bounds, |_, _| Some((meter, limits(Metric::Rpm, 4))), |_| None);
    calls.join_all().await;
    let log = log.lock().unwrap().clone();
    let later: Vec<u64> = log.iter().copied().filter(|at| *at > 1_000).collect();
    assert_eq!((log.len(), later.len(), rolling(&later, 60_000, 300_000, 4).0), (30, 20, 4));
}
