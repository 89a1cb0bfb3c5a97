//! The way of a request along the models that may be called for it: weighed before it stands in line, and on to the next
//! one of a declared list when a model fails before its first byte. One is called at a time; nothing is raced.
//!
//! Most requests may call one model only: then nothing here is done but to call it.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::answers::{self, Answered, Expected};
use super::bill::Wanted;
use super::error::GatewayError;
use super::estimate::{self, Size};
use super::exchange::Exchange;
use super::head::RequestHead;
use super::rewrite::Rewrite;
use super::{conversation, cost, embeddings};
use crate::bridge::pictures::Drawing;
use crate::catalog::plan::{Candidate, Plan};
use crate::catalog::policy::ThinkingRule;
use crate::quota::ask::Ask;
use crate::quota::budget::Amount;
use crate::quota::sticky::Conversation;
use crate::quota::{AdmitError, Refused};
use crate::upstream::refusal::Cause;
use crate::upstream::{RequestBody, UpstreamError};

impl Exchange {
    /// Steps 5 to 10 for a JSON body: along `plan` until a model answers.
    pub(super) async fn along(
        &mut self,
        plan: Plan,
        head: &RequestHead<'_>,
        body: &Bytes,
    ) -> Result<Answered, GatewayError> {
        if plan.rest.is_empty() {
            return self.candidate(plan.first, head, body, false).await;
        }
        let walk = Walk::new(self, plan, head);
        // Few requests have a choice: theirs is kept apart, so that the usual one stays small.
        Box::pin(walk.run(self, body)).await
    }

    /// Step 5 for one model: what is sent to it, what that may cost, and what is held for it.
    fn prepare(
        &mut self,
        candidate: Candidate,
        head: &RequestHead<'_>,
        body: &Bytes,
        is_fallback: bool,
    ) -> Result<Prepared, GatewayError> {
        let route = self.target.route;
        let Candidate { model, right, facts, .. } = candidate;
        let mut rewrite = Rewrite::plan(route, head, &model);
        // Anthropic's `thinking` is the upstream's own at its `/messages`.
        if route.is_chat() {
            // What a translation says of thinking, the caller has not written in these words.
            let rule = if self.back.is_some() { ThinkingRule::Drop } else { self.snapshot.policy.thinking };
            let thinking = rewrite.thinking(head, facts.thinking, rule);
            thinking.map_err(|field| GatewayError::Thinking(field, model.id.clone()))?;
        }
        let drawing = self.drawing(head, &model.id, &mut rewrite)?.map(Box::new);
        rewrite.names.extend(is_fallback.then_some("fallback"));
        rewrite.names.extend_from_slice(&self.edits);
        self.calls(model.id, right, facts.price.clone());
        let size = estimate::size(self, &self.settlement.model, head);
        let ask = size.as_ref().map(|size| size.ask);
        if let Some(entry) = &mut self.settlement.entry {
            entry.expected = cost::expected(ask.as_ref(), route, head, &self.settlement.model);
        }
        if self.settlement.paid.is_none() && self.is_budgeted(right) && !self.settlement.model.is_empty() {
            let (model, size) = (&*self.settlement.model, size.as_ref());
            let wanted = Wanted { model, right, facts: &facts, head, size, ask: ask.unwrap_or_default() };
            self.settlement.paid = Some(self.hold(&wanted)?);
        }
        self.settlement.estimated = size.and_then(|size| size.estimated);
        Ok(Prepared { body: rewrite.apply(body), edits: rewrite.names, ask, drawing })
    }

    /// Steps 5 to 10 with one model: estimate, admit, choose key, rewrite, call, read.
    async fn candidate(
        &mut self,
        candidate: Candidate,
        head: &RequestHead<'_>,
        body: &Bytes,
        is_fallback: bool,
    ) -> Result<Answered, GatewayError> {
        let Prepared { body, edits, ask, drawing } = self.prepare(candidate, head, body, is_fallback)?;
        if let Some(drawing) = drawing {
            return Box::pin(self.draw(*drawing, body, edits, ask)).await;
        }
        if let Some(batch) = embeddings::Batch::of(self.target.route, head) {
            let answered = batch.run(self, body, edits).await?;
            self.settlement.chosen(self.right.label());
            return Ok(answered);
        }
        let expected = Expected { is_streaming: head.is_streaming, is_usage_asked: head.is_usage_asked(), edits };
        let suspect = embeddings::suspect(self.target.route, head);
        let answer = self.call(RequestBody::Full(body), ask.as_ref()).await?;
        let answered = answers::read(self, answer, expected).await;
        answered.map_err(|error| embeddings::name_suspect(error, suspect))
    }
}

/// A request as it goes to one model. What is only needed to get there is not kept while the answer is waited for: every
/// request would carry it along.
struct Prepared {
    body: Bytes,
    /// What was changed in it, by name.
    edits: Vec<&'static str>,
    /// What it may need; `None` where nothing limits it.
    ask: Option<Ask>,
    /// The pictures that it is for.
    drawing: Option<Box<Drawing>>,
}

/// A request that has a choice.
pub(super) struct Walk<'a> {
    pub(super) candidates: Vec<Candidate>,
    /// What each of those that are weighed would need.
    pub(super) sizes: Vec<Size>,
    /// In how many calls it goes, for which it stands in line one by one.
    pub(super) parts: usize,
    /// Those that are out of the question by now.
    pub(super) is_out: Vec<bool>,
    /// Whether it gives up at once where it is not let in at once.
    pub(super) is_trying: bool,
    /// How often it had to.
    pub(super) misses: u32,
    pub(super) conversation: Option<Conversation>,
    /// How long it may stand in line, all together.
    patience: Duration,
    pub(super) head: &'a RequestHead<'a>,
}

