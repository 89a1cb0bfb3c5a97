//! Who gets how much: greedy and polite keys, weights, priorities, limits of keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowgate::quota::CallerQuota;
use flowgate::quota::fair::Flow;
use flowgate::quota::metric::Metric;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::super::chance::Chance;
use super::stage::{LONG, Stage, caller, limits, spent, tokens};

/// Tokens served and waits (ms) by key.
type Served = Arc<Mutex<HashMap<String, (u64, Vec<u64>)>>>;

/// Calls again and again until ten minutes have passed.
async fn keep_calling(stage: Arc<Stage>, key: CallerQuota, size: u64, seconds: u64, served: Served) {
    while stage.millis() < 600_000 {
        call_once(stage.clone(), key.clone(), size, seconds, served.clone()).await;
    }
}

/// One request; it counts if it began after the first two minutes: what the greedy key took before anybody else
/// came is gone then.
async fn call_once(stage: Arc<Stage>, key: CallerQuota, size: u64, seconds: u64, served: Served) {
    let began = stage.millis();
    let Ok(reservation) = stage.admit(&key, &tokens(size, seconds), LONG).await else { return };
    let started = stage.millis();
    sleep(Duration::from_secs(seconds)).await;
    reservation.settle(spent(size));
    if (120_000..600_000).contains(&started) {
        let mut served = served.lock().unwrap();
        let own = served.entry(key.flow.name.to_string()).or_default();
        own.0 += size;
        own.1.push(started - began);
    }
}

fn named(name: &str, weight: f64, priority: u8) -> CallerQuota {
    CallerQuota { flow: Flow { name: name.into(), weight, priority }, ..caller(name) }
}

/// Calls one after another, with short pauses of random length.
async fn call_politely(stage: Arc<Stage>, key: CallerQuota, size: u64, served: Served, mut chance: Chance) {
    while stage.millis() < 600_000 {
        sleep(Duration::from_millis(chance.below(100))).await;
        call_once(stage.clone(), key.clone(), size, 1, served.clone()).await;
    }
}

/// One key with 50 long requests waiting at any time, and nine that want a little more than a tenth of `tpm` each. Jain's
/// index of what they got, and how long a polite one waits (ms, of 99 in 100 at most).
async fn greedy_and_polite(tpm: u64, (long, seconds): (u64, u64), short: u64) -> (f64, u64) {
    let stage = Stage::new(limits(Metric::Tpm, tpm));
    let served = Served::default();
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        calls.spawn(keep_calling(stage.clone(), caller("greedy"), long, seconds, served.clone()));
    }
    for number in 0..9 {
        let (key, chance) = (caller(&format!("polite-{number}")), Chance::new(number + 1));
        calls.spawn(call_politely(stage.clone(), key, short, served.clone(), chance));
    }
    calls.join_all().await;
    let served = served.lock().unwrap();
    let tokens: Vec<f64> = served.values().map(|(tokens, _)| *tokens as f64).collect();
    let jain = tokens.iter().sum::<f64>().powi(2) / (tokens.len() as f64 * tokens.iter().map(|x| x * x).sum::<f64>());
    let mut waits: Vec<u64> =
        served.iter().filter(|(name, _)| *name != "greedy").flat_map(|(_, (_, waits))| waits.clone()).collect();
    waits.sort_unstable();
    let p99 = waits[waits.len() * 99 / 100];

    (jain, p99)
}

#[tokio::test(start_paused = true)]
async fn one_greedy_key_does_not_hurt_nine_polite_ones() {
    for long in [(2_000, 5), (6_000, 20)] {
        let (jain, p99) = greedy_and_polite(500_000, long, 1_100).await;
        assert!(jain >= 0.98, "{long:?}: Jain {jain:.4}");
        assert!(p99 < 2_000, "{long:?}: a polite caller waits {p99} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn weights_are_shares() {
    let stage = Stage::new(limits(Metric::Tpm, 60_000));
    let served = Served::default();
    let mut calls = JoinSet::new();
    for (name, weight) in [("one", 1.0), ("three", 3.0)] {
        for _ in 0..40 {
            let key = named(name, weight, 0);
            calls.spawn(keep_calling(stage.clone(), key, 500, 2, served.clone()));
        }
    }
    calls.join_all().await;
    let served = served.lock().unwrap();
    let ratio = served["three"].0 as f64 / served["one"].0 as f64;
    assert!((2.7..=3.3).contains(&ratio), "1 : {ratio:.2}");
}

#[tokio::test(start_paused = true)]
async fn a_higher_priority_goes_first() {
    let stage = Stage::new(limits(Metric::Rpm, 1));
    stage.admit(&caller("k"), &tokens(1, 0), LONG).await.unwrap().settle(spent(1));
    let order = Arc::new(Mutex::new(String::new()));
    let mut calls = JoinSet::new();
    for (name, priority) in [("a", 0), ("b", 0), ("c", 5), ("d", 9)] {
        let (stage, order) = (stage.clone(), order.clone());
        calls.spawn(async move {
            stage.admit(&named(name, 1.0, priority), &tokens(1, 0), LONG).await.unwrap().settle(spent(1));
            order.lock().unwrap().push_str(name);
        });
        sleep(Duration::from_millis(1)).await;
    }
    calls.join_all().await;
    assert_eq!(*order.lock().unwrap(), "dcab");
}

#[tokio::test(start_paused = true)]
async fn a_key_has_so_many_requests_under_way() {
    let stage = Stage::new(limits(Metric::Rpm, 1_000));
    let key = CallerQuota { most_in_flight: Some(2), ..caller("k") };
    let first = stage.admit(&key, &tokens(1, 5), LONG).await.unwrap();
    let _second = stage.admit(&key, &tokens(1, 5), LONG).await.unwrap();
    assert!(timeout(Duration::from_secs(9), stage.admit(&key, &tokens(1, 5), LONG)).await.is_err());
    assert!(timeout(Duration::from_secs(9), stage.admit(&caller("other"), &tokens(1, 5), LONG)).await.is_ok());
    first.settle(spent(1));
    assert!(timeout(Duration::from_secs(9), stage.admit(&key, &tokens(1, 5), LONG)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_s_own_limit_holds_beside_the_model_s_and_pays_for_no_refusal() {
    let stage = Stage::new(limits(Metric::Rpm, 3));
    let key = CallerQuota { limits: limits(Metric::Rpm, 2), ..caller("k") };
    for _ in 0..2 {
        stage.admit(&key, &tokens(1, 0), LONG).await.unwrap().settle(spent(1));
    }
    let own = stage.admit(&key, &tokens(1, 0), Duration::ZERO).await.unwrap_err();
    assert!(own.is_own, "{own:?}");
    stage.admit(&caller("other"), &tokens(1, 0), LONG).await.unwrap().settle(spent(1));
    sleep(Duration::from_secs(31)).await;
    // One of the key's own has drained by now, but the model is full: the key gets its own back each time.
    for _ in 0..5 {
        let models = stage.admit(&key, &tokens(1, 0), Duration::ZERO).await.unwrap_err();
        assert!(!models.is_own, "{models:?}");
    }
    let own = stage.quota.view().into_iter().find(|view| view.name == "key:k").unwrap();
    assert_eq!((own.in_flight, own.limits[0].used), (0, 1));
}
