//! Budgets against a naive model: a list of everything that ever happened, added up anew for each question.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::quota::allowance::{Allowance, Cap};
use crate::quota::moment::{Clock, Moment};
use crate::quota::money::Money;

/// 2026-11-26 00:00 in Shanghai: the month turns four days later.
const FIRST_DAY: u64 = 20_783;
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone)]
enum Step {
    /// Hold so much of the scopes that the bits name.
    Hold(u8, u64, u64),
    Settle(usize, u64, u64),
    /// Drop it, sent or not.
    Drop(usize, bool),
    Extend(usize, u64, u64),
    Wait(u64),
    /// The process starts again, and is told what was spent.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let amount = || (0..40u64, 0..40u64);
    prop_oneof![
        6 => (1..16u8, amount()).prop_map(|(scopes, (money, tokens))| Step::Hold(scopes, money, tokens)),
        3 => (any::<usize>(), amount()).prop_map(|(which, (money, tokens))| Step::Settle(which, money, tokens)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, is_sent)| Step::Drop(which, is_sent)),
        2 => (any::<usize>(), amount()).prop_map(|(which, (money, tokens))| Step::Extend(which, money, tokens)),
        1 => (1..30u64).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// One request as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    scopes: u8,
    day: u64,
    held: Amount,
    cost: Option<Amount>,
}

/// Four scopes with a limit each of another kind, the last one with both periods and both units.
fn claims(scopes: u8) -> Vec<Claim> {
    let money = |limit| Cap { money: Some(Money::from_picos_cny(limit)), tokens: None };
    let tokens = |limit| Cap { money: None, tokens: Some(limit) };
    let both = |limit| Cap { money: Some(Money::from_picos_cny(limit)), tokens: Some(limit) };
    let all = [
        (Scope::Key("k".into()), Allowance { day: money(100), ..Allowance::default() }),
        (Scope::Team("k".into()), Allowance { month: money(220), ..Allowance::default() }),
        (Scope::Account("k".into()), Allowance { day: tokens(90), ..Allowance::default() }),
        (Scope::Spill("k".into()), Allowance { day: both(120), month: both(300), ..Allowance::default() }),
    ];
    let chosen = all.into_iter().enumerate().filter(|(index, _)| scopes >> index & 1 == 1);
    chosen.map(|(_, (scope, allowance))| Claim { scope, allowance }).collect()
}

fn amount(money: u64, tokens: u64) -> Amount {
    Amount { money: Money::from_picos_cny(money), tokens }
}

/// Spent and held of one scope in the period of `day`, added up from the list.
fn added(all: &[Known], scope: usize, period: Period, day: u64, unit: Unit) -> (u64, u64) {
    let of = |known: &&Known| known.scopes >> scope & 1 == 1 && period.start(known.day) == period.start(day);
    all.iter().filter(of).fold((0, 0), |(spent, held), known| match known.cost {
        Some(cost) => (spent + cost.of(unit), held),
        None => (spent, held + known.held.of(unit)),
    })
}

/// Whether the model has room for `more` of the scopes.
fn fits(all: &[Known], scopes: u8, day: u64, more: Amount) -> bool {
    let index = |claim: &Claim| Scope::LABELS.iter().position(|label| *label == claim.scope.label()).unwrap();
    claims(scopes).iter().all(|claim| {
        Period::ALL.iter().flat_map(|period| Unit::ALL.map(|unit| (*period, unit))).all(|(period, unit)| {
            let Some(limit) = claim.allowance.cap(period).limit(unit) else { return true };
            let (spent, held) = added(all, index(claim), period, day, unit);
            more.of(unit) == 0 || spent + held + more.of(unit) <= limit
        })
    })
}

fn same(budgets: &Budgets, all: &[Known], day: u64) {
    for (index, claim) in claims(15).iter().enumerate() {
        for view in budgets.view(std::slice::from_ref(claim)) {
            let expected = added(all, index, view.period, day, view.unit);
            assert_eq!((view.spent, view.held), expected, "{view:?}");
        }
    }
}

async fn live(steps: Vec<Step>) {
    let clock = Clock::simulated(Moment::of_seconds(FIRST_DAY * 86_400 - 8 * 3600));
    let mut budgets = Budgets::new(clock.clone());
    let (mut all, mut open): (Vec<Known>, Vec<(usize, Hold)>) = (Vec::new(), Vec::new());
    let began = tokio::time::Instant::now();
    for step in steps {
        let day = FIRST_DAY + began.elapsed().as_secs() / DAY.as_secs();
        match step {
            Step::Hold(scopes, money, tokens) => {
                let more = amount(money, tokens);
                let hold = budgets.hold(&claims(scopes), more);
                assert_eq!(hold.is_ok(), fits(&all, scopes, day, more), "{hold:?}");
                open.extend(hold.ok().map(|hold| (all.len(), hold)));
                let is_held = open.last().is_some_and(|(index, _)| *index == all.len());
                all.extend(is_held.then_some(Known { scopes, day, held: more, cost: None }));
            }
            Step::Wait(hours) => tokio::time::advance(Duration::from_secs(hours * 3600)).await,
            Step::Restart => {
                open.drain(..).for_each(|(index, hold)| {
                    hold.sent();
                    all[index].cost = Some(all[index].held);
                });
                budgets = Budgets::new(clock.clone());
                for known in &all {
                    let seed = |claim: Claim| budgets.seed(&claim.scope, known.day, known.cost.unwrap());
                    claims(known.scopes).into_iter().for_each(seed);
                }
            }
            Step::Settle(..) | Step::Drop(..) | Step::Extend(..) if open.is_empty() => {}
            Step::Settle(which, money, tokens) => {
                let (index, hold) = open.swap_remove(which % open.len());
                hold.settle(amount(money, tokens));
                all[index].cost = Some(amount(money, tokens));
            }
            Step::Drop(which, is_sent) => {
                let (index, hold) = open.swap_remove(which % open.len());
                if is_sent {
                    hold.sent();
                }
                all[index].cost = Some(if is_sent { all[index].held } else { Amount::ZERO });
            }
            Step::Extend(which, money, tokens) => {
                let which = which % open.len();
                let (index, hold) = &mut open[which];
                let (more, known) = (amount(money, tokens), all[*index].clone());
                let extended = hold.extend(more);
                assert_eq!(extended.is_ok(), fits(&all, known.scopes, known.day, more), "{extended:?}");
                if extended.is_ok() {
                    all[*index].held = known.held.plus(more);
                }
            }
        }
        let day = FIRST_DAY + began.elapsed().as_secs() / DAY.as_secs();
        same(&budgets, &all, day);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn budgets_are_what_a_list_adds_up_to(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(live(steps));
    }
}
