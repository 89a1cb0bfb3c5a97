//! Budgets against what they promise: never beyond the limit, whatever the order, also over a restart.

use super::*;
use crate::quota::moment::Moment;

fn fen(amount: u64) -> Money {
    Money::from_micros_cny(amount * 10_000)
}

/// Budgets at noon in Shanghai, with all that they wrote down.
fn stage() -> (Arc<Budgets>, Arc<Mutex<Vec<BudgetEvent>>>) {
    let written = Arc::new(Mutex::new(Vec::new()));
    let log = written.clone();
    let recorder = Box::new(move |event: &BudgetEvent| log.lock().unwrap().push(event.clone()));
    (Budgets::new(noon(), recorder), written)
}

fn noon() -> Clock {
    Clock::simulated(Moment::of_seconds(20_778 * 86_400 + 4 * 3600))
}

fn sums(budgets: &Budgets) -> (u64, u64) {
    let view = budgets.view().into_iter().next();
    view.map_or((0, 0), |view| (view.spent.micros_cny() / 10_000, view.held.micros_cny() / 10_000))
}

#[tokio::test]
async fn what_is_held_is_put_right() {
    let (budgets, _) = stage();
    let account: Arc<str> = "main".into();
    let hold = |amount| budgets.hold(&account, fen(amount), fen(10));
    let first = hold(6).unwrap();
    assert!(hold(5).is_none() && !budgets.has_room(&account, fen(5), fen(10)));
    assert_eq!(sums(&budgets), (0, 6));
    first.settle(fen(2));
    assert_eq!(sums(&budgets), (2, 0));
    drop(hold(8).unwrap());
    assert_eq!(sums(&budgets), (2, 0), "never sent, given back");
    let lost = hold(8).unwrap();
    lost.sent();
    drop(lost);
    assert_eq!(sums(&budgets), (10, 0), "sent and unknown: what was held");
    assert!(hold(1).is_none() && budgets.hold(&"other".into(), fen(1), fen(10)).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_day_begins_at_midnight_in_shanghai() {
    let (budgets, _) = stage();
    let account: Arc<str> = "main".into();
    let yesterdays = budgets.hold(&account, fen(10), fen(10)).unwrap();
    tokio::time::advance(Duration::from_secs(12 * 3600 - 1)).await;
    assert!(budgets.hold(&account, fen(1), fen(10)).is_none());
    tokio::time::advance(Duration::from_secs(1)).await;
    let todays = budgets.hold(&account, fen(10), fen(10)).unwrap();
    yesterdays.settle(fen(10));
    assert_eq!(sums(&budgets), (0, 10), "what was held yesterday is yesterday's");
    todays.settle(fen(3));
    assert_eq!(sums(&budgets), (3, 0));
}

#[tokio::test]
async fn a_restart_forgets_nothing_wherever_it_comes() {
    let (budgets, written) = stage();
    let account: Arc<str> = "main".into();
    let hold = || budgets.hold(&account, fen(4), fen(100)).unwrap();
    let restarted = |snapshot: &BudgetSnapshot, from: usize| {
        let events = written.lock().unwrap()[from..].to_vec();
        sums(&Budgets::restored(noon(), Box::new(|_| {}), snapshot.clone(), events))
    };
    let (first, second) = (hold(), hold());
    let snapshot = budgets.snapshot();
    first.settle(fen(1));
    let third = hold();
    third.sent();
    // The snapshot may have seen any of the events that come after it.
    for from in 0..=2 {
        assert_eq!(restarted(&snapshot, from), (9, 0), "from {from}");
    }
    assert_eq!(restarted(&BudgetSnapshot::default(), 0), (9, 0));
    second.settle(fen(2));
    drop(third);
    assert_eq!(sums(&budgets), (7, 0));
    assert_eq!(restarted(&snapshot, 0), (7, 0));
    let text = serde_json::to_vec(&budgets.snapshot()).unwrap();
    let all = written.lock().unwrap().len();
    assert_eq!(restarted(&serde_json::from_slice(&text).unwrap(), all), (7, 0));
}

/// Threads that hold and settle as they like: at no moment more than the budget.
#[tokio::test]
async fn no_race_takes_more_than_there_is() {
    let (budgets, _) = stage();
    let account: Arc<str> = "main".into();
    let limit = fen(50);
    let run = |seed: u64| {
        let mut state = seed;
        let mut held = Vec::new();
        for _ in 0..5_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let amount = Money::from_micros_cny(state >> 33 & 0xFFFF);
            held.extend(budgets.hold(&account, amount, limit));
            let view = budgets.view().remove(0);
            assert!(view.spent + view.held <= limit, "{view:?}");
            if held.len() > 3 {
                let hold: Hold = held.swap_remove((state >> 20) as usize % held.len());
                match state >> 8 & 3 {
                    0 => drop(hold),
                    // The upper side held: a cost below it.
                    _ => {
                        let cost = Money::from_micros_cny(hold.amount().micros_cny() / 64);
                        hold.settle(cost);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (1..=4).for_each(|seed| drop(scope.spawn(move || run(seed))));
    });
    let view = budgets.view().remove(0);
    assert!(view.held == Money::ZERO && view.spent <= limit && view.spent > Money::ZERO, "{view:?}");
}
