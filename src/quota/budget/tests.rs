//! Budgets against what they promise, case by case.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::quota::allowance::{Allowance, Cap};
use crate::quota::calendar;
use crate::quota::moment::{Clock, Moment};
use crate::quota::money::Money;

fn fen(amount: u64) -> Money {
    Money::from_micros_cny(amount * 10_000)
}

fn money(amount: u64) -> Amount {
    Amount { money: fen(amount), tokens: 0 }
}

fn tokens(tokens: u64) -> Amount {
    Amount { money: Money::ZERO, tokens }
}

/// 2026-11-21 12:00 in Shanghai.
fn noon() -> Clock {
    Clock::simulated(Moment::of_seconds(20_778 * 86_400 + 4 * 3600))
}

/// So many fen in a day.
fn daily(fens: u64) -> Allowance {
    Allowance { day: Cap { money: Some(fen(fens)), tokens: None }, ..Allowance::default() }
}

fn monthly(fens: u64) -> Allowance {
    Allowance { month: Cap { money: Some(fen(fens)), tokens: None }, ..Allowance::default() }
}

fn key(allowance: Allowance) -> [Claim; 1] {
    [Claim { scope: Scope::Key("ann".into()), allowance }]
}

/// Spent and held of the first budget of `claims`, in fen.
fn sums(budgets: &Budgets, claims: &[Claim]) -> (u64, u64) {
    let view = budgets.view(claims).remove(0);
    let fens = |picos| Money::from_picos_cny(picos).micros_cny() / 10_000;
    (fens(view.spent), fens(view.held))
}

#[tokio::test]
async fn what_is_held_is_put_right() {
    let (budgets, claims) = (Budgets::new(noon()), key(daily(10)));
    let hold = |amount| budgets.hold(&claims, money(amount));
    let first = hold(6).unwrap();
    let exceeded = hold(5).unwrap_err();
    assert_eq!((exceeded.period, exceeded.unit, exceeded.spent), (Period::Day, Unit::Money, 0));
    assert_eq!((exceeded.held, exceeded.needs), (fen(6).picos_cny(), fen(5).picos_cny()));
    assert!(!budgets.has_room(&claims, money(5)) && budgets.has_room(&claims, money(4)));
    assert_eq!(sums(&budgets, &claims), (0, 6));
    first.settle(money(2));
    assert_eq!(sums(&budgets, &claims), (2, 0));
    drop(hold(8).unwrap());
    assert_eq!(sums(&budgets, &claims), (2, 0), "never sent, given back");
    let refused = hold(8).unwrap();
    refused.sent();
    refused.refused();
    drop(refused);
    assert_eq!(sums(&budgets, &claims), (2, 0), "refused, given back");
    let lost = hold(8).unwrap();
    lost.sent();
    drop(lost);
    assert_eq!(sums(&budgets, &claims), (10, 0), "sent and unknown: what was held");
    assert!(hold(1).is_err() && hold(0).is_ok(), "what costs nothing always fits");
}

#[tokio::test]
async fn all_scopes_or_none() {
    let budgets = Budgets::new(noon());
    let claim = |scope: Scope, allowance| Claim { scope, allowance };
    let ann = claim(Scope::Key("ann".into()), daily(100));
    let bob = claim(Scope::Key("bob".into()), Allowance::default());
    let team = claim(Scope::Team("core".into()), monthly(10));
    let account = claim(Scope::Account("main".into()), Allowance::default());
    let anns = [ann.clone(), team.clone(), account.clone()];
    let held = budgets.hold(&anns, money(8)).unwrap();
    let bobs = [bob, team.clone()];
    assert_eq!(budgets.hold(&bobs, money(3)).unwrap_err().scope, team.scope);
    assert_eq!(budgets.hold(&anns, money(3)).unwrap_err().period, Period::Month);
    assert_eq!(sums(&budgets, &anns[..1]), (0, 8), "what the team has no room for is not held of the key");
    held.settle(money(1));
    assert!(budgets.hold(&bobs, money(9)).is_ok());
    assert_eq!((sums(&budgets, &anns[..1]), sums(&budgets, &anns[1..])), ((1, 0), (1, 0)));
}

#[tokio::test]
async fn tokens_are_counted_beside_money() {
    let allowance = Allowance { day: Cap { money: Some(fen(1)), tokens: None }, ..Allowance::default() };
    let allowance = Allowance { month: Cap { money: None, tokens: Some(1000) }, ..allowance };
    let (budgets, claims) = (Budgets::new(noon()), key(allowance));
    let mut hold = budgets.hold(&claims, tokens(900)).unwrap();
    let exceeded = hold.extend(tokens(101)).unwrap_err();
    assert_eq!((exceeded.unit, exceeded.limit, exceeded.held, exceeded.needs), (Unit::Tokens, 1000, 900, 101));
    hold.extend(tokens(100)).unwrap();
    hold.settle(Amount { money: fen(2), tokens: 1050 });
    assert!(budgets.hold(&claims, tokens(1)).is_err() && budgets.hold(&claims, money(1)).is_err());
    let shown: Vec<u64> = budgets.view(&claims).iter().map(BudgetView::used_percent).collect();
    assert_eq!(shown, [200, 105]);
}

