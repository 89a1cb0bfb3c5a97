//! What one request holds of its budgets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::amount::Amount;
use super::budgets::Budgets;
use super::claim::Claim;
use super::exceeded::Exceeded;
use super::view::BudgetView;

/// Money and tokens held for one request. Dropped without a word it is given back if the request was not sent, else it is
/// spent.
#[derive(Debug)]
pub struct Hold {
    budgets: Arc<Budgets>,
    claims: Vec<Claim>,
    /// Of which day.
    day: u64,
    held: Amount,
    /// What it has cost, once that was said.
    cost: Option<Amount>,
    is_sent: AtomicBool,
}

impl Hold {
    pub(super) fn new(budgets: Arc<Budgets>, claims: Vec<Claim>, day: u64, held: Amount) -> Self {
        Self { budgets, claims, day, held, cost: None, is_sent: AtomicBool::new(false) }
    }

    /// How much.
    pub fn amount(&self) -> Amount {
        self.held
    }

    /// How far its budgets are used now.
    pub fn view(&self) -> Vec<BudgetView> {
        self.budgets.view(&self.claims)
    }

    /// From now on the upstream may have seen the request.
    pub fn sent(&self) {
        self.is_sent.store(true, Ordering::Relaxed);
    }

    /// The upstream refused the request: it has cost nothing until it is sent again.
    pub fn refused(&self) {
        self.is_sent.store(false, Ordering::Relaxed);
    }

    /// Holds `more` besides, of the same day and month: the answer grows beyond what was held.
    ///
    /// # Errors
    /// [`Exceeded`] when a budget has not so much left; what was held stays held, and the answer should end.
    pub fn extend(&mut self, more: Amount) -> Result<(), Exceeded> {
        self.budgets.extend(&self.claims, self.day, more)?;
        self.held = self.held.plus(more);
        Ok(())
    }

    /// What it costs if nobody ever says: what was held, unless the request was not sent.
    pub fn unsaid(&self) -> Amount {
        if self.is_sent.load(Ordering::Relaxed) { self.held } else { Amount::ZERO }
    }

    /// The request has cost this much.
    pub fn settle(mut self, cost: Amount) {
        self.cost = Some(cost);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let cost = self.cost.unwrap_or_else(|| self.unsaid());
        self.budgets.settle(&self.claims, self.day, self.held, cost);
    }
}
