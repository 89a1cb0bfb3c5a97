//! Uploads wait for their turn too. Their model stands in the form, so the form goes upstream until the model was seen,
//! or there is none; then it is held back until the request is let in. The upstream never has all of a form before.

use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::admission::{LimitsOf, Reserved};
use super::answers;
use super::error::GatewayError;
use super::exchange::Exchange;
use crate::catalog::plan::Candidate;
use crate::quota::ask::Ask;
use crate::quota::{AccountQuota, Reservation};
use crate::relay::settle::Paid;
use crate::upstream::{KeyLease, RequestBody};

/// The upload's side: closed from when its model is known until it is let in.
pub(super) struct Gate {
    known: Option<oneshot::Sender<()>>,
    open: oneshot::Receiver<()>,
    is_open: bool,
}

/// The request's side.
pub(super) struct Turn {
    known: oneshot::Receiver<()>,
    open: oneshot::Sender<()>,
}

/// Both sides.
pub(super) fn turn() -> (Gate, Turn) {
    let (known, is_known) = oneshot::channel();
    let (open, is_open) = oneshot::channel();
    (Gate { known: Some(known), open: is_open, is_open: false }, Turn { known: is_known, open })
}

impl Gate {
    /// The model was seen, or it never will be: the gate closes.
    pub(super) fn close(&mut self) {
        if let Some(known) = self.known.take() {
            let _nobody_waits = known.send(());
        }
    }

    /// Ready when the form may go on; with `false` when it never will.
    pub(super) fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.known.is_none() && !self.is_open {
            self.is_open = ready!(Pin::new(&mut self.open).poll(context)).is_ok();
            return Poll::Ready(self.is_open);
        }
        Poll::Ready(true)
    }
}

impl Exchange {
    /// Steps 6 to 9 for an upload, whose model will be in `seen` when the gate of `turn` closes. It is sent once: a
    /// refusal goes to the caller, and teaches the quota all the same.
    pub(super) async fn call_at_turn(
        &self,
        body: RequestBody,
        turn: Turn,
        seen: &OnceLock<Candidate>,
    ) -> Result<Reserved, GatewayError> {
        let lease = self.snapshot.upstream.leases(Instant::now()).next();
        let account = lease.as_ref().and_then(|lease| self.snapshot.quota.account(lease.account().name()));
        let mut calling = pin!(self.send(self.method.clone(), &self.target.path, body, lease.clone(), None));
        let mut admitting = pin!(self.admit_upload(turn, lease.as_ref(), account, seen));
        let ((mut reservation, mut paid), mut is_let_in) = ((None, None), false);
        let answer = loop {
            tokio::select! {
                answer = &mut calling => break answer?,
                admitted = &mut admitting, if !is_let_in => ((reservation, paid), is_let_in) = (admitted?, true),
            }
        };
        let waited = reservation.as_ref().map_or(Duration::ZERO, Reservation::waited);
        match (reservation, account) {
            (Some(reservation), Some((account, _))) if answer.response.status() == StatusCode::TOO_MANY_REQUESTS => {
                let refusal = answers::refusal(self, answer).await;
                self.learn(reservation, &refusal, account.is_governed);
                Err(GatewayError::Refused(refusal, name(seen).to_owned()))
            }
            (reservation, _) => Ok(Reserved { answer, reservation, waited, paid }),
        }
    }

    /// Step 6, once the gate has closed; then opens it. Nothing is reserved with an account that has no quota. Budgets are
    /// looked at before; what they hold of a form is nothing, so it need not be said that it was sent.
    async fn admit_upload(
        &self,
        turn: Turn,
        lease: Option<&KeyLease>,
        account: Option<&(AccountQuota, LimitsOf)>,
        seen: &OnceLock<Candidate>,
    ) -> Result<(Option<Reservation>, Option<Box<Paid>>), GatewayError> {
        if turn.known.await.is_err() {
            // It broke off before that, which the call will tell.
            return std::future::pending().await;
        }
        let paid = match seen.get() {
            Some(Candidate { model, right, facts, .. }) => {
                self.hold_form(&model.id, *right, facts, account.map(|(account, _)| &account.name))?
            }
            None => None,
        };
        let reservation = match account {
            Some(account) => {
                let waits = self.settlement.trace.waits(name(seen));
                let reservation =
                    self.enter(account, name(seen), &Ask::default(), Instant::now(), self.patience).await?;
                waits.admitted(!reservation.waited().is_zero(), reservation.waited_for().label());
                Some(reservation)
            }
            None => None,
        };
        if let Some(lease) = lease {
            self.sent(lease.account(), name(seen)).await?;
        }
        if let Some(reservation) = &reservation {
            self.settlement.admitted(reservation);
            // A caller who leaves from now on may leave something running upstream.
            reservation.sent();
        }
        let _given_up = turn.open.send(());
        Ok((reservation, paid))
    }
}

/// The model in the form; empty when it names none.
fn name(seen: &OnceLock<Candidate>) -> &str {
    seen.get().map_or("", |candidate| &candidate.model.id)
}
