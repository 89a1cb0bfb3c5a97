//! What was spent and is held in one day, or in one month.

use super::amount::{Amount, Unit};
use super::view::Threshold;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    /// First day of the period.
    pub(super) start: u64,
    pub(super) spent: Amount,
    pub(super) held: Amount,
    /// How many requests hold something.
    pub(super) open: u32,
    /// By unit: the limit of which it was told that it was passed, and how far. With another limit it is told again.
    told: [Option<(u64, Threshold)>; 2],
}

impl Sums {
    /// A period that begins on the day `start`.
    pub(super) fn new(start: u64) -> Self {
        Self { start, ..Self::default() }
    }

    /// Whether `amount` fits into `limit` of `unit`. What needs nothing always fits: a free model is no matter of money, even
    /// where an answer has cost more than was thought.
    pub(super) fn has_room(&self, unit: Unit, amount: &Amount, limit: u64) -> bool {
        let needs = amount.of(unit);
        needs == 0 || self.spent.of(unit).saturating_add(self.held.of(unit)).saturating_add(needs) <= limit
    }

    /// A new request holds `amount`.
    pub(super) fn hold(&mut self, amount: Amount) {
        self.open += 1;
        self.held = self.held.plus(amount);
    }

    /// A request that held `held` is over, and has cost `cost`.
    pub(super) fn settle(&mut self, held: Amount, cost: Amount) {
        self.open = self.open.saturating_sub(1);
        self.held = self.held.minus(held);
        self.spent = self.spent.plus(cost);
    }

    /// Whether `threshold` of `limit` is news; it is none from then on.
    pub(super) fn tell(&mut self, unit: Unit, limit: u64, threshold: Threshold) -> bool {
        let told = &mut self.told[unit as usize];
        let is_news = told.is_none_or(|(of, how)| of != limit || how < threshold);
        if is_news {
            *told = Some((limit, threshold));
        }
        is_news
    }
}
