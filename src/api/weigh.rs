//! Free and paid weighed against each other: who starts when, and what may be paid. A look at the queues, no race: one is
//! chosen, and what a paid one may cost is held by then.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::estimate::Size;
use super::exchange::Exchange;
use super::walk::Walk;
use super::{cost, estimate};
use crate::catalog::plan::Right;
use crate::quota::ask::Ask;
use crate::quota::money::Money;
use crate::relay::settle::Paid;

/// How often a place may be taken by another request between the look at it and the step to it (ours). After that, who
/// has to wait for a moment waits: perhaps for a limit of its own key.
const MOST_MISSES: u32 = 4;

impl Walk<'_> {
    /// Which of those that are weighed it is: the first that starts within the time that is waited for it, else the one
    /// that starts earliest. What a paid one may cost is held before it is chosen.
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
        let most = if candidate.right == Right::Spill { Some(self.most(exchange, index)?) } else { None };
        let limit = exchange.snapshot.policy.spill.budget_per_day;
        let accounts = exchange
            .accounts(Instant::now())
            .filter(|(_, (account, _))| most.is_none_or(|most| quota.budgets.has_room(&account.name, most, limit)));
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

    /// What it may cost at most; `None` where that is not known.
    fn most(&self, exchange: &Exchange, index: usize) -> Option<Money> {
        let candidate = &self.candidates[index];
        let most =
            |size: &Size| cost::most(&candidate.facts, exchange.target.route, self.head, size, SystemTime::now());
        match self.sizes.get(index) {
            Some(size) => most(size),
            None => most(&estimate::of(exchange, &candidate.model.id, self.head)),
        }
    }

    /// Holds what a spilled call may cost, of the account whose turn comes first. Whether it may be called.
    pub(super) fn hold(&self, exchange: &mut Exchange, index: usize) -> bool {
        exchange.settlement.paid = None;
        let candidate = &self.candidates[index];
        if candidate.right != Right::Spill {
            return true;
        }
        let (Some(most), Some(price)) = (self.most(exchange, index), candidate.facts.price) else { return false };
        let snapshot = exchange.snapshot.clone();
        let (quota, limit, ask) = (&snapshot.quota, snapshot.policy.spill.budget_per_day, self.ask(index));
        let mut accounts: Vec<(Duration, Arc<str>)> = exchange
            .accounts(Instant::now())
            .map(|(_, (account, _))| (quota.quota.starts_in(account, &candidate.model.id, &ask), account.name.clone()))
            .collect();
        accounts.sort_by_key(|(wait, _)| *wait);
        let hold = accounts.iter().find_map(|(_, account)| quota.budgets.hold(account, most, limit));
        let paid = hold.map(|hold| {
            let cost = Box::new(move |usage: &_| Some(cost::of(&price, usage, SystemTime::now())));
            Box::new(Paid { hold, cost })
        });
        exchange.settlement.paid = paid;
        exchange.settlement.paid.is_some()
    }
}
