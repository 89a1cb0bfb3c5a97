//! Steps 5 to 7: what a request may cost, when it may start, and with which key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time::Instant;

use super::answers;
use super::error::GatewayError;
use super::exchange::Exchange;
use super::ratelimit;
use super::route::Route;
use crate::quota::allowance::Allowance;
use crate::quota::ask::{Ask, Spent};
use crate::quota::budget::Budgets;
use crate::quota::estimate::Estimator;
use crate::quota::limits::Limits;
use crate::quota::metric::Amounts;
use crate::quota::sticky::Sticky;
use crate::quota::view::Left;
use crate::quota::{AccountQuota, AdmitError, Quota, Refused, Request, Reservation};
use crate::relay::settle::Paid;
use crate::upstream::refusal::{Cause, Refusal};
use crate::upstream::{Account, Answer, KeyLease, RequestBody, UpstreamError};

/// How often one request may be refused by the upstream's limits before the caller learns of it (ours): each refusal
/// teaches, so more than a few in a row are not a matter of waiting.
const MOST_REFUSALS: u32 = 10;

/// The limits of a model at an endpoint, before anything was learned.
pub type LimitsOf = Box<dyn Fn(&str, Route) -> Limits + Send + Sync>;

/// Quota as requests see it.
pub struct QuotaAccess {
    /// What counts.
    pub quota: Arc<Quota>,
    /// The accounts, by their names.
    pub accounts: Vec<(AccountQuota, LimitsOf)>,
    /// How long a request may wait.
    pub max_wait: Duration,
    /// What is learned about sizes.
    pub estimator: Arc<Estimator>,
    /// What may be spent.
    pub budgets: Arc<Budgets>,
    /// What the accounts may spend, for those that may not spend everything.
    pub allowances: Vec<(Arc<str>, Allowance)>,
    /// Where conversations were served last.
    pub sticky: Arc<Sticky>,
}

impl fmt::Debug for QuotaAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("QuotaAccess").field("max_wait", &self.max_wait).finish_non_exhaustive()
    }
}

impl QuotaAccess {
    /// Quota of the account `name`.
    pub fn account(&self, name: &str) -> Option<&(AccountQuota, LimitsOf)> {
        self.accounts.iter().find(|(account, _)| &*account.name == name)
    }
}

/// The head of an answer, with what its request holds of the quota.
pub(super) struct Reserved {
    pub(super) answer: Answer,
    pub(super) reservation: Option<Reservation>,
    /// How long it stood in line.
    pub(super) waited: Duration,
    /// What it holds of budgets, if it was held only now.
    pub(super) paid: Option<Box<Paid>>,
}

impl Exchange {
    /// Steps 6 to 9 for a call that may cost `ask`: it waits for its turn, is sent, and goes back in line when the upstream
    /// refuses it for a limit. Calls that cost nothing are sent at once.
    pub(super) async fn call_reserved(
        &self,
        method: Method,
        path: &str,
        mut body: RequestBody,
        ask: Option<&Ask>,
    ) -> Result<Reserved, GatewayError> {
        let Some(ask) = ask else {
            let lease = self.paying_lease()?.or_else(|| self.snapshot.upstream.leases(Instant::now()).next());
            if let Some(lease) = &lease {
                self.sent(lease.account(), &self.settlement.model).await?;
            }
            let answer = self.send(method, path, body, lease, None).await?;
            return Ok(Reserved { answer, reservation: None, waited: Duration::ZERO, paid: None });
        };
        let mut now = Instant::now();
        let deadline = now + self.patience;
        let (mut waited, mut refusals, mut last) = (Duration::ZERO, 0, None);
        loop {
            let (lease, reservation, is_governed) =
                self.admit(ask, now, deadline).await.map_err(|error| still(&mut last, error))?;
            if last.take().is_some() {
                // The last refusal is counted when a caller learns of it; this one no caller will.
                self.settlement.upstream_error("rate_limit");
            }
            waited += reservation.waited();
            self.settlement.admitted(&reservation);
            let spare = body.copy();
            // A caller who leaves from now on may leave something running upstream.
            self.sent(lease.account(), &self.settlement.model).await?;
            reservation.sent();
            let answer = match self.send(method.clone(), path, body, Some(lease), Some(&reservation)).await {
                Ok(answer) => answer,
                Err(error) => return Err(unanswered(reservation, error)),
            };
            if answer.response.status().is_success() {
                reservation.accepted();
            }
            if answer.response.status() != StatusCode::TOO_MANY_REQUESTS {
                return Ok(Reserved { answer, reservation: Some(reservation), waited, paid: None });
            }
            let refusal = answers::refusal(self, answer).await;
            refusals += 1;
            self.settlement.paid.iter().for_each(|paid| paid.hold.refused());
            self.learn(reservation, &refusal, is_governed);
            body = match spare {
                Some(spare) if is_governed && refusals < MOST_REFUSALS => spare,
                _ => return Err(GatewayError::Refused(refusal, self.settlement.model.to_string())),
            };
            last = Some((refusal, self.settlement.model.to_string()));
            now = Instant::now();
        }
    }

