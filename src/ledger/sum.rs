//! Sums of rows. Adding never fails and never turns over, in whichever order it is done.

use super::row::Row;
use crate::quota::money::Money;

/// The largest number that a sum holds, but for money: what SQLite holds. Sums stop there.
pub const MOST: u64 = i64::MAX as u64;

/// The sum of some rows. Every number stops at [`MOST`], the cost at [`Money::MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sum {
    /// The values of [`Query::by`](super::Query::by), in its order; days as `2026-11-22`.
    pub group: Vec<String>,
    /// Requests.
    pub requests: u64,
    /// Those among them that did not end with a whole answer.
    pub failed: u64,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Prompt tokens from the cache.
    pub cached_tokens: u64,
    /// Reasoning tokens.
    pub reasoning_tokens: u64,
    /// Pictures.
    pub images: u64,
    /// What they cost.
    pub cost: Money,
    /// Requests that used something nobody gives a price for.
    pub unpriced: u64,
    /// Requests whose usage is not known exactly.
    pub inexact: u64,
}

impl Sum {
    /// The sum of one row.
    pub fn of(row: &Row) -> Self {
        Self {
            group: Vec::new(),
            requests: 1,
            failed: row.is_failed().into(),
            input_tokens: row.input_tokens.min(MOST),
            output_tokens: row.output_tokens.min(MOST),
            cached_tokens: row.cached_tokens.min(MOST),
            reasoning_tokens: row.reasoning_tokens.min(MOST),
            images: row.images.min(MOST),
            cost: row.cost.unwrap_or_default(),
            unpriced: row.is_unpriced().into(),
            inexact: row.is_inexact().into(),
        }
    }

    /// Adds what `other` counts; the group stays.
    pub fn add(&mut self, other: &Self) {
        self.cost += other.cost;
        for (own, more) in self.numbers_mut().into_iter().zip(other.numbers()) {
            *own = own.saturating_add(more).min(MOST);
        }
    }

    /// Every number but the cost, in the order in which they are declared.
    pub fn numbers(&self) -> [u64; 9] {
        [
            self.requests,
            self.failed,
            self.input_tokens,
            self.output_tokens,
            self.cached_tokens,
            self.reasoning_tokens,
            self.images,
            self.unpriced,
            self.inexact,
        ]
    }

    /// The same, to be changed.
    pub fn numbers_mut(&mut self) -> [&mut u64; 9] {
        [
            &mut self.requests,
            &mut self.failed,
            &mut self.input_tokens,
            &mut self.output_tokens,
            &mut self.cached_tokens,
            &mut self.reasoning_tokens,
            &mut self.images,
            &mut self.unpriced,
            &mut self.inexact,
        ]
    }
}
