//! What a request holds of budgets, and how that grows with a stream. In the end its row in the ledger counts.

use std::fmt;
use std::sync::Arc;

use crate::quota::budget::{Amount, Exceeded, Hold};

/// See the module.
pub struct Paid {
    /// The money and the tokens, at their upper side.
    pub hold: Hold,
    /// The account through which it must go, where one was named: it is its budget.
    pub payer: Option<Arc<str>>,
    /// What holds while the answer grows.
    pub growth: Growth,
}

/// How far a hold reaches, and what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// For so many tokens of the answer it is enough.
    pub enough_for: u64,
    /// Tokens of one more piece; 0 where answers have none.
    pub step: u64,
    /// What such a piece costs.
    pub piece: Amount,
}

impl fmt::Debug for Paid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Paid").field("hold", &self.hold).finish_non_exhaustive()
    }
}

impl Paid {
    /// So many tokens of the answer have come: beyond what was held, another such piece is held, so that no answer is ahead
    /// of its budget by more than one.
    ///
    /// # Errors
    /// [`Exceeded`] when there is no room for it: the answer has to end.
    pub(super) fn grow(&mut self, tokens: u64) -> Result<(), Exceeded> {
        let Growth { step, piece, .. } = self.growth;
        while tokens > self.growth.enough_for && step > 0 {
            self.hold.extend(piece)?;
            self.growth.enough_for = self.growth.enough_for.saturating_add(step);
        }
        Ok(())
    }
}