    /// Step 6: the account whose turn comes first, and what the request holds there.
    async fn admit(
        &self,
        ask: &Ask,
        now: Instant,
        deadline: Instant,
    ) -> Result<(KeyLease, Reservation, bool), GatewayError> {
        let model = &self.settlement.model;
        let (lease, account) = self.soonest(ask, now).ok_or(UpstreamError::KeysResting)?;
        let waits = self.settlement.trace.waits(model);
        let entering = self.enter(account, model, ask, now, deadline.saturating_duration_since(now));
        let reservation = match self.weigh_at {
            None => entering.await?,
            Some(weigh_at) => {
                // Giving up a place by dropping it leaves no promise behind: another model may be called by then.
                let entered = Box::pin(tokio::time::timeout_at(weigh_at, entering)).await;
                entered.unwrap_or_else(|_| Err(self.too_long(&account.0, ask)))?
            }
        };
        waits.admitted(!reservation.waited().is_zero(), reservation.waited_for().label());
        Ok((lease, reservation, account.0.is_governed))
    }

    /// It has stood in line for as long as nothing else was weighed.
    fn too_long(&self, account: &AccountQuota, ask: &Ask) -> GatewayError {
        let model = &self.settlement.model;
        let wait = self.snapshot.quota.quota.starts_in(account, model, ask);
        let refused = Refused::Later { metric: None, wait };
        GatewayError::Quota(AdmitError { refused, is_own: false }, model.to_string())
    }

    /// Whether the limits of an account are kept.
    pub(super) fn is_governed(&self) -> bool {
        self.snapshot.quota.accounts.iter().any(|(account, _)| account.is_governed)
    }

    /// From now on the upstream may have seen the request, so that its money may be spent: it is written down before that.
    pub(super) async fn sent(&self, account: &Account, model: &str) -> Result<(), GatewayError> {
        self.settlement.write_down(account.name(), model)?;
        // All requests that are ready at this moment are put down first, and share one write.
        tokio::task::yield_now().await;
        self.settlement.written()?;
        self.settlement.paid.iter().for_each(|paid| paid.hold.sent());
        Ok(())
    }

    /// Stands in line for `model` at an account.
    pub(super) async fn enter(
        &self,
        (account, limits): &(AccountQuota, LimitsOf),
        model: &str,
        ask: &Ask,
        came: Instant,
        patience: Duration,
    ) -> Result<Reservation, GatewayError> {
        let request = Request {
            account,
            model,
            limits: &|| if account.is_governed { limits(model, self.target.route) } else { Limits::default() },
            caller: &self.tenant.quota,
            ask,
            came,
            patience,
        };
        let admitted = self.snapshot.quota.quota.admit(request).await;
        admitted.map_err(|error| GatewayError::Quota(error, model.to_owned()))
    }

