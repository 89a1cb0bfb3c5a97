//! The budgets on the way of a request: which it has to fit, and what is held of them before it stands in line. What it may
//! cost at most: [`bill`](super::bill).
//!
//! A request that no budget has a say in is asked nothing of this but [`Exchange::is_budgeted`].

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::bill::{Bill, Wanted};
use super::choice;
use super::error::GatewayError;
use super::exchange::Exchange;
use super::route::Route;
use super::snapshot::Snapshot;
use crate::catalog::plan::{Facts, Right};
use crate::ledger::price::{Consumed, Price};
use crate::quota::allowance::{Allowance, Cap};
use crate::quota::budget::{Claim, Exceeded, Scope};
use crate::relay::settle::Paid;
use crate::tenant::Tenant;
use crate::upstream::UpstreamError;

/// The budgets of `tenant` itself: the key's and its team's.
pub(super) fn own(tenant: &Tenant) -> impl Iterator<Item = Claim> {
    let team = tenant.team.as_ref().map(|team| (Scope::Team(team.name.clone()), team.allowance));
    let all = std::iter::once((Scope::Key(tenant.name.clone()), tenant.allowance)).chain(team);
    all.filter(|(_, allowance)| !allowance.is_endless()).map(|(scope, allowance)| Claim { scope, allowance })
}

/// Whether a request could run any model unseen, where somebody has to count what it costs.
pub(super) fn forbids(snapshot: &Snapshot, tenant: &Tenant, route: Route, method: &Method) -> bool {
    // What a batch has cost is counted when it is over.
    route != Route::Batches && choice::may_run_unseen(route, method) && is_counted(snapshot, tenant)
}

fn is_counted(snapshot: &Snapshot, tenant: &Tenant) -> bool {
    let is_endless = |allowance: &Allowance| allowance.is_endless();
    let is_teams = tenant.team.as_ref().is_some_and(|team| !is_endless(&team.allowance));
    is_teams || !is_endless(&tenant.allowance) || !snapshot.quota.allowances.is_empty()
}

impl Exchange {
    /// Whether any budget has a say in a call by this right.
    pub(super) fn is_budgeted(&self, right: Right) -> bool {
        right == Right::Spill || is_counted(&self.snapshot, &self.tenant)
    }

    /// Every budget that a call through `account` has to fit.
    pub(super) fn claims(&self, right: Right, account: Option<&Arc<str>>) -> Vec<Claim> {
        let mut claims: Vec<Claim> = own(&self.tenant).collect();
        let Some(account) = account else { return claims };
        let allowances = self.snapshot.quota.allowances.iter().filter(|(name, _)| name == account);
        let of_account = |(name, allowance): &(Arc<str>, Allowance)| Claim {
            scope: Scope::Account(name.clone()),
            allowance: *allowance,
        };
        claims.extend(allowances.map(of_account));
        claims.extend((right == Right::Spill).then(|| {
            let money = Some(self.snapshot.policy.spill.budget_per_day);
            let allowance = Allowance { day: Cap { money, tokens: None }, ..Allowance::default() };
            Claim { scope: Scope::Spill(account.clone()), allowance }
        }));
        claims
    }

    /// Holds what a call costs at most of all its budgets, with the account whose turn comes first, if accounts have a say.
    ///
    /// # Errors
    /// [`GatewayError::Budget`] when one has no room, [`GatewayError::Unpriced`], or that no account's key is in use.
    pub(super) fn hold(&self, wanted: &Wanted<'_>) -> Result<Box<Paid>, GatewayError> {
        let bill = self.bill(wanted)?;
        if wanted.right != Right::Spill && self.snapshot.quota.allowances.is_empty() {
            return Ok(self.hold_of(&bill, None)?);
        }
        let starts_in = |account: &_| self.snapshot.quota.quota.starts_in(account, wanted.model, &wanted.ask);
        let accounts = self.accounts(Instant::now());
        let mut accounts: Vec<(Duration, Arc<str>)> =
            accounts.map(|(_, (account, _))| (starts_in(account), account.name.clone())).collect();
        accounts.sort_by_key(|(wait, _)| *wait);
        let mut refused = None;
        for (_, account) in accounts {
            match self.hold_of(&bill, Some(account)) {
                Ok(paid) => return Ok(paid),
                Err(exceeded) => refused = refused.or(Some(exceeded)),
            }
        }
        Err(refused.map_or_else(|| UpstreamError::KeysResting.into(), Into::into))
    }

    /// The same for a form, with the account that it goes to. What a recording costs is not known before it was heard, and
    /// not told afterwards: where that is not nothing, it cannot be counted.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub(super) fn hold_form(
        &self,
        model: &str,
        right: Right,
        facts: &Facts,
        account: Option<&Arc<str>>,
    ) -> Result<Option<Box<Paid>>, GatewayError> {
        if !self.is_budgeted(right) || model.is_empty() {
            return Ok(None);
        }
        let price = facts.price.as_deref().filter(|price| **price == Price::default());
        let bill = self.bill_of(model, right, price, &Consumed::default())?;
        Ok(Some(self.hold_of(&bill, account.cloned())?))
    }

    fn hold_of(&self, bill: &Bill, payer: Option<Arc<str>>) -> Result<Box<Paid>, Box<Exceeded>> {
        let claims = self.claims(bill.right, payer.as_ref());
        let hold = self.snapshot.quota.budgets.hold(&claims, bill.most).map_err(Box::new)?;
        Ok(Box::new(Paid { hold, payer, growth: bill.growth }))
    }
}