#[tokio::test(start_paused = true)]
async fn periods_turn_at_midnight_in_shanghai() {
    // 2026-11-30 12:00 there: the month turns with the day.
    let budgets = Budgets::new(Clock::simulated(Moment::of_seconds(20_787 * 86_400 + 4 * 3600)));
    let (day, month) = (key(daily(10)), key(monthly(10)));
    let ends = budgets.view(&month).remove(0).ends;
    assert_eq!((ends, budgets.view(&day).remove(0).ends), (calendar::start_of_day(20_788), ends));
    let mut yesterdays = budgets.hold(&day, money(10)).unwrap();
    tokio::time::advance(Duration::from_secs(12 * 3600 - 1)).await;
    assert!(budgets.hold(&day, money(1)).is_err() && budgets.hold(&month, money(1)).is_err());
    tokio::time::advance(Duration::from_secs(1)).await;
    let todays = budgets.hold(&day, money(10)).unwrap();
    // It belongs to the time in which it was asked for, also as far as it still grows.
    assert!(yesterdays.extend(money(1)).is_err());
    yesterdays.settle(money(10));
    assert_eq!((sums(&budgets, &day), sums(&budgets, &month)), ((0, 10), (0, 10)));
    todays.settle(money(3));
    tokio::time::advance(Duration::from_secs(86_400)).await;
    assert_eq!((sums(&budgets, &day), sums(&budgets, &month)), ((0, 0), (3, 0)));
}

#[tokio::test]
async fn other_allowances_forget_nothing() {
    let budgets = Budgets::new(noon());
    budgets.hold(&key(daily(10)), money(10)).unwrap().settle(money(9));
    assert!(budgets.hold(&key(daily(10)), money(2)).is_err());
    assert!(budgets.hold(&key(daily(11)), money(2)).is_ok(), "in force at once");
    assert_eq!(sums(&budgets, &key(monthly(100))), (9, 0), "the month was counted all the time");
}

#[tokio::test]
async fn what_was_spent_before_counts_where_it_belongs() {
    let (budgets, today) = (Budgets::new(noon()), 20_778);
    let scope = Scope::Key("ann".into());
    assert!(!budgets.knows(&scope));
    // The 21st: today, the first of this month, the last of the month before.
    for day in [today, today - 20, today - 21] {
        budgets.seed(&scope, day, money(1));
    }
    assert!(budgets.knows(&scope));
    assert_eq!((sums(&budgets, &key(daily(5))), sums(&budgets, &key(monthly(5)))), ((1, 0), (2, 0)));
}

#[tokio::test]
async fn each_threshold_is_told_once() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let tell = move |crossing: Crossing| log.lock().unwrap().push((crossing.threshold, crossing.view.used_percent()));
    let budgets = Budgets::telling(noon(), tell);
    let spend = |allowance, amount| budgets.hold(&key(allowance), money(amount)).map(|hold| hold.settle(money(amount)));
    assert!(spend(daily(10), 11).is_err(), "too large for a budget of which nothing is spent: nobody's concern");
    spend(daily(10), 7).unwrap();
    assert!(told.lock().unwrap().is_empty());
    spend(daily(10), 1).unwrap();
    spend(daily(10), 1).unwrap();
    assert_eq!(*told.lock().unwrap(), [(Threshold::Soft, 80)]);
    assert!(spend(daily(10), 2).is_err() && spend(daily(10), 2).is_err());
    assert_eq!(told.lock().unwrap()[1..], [(Threshold::Hard, 90)]);
    spend(daily(11), 1).unwrap();
    assert_eq!(told.lock().unwrap()[2..], [(Threshold::Soft, 90)], "another budget");
}

/// Threads that hold, extend and settle as they like: at no moment more than the budget.
#[tokio::test]
async fn no_race_takes_more_than_there_is() {
    let (budgets, limit) = (Budgets::new(noon()), fen(50).picos_cny());
    let claims = [key(daily(50)), key(monthly(60))].concat();
    let claims = [claims[0].clone(), Claim { scope: Scope::Team("core".into()), ..claims[1].clone() }];
    let run = |seed: u64| {
        let (mut state, mut held) = (seed, Vec::new());
        for _ in 0..5_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let amount = Amount { money: Money::from_micros_cny(state >> 33 & 0xFFFF), tokens: 0 };
            held.extend(budgets.hold(&claims, amount));
            let view = budgets.view(&claims).remove(0);
            assert!(view.spent + view.held <= limit, "{view:?}");
            if held.len() > 3 {
                let mut hold: Hold = held.swap_remove((state >> 20) as usize % held.len());
                match state >> 8 & 3 {
                    0 => drop(hold),
                    1 => drop(hold.extend(amount)),
                    _ => {
                        let cost = Money::from_picos_cny(hold.amount().money.picos_cny() / 64);
                        hold.settle(Amount { money: cost, tokens: 0 });
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (1..=4).for_each(|seed| drop(scope.spawn(move || run(seed))));
    });
    for view in budgets.view(&claims) {
        assert!(view.held == 0 && view.spent <= limit && view.spent > 0, "{view:?}");
    }
}