    /// The accounts whose key does not rest, with their quota.
    pub(super) fn accounts(&self, now: Instant) -> impl Iterator<Item = (KeyLease, &(AccountQuota, LimitsOf))> {
        let leases = self.snapshot.upstream.leases(now);
        leases.filter_map(|lease| self.snapshot.quota.account(lease.account().name()).map(|quota| (lease, quota)))
    }

    /// The one whose turn comes first; of a request that holds money, the one whose money it is.
    fn soonest(&self, ask: &Ask, now: Instant) -> Option<(KeyLease, &(AccountQuota, LimitsOf))> {
        let access = &self.snapshot.quota;
        let mut accounts = self.accounts(now);
        if access.accounts.len() == 1 {
            return accounts.next();
        }
        let payer = self.payer();
        let paying = accounts.filter(|(_, (account, _))| payer.is_none_or(|payer| *payer == account.name));
        paying.min_by_key(|(_, (account, _))| access.quota.starts_in(account, &self.settlement.model, ask))
    }

    /// The account whose budget the request holds something of.
    fn payer(&self) -> Option<&Arc<str>> {
        self.settlement.paid.as_ref().and_then(|paid| paid.payer.as_ref())
    }

    /// The account where files and batches are: what one account has, the others do not know.
    fn pinned(&self) -> Option<&Arc<str>> {
        let is_stored = matches!(self.target.route, Route::Files | Route::Batches);
        self.snapshot.quota.accounts.first().filter(|_| is_stored).map(|(account, _)| &account.name)
    }

    /// Its key, if there is one; without it any will do.
    fn paying_lease(&self) -> Result<Option<KeyLease>, GatewayError> {
        let Some(payer) = self.payer().or_else(|| self.pinned()) else { return Ok(None) };
        let mut leases = self.snapshot.upstream.leases(Instant::now());
        let lease = leases.find(|lease| lease.account().name() == payer);
        lease.map(Some).ok_or_else(|| UpstreamError::KeysResting.into())
    }

    /// Whether a request of this key can be limited at all.
    pub(super) fn is_limited(&self) -> bool {
        self.tenant.quota.is_limited() || self.is_governed()
    }

    /// What is left for this model and key, for the headers of a refusal.
    pub(super) fn left(&self) -> [Option<Left>; 2] {
        let access = &self.snapshot.quota;
        let Some((account, _)) = access.accounts.first() else { return [None; 2] };
        access.quota.left((&account.name, &self.settlement.model), &self.tenant.name, ratelimit::METRICS)
    }

    /// What a refusal for a limit teaches.
    pub(super) fn learn(&self, reservation: Reservation, refusal: &Refusal, is_governed: bool) {
        let metric = match refusal.cause {
            Cause::RateLimit(metric) => metric,
            _ => None,
        };
        if is_governed {
            let is_predicted = reservation.refused(metric, refusal.retry_after);
            self.settlement.limited(metric, is_predicted);
        } else {
            reservation.settle(Spent::Exactly(Amounts::default()));
        }
    }
}

/// A request that the upstream refused cannot wait any longer: the refusal is what its caller should read, with the time
/// that is known now.
fn still(last: &mut Option<(Refusal, String)>, error: GatewayError) -> GatewayError {
    match (last.take(), error) {
        (Some((refusal, model)), GatewayError::Quota(AdmitError { refused: Refused::Later { wait, .. }, .. }, _)) => {
            GatewayError::Refused(Refusal { retry_after: Some(wait), ..refusal }, model)
        }
        (_, error) => error,
    }
}

/// No answer came. What was never sent costs nothing.
fn unanswered(reservation: Reservation, error: GatewayError) -> GatewayError {
    if !matches!(&error, GatewayError::Upstream(error) if error.may_be_sent()) {
        reservation.settle(Spent::Nothing);
    }
    error
}
