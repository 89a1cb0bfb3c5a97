//! What was charged lately, counted as the upstream counts it. Three ways of counting, one trait.

pub mod bucket;
pub mod counter;
pub mod fixed;
pub mod sliding;

use super::moment::{Moment, Now};

/// Amounts that stop counting as time passes. The limit is handed in: what we believe of it may change.
pub trait Window {
    /// How much counts at `now`, if nothing is charged until then.
    fn peek(&self, now: Now, limit: u64) -> u64;

    /// Charges `amount`, whatever the limit: what is above it is a debt that delays later takers.
    fn charge(&mut self, now: Now, amount: u64, limit: u64);

    /// Gives back `amount` of what was charged at `taken`, as far as that still counts.
    fn refund(&mut self, taken: Now, now: Now, amount: u64, limit: u64);

    /// The first moment at which `amount` fits, if nothing else is charged until then. `None` when it is more than
    /// the limit: then it never fits.
    fn wake_at(&self, now: Now, amount: u64, limit: u64) -> Option<Moment>;

    /// The first moment at which nothing counts any more, if nothing else is charged until then.
    fn clear_at(&self, now: Now, limit: u64) -> Moment {
        self.wake_at(now, limit, limit).unwrap_or(now.at)
    }

    /// When the last of `amount` is in if they go one after another, each as soon as it can; more than the limit takes
    /// several spans.
    fn turn(&self, now: Now, amount: u64, limit: u64) -> Moment;

    /// When everything is forgotten at once, if it is.
    fn forgets_at(&self, _now: Now) -> Option<Moment> {
        None
    }

    /// Charges `amount` if it fits.
    fn try_take(&mut self, now: Now, amount: u64, limit: u64) -> bool {
        let fits = self.peek(now, limit).saturating_add(amount) <= limit;
        if fits {
            self.charge(now, amount, limit);
        }
        fits
    }
}

/// How many whole limits go before the last part of `amount`, and that part.
fn spans(amount: u64, limit: u64) -> (u32, u64) {
    let before = amount.max(1) - 1;
    (u32::try_from(before / limit).unwrap_or(u32::MAX), before % limit + 1)
}
