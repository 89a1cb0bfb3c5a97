//! All budgets, behind one short lock.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, UNIX_EPOCH};

use super::amount::Amount;
use super::claim::{Claim, Scope};
use super::exceeded::Exceeded;
use super::hold::Hold;
use super::period::Period;
use super::purse::Purse;
use super::view::{BudgetView, Crossing};
use crate::quota::calendar;
use crate::quota::hub::lock;
use crate::quota::map::QuickMap;
use crate::quota::moment::Clock;

/// Who is told of thresholds that were passed. It is called on the way of a request: it must not block.
type Teller = Box<dyn Fn(Crossing) + Send + Sync>;

/// See the module.
pub struct Budgets {
    clock: Clock,
    state: Mutex<State>,
    teller: Teller,
}

#[derive(Debug, Default)]
struct State {
    /// The latest day that was seen: a clock that goes back turns no day back.
    today: u64,
    purses: QuickMap<Scope, Purse>,
}

impl State {
    /// The purse of `scope`, without what is over.
    fn purse(&mut self, scope: &Scope) -> &mut Purse {
        let purse = self.purses.entry(scope.clone()).or_default();
        purse.turn(self.today);
        purse
    }

    /// The first of `claims` into which `amount` does not fit on `day`.
    fn exceeded<'a>(&mut self, claims: &'a [Claim], amount: &Amount, day: u64) -> Option<(&'a Claim, Exceeded)> {
        claims.iter().find_map(|claim| Some((claim, self.purse(&claim.scope).exceeded(claim, amount, day)?)))
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Budgets").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Budgets {
    /// Nothing was spent, and nobody is told of thresholds.
    pub fn new(clock: Clock) -> Arc<Self> {
        Self::telling(clock, |_| {})
    }

    /// Nothing was spent. `teller` is told of each threshold that is passed, once in each period; it must not block.
    pub fn telling(clock: Clock, teller: impl Fn(Crossing) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default(), teller: Box::new(teller) })
    }

    /// So much was spent of `scope` on `day` (counted as [`calendar::day_of`] does) in an earlier life: it is added to
    /// that day and its month, where they are today's. Allowances have no part in it: they come with each request.
    pub fn seed(&self, scope: &Scope, day: u64, amount: Amount) {
        let mut state = self.today();
        let today = state.today;
        let purse = state.purse(scope);
        for period in Period::ALL.into_iter().filter(|period| period.start(day) == period.start(today)) {
            let sums = purse.sums(period, today);
            sums.spent = sums.spent.plus(amount);
        }
    }

    /// Whether anything of `scope` was counted or seeded.
    pub fn knows(&self, scope: &Scope) -> bool {
        lock(&self.state).purses.contains_key(scope)
    }

    /// Holds `amount` of every budget of `claims`, or of none. It belongs to the day and the month that it is now, whenever
    /// it will be settled: a budget is for what was asked for in its time, and so the ledger counts as well.
    ///
    /// # Errors
    /// [`Exceeded`] with the first budget that has not so much left.
    pub fn hold(self: &Arc<Self>, claims: &[Claim], amount: Amount) -> Result<Hold, Exceeded> {
        let mut state = self.today();
        let day = state.today;
        if let Some((claim, exceeded)) = state.exceeded(claims, &amount, day) {
            let crossing = state.purse(&claim.scope).refused(claim, &exceeded, day);
            drop(state);
            crossing.into_iter().for_each(|crossing| (self.teller)(crossing));
            return Err(exceeded);
        }
        for claim in claims {
            let purse = state.purse(&claim.scope);
            Period::ALL.iter().for_each(|period| purse.sums(*period, day).hold(amount));
        }
        Ok(Hold::new(self.clone(), claims.to_vec(), day, amount))
    }

    /// Whether `amount` could be held now.
    pub fn has_room(&self, claims: &[Claim], amount: Amount) -> bool {
        let mut state = self.today();
        let day = state.today;
        state.exceeded(claims, &amount, day).is_none()
    }

    /// How far the budgets of `claims` are used now.
    pub fn view(&self, claims: &[Claim]) -> Vec<BudgetView> {
        let mut state = self.today();
        let day = state.today;
        claims.iter().flat_map(|claim| state.purse(&claim.scope).views(claim, day)).collect()
    }

    /// Holds `more` for a request that holds something since `day`.
    pub(super) fn extend(&self, claims: &[Claim], day: u64, more: Amount) -> Result<(), Exceeded> {
        let mut state = self.today();
        if let Some((_, exceeded)) = state.exceeded(claims, &more, day) {
            return Err(exceeded);
        }
        for claim in claims {
            let purse = state.purse(&claim.scope);
            for period in Period::ALL {
                let sums = purse.sums(period, day);
                sums.held = sums.held.plus(more);
            }
        }
        Ok(())
    }

    /// A request that has held `held` since `day` is over.
    pub(super) fn settle(&self, claims: &[Claim], day: u64, held: Amount, cost: Amount) {
        let mut state = self.today();
        let mut crossings = Vec::new();
        for claim in claims {
            let purse = state.purse(&claim.scope);
            Period::ALL.iter().for_each(|period| purse.sums(*period, day).settle(held, cost));
            crossings.extend(purse.crossings(claim, day));
        }
        drop(state);
        crossings.into_iter().for_each(|crossing| (self.teller)(crossing));
    }

    /// The state, on the day that it is.
    fn today(&self) -> MutexGuard<'_, State> {
        let now = UNIX_EPOCH + Duration::from_micros(self.clock.now().wall.0);
        let mut state = lock(&self.state);
        state.today = state.today.max(calendar::day_of(now));
        state
    }
}
