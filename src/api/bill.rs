//! What a call costs at most, as budgets count it.

use std::sync::Arc;
use std::time::SystemTime;

use super::error::GatewayError;
use super::estimate::Size;
use super::exchange::Exchange;
use super::head::RequestHead;
use super::{budget, cost, estimate};
use crate::catalog::plan::{Facts, Right};
use crate::ledger::price::{Consumed, Price};
use crate::quota::allowance::Allowance;
use crate::quota::ask::Ask;
use crate::quota::budget::{Amount, Unit};
use crate::relay::settle::Growth;

/// A call of a model that budgets may have a say in.
pub(super) struct Wanted<'a> {
    pub(super) model: &'a str,
    pub(super) right: Right,
    pub(super) facts: &'a Facts,
    pub(super) head: &'a RequestHead<'a>,
    /// How large it is, where that was looked at already.
    pub(super) size: Option<&'a Size>,
    /// What stands in line.
    pub(super) ask: Ask,
}

/// What a call costs at most, and by which right it is paid.
pub(super) struct Bill {
    pub(super) right: Right,
    pub(super) most: Amount,
    pub(super) growth: Growth,
}

impl Bill {
    /// Whether the budgets have room for it at `account`.
    pub(super) fn has_room(&self, exchange: &Exchange, account: &Arc<str>) -> bool {
        let claims = exchange.claims(self.right, Some(account));
        exchange.snapshot.quota.budgets.has_room(&claims, self.most)
    }
}

impl Exchange {
    /// What a call costs at most.
    ///
    /// # Errors
    /// [`GatewayError::Unpriced`] where no source gives a price and money is counted.
    pub(super) fn bill(&self, wanted: &Wanted<'_>) -> Result<Bill, GatewayError> {
        let Wanted { model, right, facts, head, .. } = *wanted;
        // What spills was never asked for: it is not begun without the money to end it.
        let is_piecewise = right != Right::Spill && self.grows(head);
        let of = |size: &Size| match cost::most(facts, self.target.route, head, size) {
            most if is_piecewise => cost::first_piece(most, size),
            most => most,
        };
        let consumed = wanted.size.map_or_else(|| of(&estimate::of(self, model, head)), of);
        self.bill_of(model, right, facts.price.as_deref(), &consumed)
    }

    /// Whether it is a stream whose tokens are counted as they come, and nobody said how many there may be.
    fn grows(&self, head: &RequestHead<'_>) -> bool {
        self.target.route.is_chat() && head.is_streaming && estimate::most_output(head).is_none()
    }

    pub(super) fn bill_of(
        &self,
        model: &str,
        right: Right,
        price: Option<&Price>,
        most: &Consumed,
    ) -> Result<Bill, GatewayError> {
        let price = self.price_for_budgets(model, right, price)?;
        let at = SystemTime::now();
        let cost = |consumed: &Consumed| cost::upper(&price, consumed, at);
        let step = most.output_tokens;
        let grown = Consumed { output_tokens: step.saturating_mul(2), ..*most };
        let piece = Amount { money: cost(&grown) - cost(most), tokens: step };
        let most = Amount { money: cost(most), tokens: most.input_tokens.saturating_add(step) };
        Ok(Bill { right, most, growth: Growth { enough_for: step, step, piece } })
    }

    /// What is counted for a model. A budget that cannot be counted would be a lie: where money is, there must be a price.
    fn price_for_budgets(&self, model: &str, right: Right, price: Option<&Price>) -> Result<Price, GatewayError> {
        if right == Right::Free {
            return Ok(Price::default());
        }
        let counts = |allowance: &Allowance| allowance.limits(Unit::Money);
        let is_money = right == Right::Spill
            || budget::own(&self.tenant).any(|claim| counts(&claim.allowance))
            || self.snapshot.quota.allowances.iter().any(|(_, allowance)| counts(allowance));
        match price {
            None if is_money => Err(GatewayError::Unpriced(model.to_owned())),
            price => Ok(price.copied().unwrap_or_default()),
        }
    }
}