impl<'a> Walk<'a> {
    fn new(exchange: &Exchange, plan: Plan, head: &'a RequestHead<'a>) -> Self {
        let Plan { first, rest } = plan;
        let candidates: Vec<Candidate> = std::iter::once(first).chain(rest).collect();
        let weighed = candidates.iter().take_while(|candidate| candidate.is_weighed());
        // One alone has nothing to be weighed against.
        let weighed = match weighed.count() {
            ..2 => 0,
            count => count,
        };
        let size = |candidate: &Candidate| estimate::of(exchange, &candidate.model.id, head);
        let is_sticky = weighed > 0 && !exchange.snapshot.policy.spill.sticky.is_zero();
        Self {
            sizes: candidates.iter().take(weighed).map(size).collect(),
            parts: embeddings::Batch::of(exchange.target.route, head).map_or(1, |batch| batch.parts()),
            is_out: vec![false; candidates.len()],
            is_trying: false,
            misses: 0,
            conversation: if is_sticky { conversation::of(exchange, head) } else { None },
            patience: exchange.patience,
            candidates,
            head,
        }
    }

    async fn run(mut self, exchange: &mut Exchange, body: &Bytes) -> Result<Answered, GatewayError> {
        let (mut at, mut is_fallback) = (self.choose(exchange, false), false);
        loop {
            let began = Instant::now();
            let called = exchange.candidate(self.candidates[at].clone(), self.head, body, is_fallback).await;
            let was_weighed = exchange.weigh_at.take().is_some();
            let next = match &called {
                Ok(_) if is_fallback => None,
                Ok(_) => {
                    self.remember(exchange, at);
                    None
                }
                Err(error) if was_weighed && has_to_wait(error) => self.again(exchange, at, error, began),
                Err(error) => self.after(exchange, at, error).inspect(|_| is_fallback = true),
            };
            let Some(next) = next else { return called };
            exchange.patience = self.patience.saturating_sub(exchange.settlement.waited);
            at = next;
        }
    }

    /// The one at `at` was not let in for as long as nothing else was weighed, or the upstream sent it away: which one it
    /// is now.
    fn again(&mut self, exchange: &mut Exchange, at: usize, error: &GatewayError, began: Instant) -> Option<usize> {
        exchange.settlement.waited += began.elapsed();
        // Whatever it was, it has cost nothing.
        if let Some(paid) = exchange.settlement.paid.take() {
            paid.hold.settle(Amount::ZERO);
        }
        // Where no limits are kept, nobody knows when it may come again.
        let is_blind = matches!(error, GatewayError::Refused(..)) && !exchange.is_governed();
        self.is_out[at] = can_never_start(error) || is_blind;
        self.misses += u32::from(self.is_trying);
        let next = self.choose(exchange, !self.is_trying);
        Some(next).filter(|next| !self.is_out[*next])
    }

    /// The next one of the declared list, if there is one for what went wrong with the one at `at`.
    fn after(&mut self, exchange: &mut Exchange, at: usize, error: &GatewayError) -> Option<usize> {
        let cause = fallback_cause(error).filter(|_| self.parts == 1)?;
        // What the failed one holds is given up only if there is another.
        let kept = exchange.settlement.paid.take();
        let is_next = |index: &usize| self.candidates[*index].is_fallback() && self.hold(exchange, *index);
        let next = (at + 1..self.candidates.len()).find(is_next);
        let held = std::mem::replace(&mut exchange.settlement.paid, kept);
        if next.is_some() {
            exchange.settlement.fall_back(cause);
            exchange.settlement.paid = held;
            exchange.settlement.upstream_error(error.view().label);
        }
        next
    }

    /// A conversation stays where it was served.
    fn remember(&self, exchange: &Exchange, at: usize) {
        let Some(conversation) = self.conversation else { return };
        exchange.snapshot.quota.sticky.stay(conversation, at, exchange.snapshot.policy.spill.sticky);
    }
}

/// Whether another model could start earlier than the one that answered so.
fn has_to_wait(error: &GatewayError) -> bool {
    match error {
        GatewayError::Quota(error, _) => !error.is_own,
        GatewayError::Refused(refusal, _) => matches!(refusal.cause, Cause::RateLimit(_)),
        _ => false,
    }
}

fn can_never_start(error: &GatewayError) -> bool {
    matches!(error, GatewayError::Quota(AdmitError { refused: Refused::Never { .. }, .. }, _))
}

/// Why a model failed, if another one may be called for that; one of `telemetry::metrics::policy::FALLBACK_CAUSES`.
fn fallback_cause(error: &GatewayError) -> Option<&'static str> {
    match error {
        GatewayError::Budget(_) | GatewayError::Unpriced(..) => Some("budget"),
        GatewayError::Upstream(UpstreamError::ModelBusy(..)) => Some("busy"),
        GatewayError::Refused(refusal, _) => match refusal.cause {
            Cause::Busy => Some("busy"),
            Cause::ModelUnknown | Cause::ModelDisabled => Some("withdrawn"),
            Cause::ContextTooLong => Some("context"),
            _ => None,
        },
        _ => None,
    }
}
