//! The sums of one scope: of its day and its month, and of those before for as long as a request holds something there.

use super::amount::{Amount, Unit};
use super::claim::Claim;
use super::exceeded::Exceeded;
use super::period::Period;
use super::sums::Sums;
use super::view::{BudgetView, Crossing, Threshold};

/// See the module. Mostly there is one of each.
#[derive(Debug, Default)]
pub(super) struct Purse {
    days: Vec<Sums>,
    months: Vec<Sums>,
}

impl Purse {
    fn periods(&mut self, period: Period) -> &mut Vec<Sums> {
        match period {
            Period::Day => &mut self.days,
            Period::Month => &mut self.months,
        }
    }

    /// Forgets periods that are over on the day `today` and of which nothing is held.
    pub(super) fn turn(&mut self, today: u64) {
        for period in Period::ALL {
            let start = period.start(today);
            self.periods(period).retain(|sums| sums.start == start || sums.open > 0);
        }
    }

    /// The sums of the period that `day` lies in.
    pub(super) fn sums(&mut self, period: Period, day: u64) -> &mut Sums {
        let (start, all) = (period.start(day), self.periods(period));
        let index = all.iter().position(|sums| sums.start == start).unwrap_or_else(|| {
            all.push(Sums::new(start));
            all.len() - 1
        });
        &mut all[index]
    }

    /// The budget of `claim` into which `amount` does not fit on `day`.
    pub(super) fn exceeded(&mut self, claim: &Claim, amount: &Amount, day: u64) -> Option<Exceeded> {
        let views = self.views(claim, day);
        views.into_iter().find(|view| !self.sums(view.period, day).has_room(view.unit, amount, view.limit)).map(
            |view| {
                let BudgetView { scope, period, unit, limit, spent, held, ends, .. } = view;
                Exceeded { scope, period, unit, limit, spent, held, needs: amount.of(unit), ends }
            },
        )
    }

    /// Every budget that `claim` sets, on `day`.
    pub(super) fn views(&mut self, claim: &Claim, day: u64) -> Vec<BudgetView> {
        let mut views = Vec::new();
        for (period, unit) in Period::ALL.into_iter().flat_map(|period| Unit::ALL.map(|unit| (period, unit))) {
            let Some(limit) = claim.allowance.cap(period).limit(unit) else { continue };
            let sums = *self.sums(period, day);
            views.push(BudgetView {
                scope: claim.scope.clone(),
                period,
                unit,
                limit,
                spent: sums.spent.of(unit),
                held: sums.held.of(unit),
                ends: period.ends(day),
                warn_permille: claim.allowance.warn_permille,
            });
        }
        views
    }

    /// What is news of the budgets of `claim`, after something was spent.
    pub(super) fn crossings(&mut self, claim: &Claim, day: u64) -> Vec<Crossing> {
        let views = self.views(claim, day);
        let passed = views.into_iter().filter_map(|view| Some(Crossing { threshold: view.passed()?, view }));
        passed.filter(|crossing| self.is_news(crossing, day)).collect()
    }

    /// The same of one that had no room for a request. Before the soft threshold it was the request that was too large, and
    /// nobody else has to know.
    pub(super) fn refused(&mut self, claim: &Claim, exceeded: &Exceeded, day: u64) -> Option<Crossing> {
        let is_it = |view: &BudgetView| (view.period, view.unit) == (exceeded.period, exceeded.unit);
        let view = self.views(claim, day).into_iter().find(|view| is_it(view) && view.passed().is_some())?;
        Some(Crossing { threshold: Threshold::Hard, view }).filter(|crossing| self.is_news(crossing, day))
    }

    fn is_news(&mut self, crossing: &Crossing, day: u64) -> bool {
        let view = &crossing.view;
        self.sums(view.period, day).tell(view.unit, view.limit, crossing.threshold)
    }
}
