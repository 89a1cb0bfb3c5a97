//! Free and paid weighed against each other: who starts when, and what may be paid. A look at the queues, no race: one is
//! chosen, and what a paid one may cost is held by then.

use std::time::Duration;

use tokio::time::Instant;

use super::bill::Wanted;
use super::exchange::Exchange;
use super::walk::Walk;
use crate::quota::ask::Ask;

/// How often a place may be taken by another request between the look at it and the step to it (ours). After that, who
/// has to wait for a moment waits: perhaps for a limit of its own key.
const MOST_MISSES: u32 = 4;

impl Walk<'_> {
    /// Which of those that are weighed it is: the first that starts within the time that is waited for it, else the one
    /// that starts earliest. What it may cost is held before it is chosen, so that one which a budget has no room for is passed over.
    pub(super) fn choose(&mut self, exchange: &mut Exchange, is_final: bool) -> usize {
        exchange.settlement.paid = None;
        let spill = exchange.snapshot.policy.spill;
        let limit = if is_final { Duration::ZERO } else { spill.after.min(exchange.patience) };
        let mut order: Vec<usize> = (0..self.sizes.len()).filter(|index| !self.is_out[*index]).collect();
        let place = self.conversation.and_then(|conversation| exchange.snapshot.quota.sticky.place(conversation));
        if let Some(place) = place.filter(|_| !is_final) {
            // Where it is warm comes first.
            order.sort_by_key(|index| *index != place);
        }
        loop {
            let wait = |index: &usize| Some((*index, self.starts_in(exchange, *index)?));
            let waits: Vec<(usize, Duration)> = order.iter().filter_map(wait).collect();
            let soon = waits.iter().find(|(_, wait)| *wait <= limit);
            let Some((index, wait)) = soon.or_else(|| waits.iter().min_by_key(|(_, wait)| *wait)).copied() else {
                return 0;
            };
            if self.hold(exchange, index) {
                // What goes in several calls is not sent away from the middle of them.
                let is_weighed_again = !is_final && waits.len() > 1 && wait <= limit && self.parts == 1;
                self.is_trying = is_weighed_again && wait.is_zero() && self.misses < MOST_MISSES;
                let patience = if self.is_trying { Duration::ZERO } else { limit };
                exchange.weigh_at = is_weighed_again.then(|| Instant::now() + patience);
                return index;
            }
            order.retain(|other| *other != index);
        }
    }

    /// How long it would wait for a candidate; `None` when that may not be called, or not now.
    fn starts_in(&self, exchange: &Exchange, index: usize) -> Option<Duration> {
        let (candidate, ask) = (&self.candidates[index], self.ask(index));
        let quota = &exchange.snapshot.quota;
        let bill = match exchange.is_budgeted(candidate.right) {
            true => Some(exchange.bill(&self.wanted(index)).ok()?),
            false => None,
        };
        let has_room = |account: &_| bill.as_ref().is_none_or(|bill| bill.has_room(exchange, account));
        let accounts = exchange.accounts(Instant::now()).filter(|(_, (account, _))| has_room(&account.name));
        accounts.map(|(_, (account, _))| quota.quota.starts_in(account, &candidate.model.id, &ask)).min()
    }

    /// What stands in line: of a request that goes in several calls, one of them.
    fn ask(&self, index: usize) -> Ask {
        let mut ask = self.sizes.get(index).map_or(Ask::default(), |size| size.ask);
        if self.parts > 1 {
            ask.prompt.mean /= self.parts as f64;
            ask.prompt.deviation /= self.parts as f64;
        }
        ask
    }

    /// What is asked of the budgets for a candidate.
    fn wanted(&self, index: usize) -> Wanted<'_> {
        let candidate = &self.candidates[index];
        let (model, right, facts) = (&candidate.model.id, candidate.right, &candidate.facts);
        Wanted { model, right, facts, head: self.head, size: self.sizes.get(index), ask: self.ask(index) }
    }

    /// Holds what a call may cost, where a budget has a say in it. Whether it may be called.
    pub(super) fn hold(&self, exchange: &mut Exchange, index: usize) -> bool {
        exchange.settlement.paid = None;
        if !exchange.is_budgeted(self.candidates[index].right) {
            return true;
        }
        exchange.settlement.paid = exchange.hold(&self.wanted(index)).ok();
        exchange.settlement.paid.is_some()
    }
}
