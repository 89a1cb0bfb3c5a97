//! The end of a request, seen exactly once.
//!
//! A [`Settlement`] is made when a request begins and settles when it is dropped, so there is no
//! way out (finished, refused, caller gone, panic, shutdown) that counts twice or not at all.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::time::Instant;

use super::entry::{Entry, millis};
use super::estimated::Estimated;
pub use super::paid::{Growth, Paid};
use super::usage::{Certainty, Usage};
use crate::ledger::{Flags, Id};
use crate::quota::Reservation;
use crate::quota::ask::Spent;
use crate::quota::budget::{Amount, Exceeded};
use crate::quota::metric::{Amounts, Metric};
use crate::quota::money::Money;
use crate::quota::view::Left;
use crate::telemetry::metrics::{Metrics, Observation};
use crate::telemetry::summary::Summary;
use crate::telemetry::trace::RequestTrace;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The caller got a whole answer.
    Complete,
    /// The caller got an error object.
    Refused,
    /// The caller went away.
    CallerGone,
    /// The answer broke off in the middle, and the caller was told.
    Broken,
}

impl Outcome {
    /// The closed-set label for logs and the ledger.
    pub fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Refused => "refused",
            Self::CallerGone => "caller_gone",
            Self::Broken => "broken",
        }
    }
}

/// Status of a request whose caller left before it had an answer (nginx's number for it).
const CALLER_GONE: u16 = 499;

/// What is to be settled, growing while the request goes its way.
pub struct Settlement {
    metrics: Arc<Metrics>,
    in_flight: IntGauge,
    started: Instant,
    first_byte: Option<Instant>,
    /// When it was over.
    ended: Option<Instant>,
    /// Id of the request, also sent to the caller.
    pub request_id: Id,
    /// Route template.
    pub route: &'static str,
    /// Name of the virtual key; empty until it is known.
    pub key: Arc<str>,
    /// Model called upstream; empty where there is none.
    pub model: Arc<str>,
    /// Status sent to the caller.
    pub status: u16,
    /// Tries it took.
    pub attempts: u32,
    /// The upstream's id of the request, for its support.
    pub trace_id: Option<Id>,
    /// What went wrong, of the closed sets in `telemetry::metrics`; `None` where nothing did, or nobody knows.
    pub error: Option<&'static str>,
    /// Its span.
    pub trace: RequestTrace,
    /// What was used.
    pub usage: Usage,
    /// How it ended; until told otherwise, by the caller leaving.
    pub outcome: Outcome,
    /// What it holds of the quota, given up when this is dropped.
    pub reservation: Option<Reservation>,
    /// What it holds of budgets, settled when this is dropped.
    pub paid: Option<Box<Paid>>,
    /// How long it stood in line.
    pub waited: Duration,
    /// What was thought of its size.
    pub estimated: Option<Box<Estimated>>,
    /// Its row in the ledger, once it is known who calls.
    pub entry: Option<Entry>,
    /// Whether somebody else writes what is put down in the end.
    pub(super) is_together: bool,
    /// Whether a head with status 200 went out before there was an answer; what came of it later is a matter of the
    /// body then.
    pub head_sent: Option<Arc<AtomicBool>>,
}

impl fmt::Debug for Settlement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Settlement").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

impl Settlement {
    /// A request has begun.
    pub fn begin(metrics: &Arc<Metrics>, route: &'static str, request_id: Id) -> Self {
        let in_flight = metrics.in_flight(route);
        in_flight.inc();
        Self {
            metrics: metrics.clone(),
            in_flight,
            started: Instant::now(),
            first_byte: None,
            ended: None,
            request_id,
            route,
            key: Arc::default(),
            model: Arc::default(),
            status: CALLER_GONE,
            attempts: 0,
            trace_id: None,
            error: None,
            trace: RequestTrace::default(),
            usage: Usage::default(),
            outcome: Outcome::CallerGone,
            reservation: None,
            paid: None,
            waited: Duration::ZERO,
            estimated: None,
            entry: None,
            is_together: false,
            head_sent: None,
        }
    }

    /// When the request began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How long it took, or has taken so far.
    pub(super) fn took(&self) -> Duration {
        self.ended.unwrap_or_else(Instant::now) - self.started
    }

    /// How long the request stood in line (milliseconds).
    pub fn waited_millis(&self) -> u64 {
        millis(self.waited)
    }

    /// The first byte of a streamed answer is on its way to the caller.
    pub fn first_byte(&mut self) {
        self.first_byte.get_or_insert_with(Instant::now);
    }

    /// A request was let in.
    pub fn admitted(&self, reservation: &Reservation) {
        let quota = &self.metrics.quota;
        quota.admitted(reservation.waited(), reservation.waited_for().label());
        reservation.spared().into_iter().for_each(|metric| quota.avoided(metric.key()));
    }

    /// The upstream refused a request for `metric`.
    pub fn limited(&self, metric: Option<Metric>, is_predicted: bool) {
        self.metrics.quota.refused(metric.map_or("unknown", Metric::key), is_predicted);
    }

    /// The upstream failed; `cause` as in `telemetry::metrics::UPSTREAM_CAUSES`.
    pub fn upstream_error(&self, cause: &'static str) {
        self.metrics.upstream_error(cause);
    }

    /// An answer came from a model that was called by this right, one of `telemetry::metrics::policy::CHOICES`.
    pub fn chosen(&self, choice: &'static str) {
        self.metrics.policy.chosen(choice);
    }

    /// The model failed for `cause`, one of `telemetry::metrics::policy::FALLBACK_CAUSES`, and has cost nothing but the
    /// request: what it holds is given up, and another one is called.
    pub fn fall_back(&mut self, cause: &'static str) {
        self.metrics.policy.fell_back(cause);
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(Spent::Exactly(Amounts::default()));
        }
        if let Some(paid) = self.paid.take() {
            paid.hold.settle(Amount::ZERO);
        }
        self.estimated = None;
        self.trace.turn(cause);
        self.entry.iter_mut().for_each(Entry::turn);
    }

    /// The answer was read on after its caller had left.
    pub(super) fn drained(&mut self) -> Outcome {
        self.entry.iter_mut().for_each(|entry| entry.flags.set(Flags::DRAINED));
        Outcome::CallerGone
    }

    /// So many tokens of a streamed answer have come: what is held of the quota for the rest is thought about again, and
    /// more of the budgets is held where that was not enough.
    ///
    /// # Errors
    /// [`Exceeded`] when a budget has no room for more: the answer has to end.
    pub fn progress(&mut self, tokens: u64) -> Result<(), Exceeded> {
        self.think_again(tokens);
        let Some(paid) = &mut self.paid else { return Ok(()) };
        let held = paid.hold.amount();
        let grown = paid.grow(tokens);
        if paid.hold.amount() != held {
            self.write_again();
        }
        grown.inspect_err(|exceeded| self.exceeded(exceeded))
    }

    /// A budget had no room for the request, or for the rest of its answer.
    pub fn exceeded(&self, exceeded: &Exceeded) {
        let Exceeded { scope, period, unit, .. } = exceeded;
        self.metrics.budgets.refused(scope.label(), period.label(), unit.label());
    }

    fn think_again(&mut self, tokens: u64) {
        let (Some(estimated), Some(reservation)) = (&mut self.estimated, &self.reservation) else { return };
        if let Some(guess) = estimated.think_again(&self.model, &self.key, tokens) {
            reservation.revise(guess);
        }
    }

    /// Compares what was thought of the request's size with what came. Time in line is not time it took.
    fn learn(&self) {
        let Some(estimated) = self.estimated.as_ref().filter(|_| self.outcome == Outcome::Complete) else { return };
        let first = self.first_byte.map(|at| (at - self.started).saturating_sub(self.waited));
        let total = self.took().saturating_sub(self.waited);
        let errors = estimated.learn(&self.model, &self.key, &self.usage, first, total);
        for (kind, error) in [("prompt", errors.prompt), ("output", errors.output)] {
            error.into_iter().for_each(|error| self.metrics.quota.estimated(kind, error));
        }
    }

    /// What the caller saw counts.
    fn remember_head(&mut self) {
        if self.head_sent.take().is_some_and(|sent| sent.load(Ordering::Relaxed)) {
            self.status = 200;
            if self.outcome == Outcome::Refused {
                self.outcome = Outcome::Broken;
            }
        }
    }

    /// How long its caller waited for the first byte of a streamed answer.
    pub(super) fn first_byte_after(&self) -> Option<Duration> {
        self.first_byte.map(|at| at - self.started)
    }

    fn observe(&self, (team, cost, is_sent): (Arc<str>, Option<Money>, bool)) {
        let first = self.first_byte_after();
        let tokens = self.usage.tokens;
        self.metrics.observe(&Observation {
            route: self.route,
            key: &self.key,
            team: &team,
            model: &self.model,
            status: self.status,
            duration: self.took(),
            waited: self.waited,
            first_token: first,
            tokens: [tokens.input, tokens.output, tokens.cached, tokens.reasoning],
            certainty: self.usage.certainty.label(),
            cost_cny: cost.map(cny),
            is_sent,
        });
        // One with an error in its head counts by that.
        if self.outcome == Outcome::Broken && self.status < 400 {
            self.metrics.broke(&self.model);
        }
    }

    /// The request is over for the quota: nothing is held any more, and this is left of each of `metrics`; `None` where nothing
    /// was held.
    pub fn settle_quota<const N: usize>(&mut self, metrics: [Metric; N]) -> Option<[Option<Left>; N]> {
        let ended = *self.ended.get_or_insert_with(Instant::now);
        let reservation = self.reservation.take()?;
        Some(reservation.settle_at(ended, self.spent(), metrics))
    }

    /// What the quota is told: a request that was sent and refused is still a request.
    fn spent(&self) -> Spent {
        let tokens = self.usage.tokens;
        let amounts =
            Amounts { requests: 1, tokens: tokens.input.saturating_add(tokens.output), images: self.usage.images };
        match self.usage.certainty {
            Certainty::Exact => Spent::Exactly(amounts),
            Certainty::Nothing => Spent::Exactly(Amounts::default()),
            Certainty::AtLeast => Spent::AtLeast(amounts),
            Certainty::Estimated | Certainty::Unknown => Spent::Unknown,
        }
    }

    /// Ends its span, and writes its line.
    fn tell(&mut self, entry: Option<&Entry>, (team, cost, _): &(Arc<str>, Option<Money>, bool)) {
        let mut trace = std::mem::take(&mut self.trace);
        let tokens = self.usage.tokens;
        let summary = Summary {
            request_id: &self.request_id,
            route: self.route,
            key: &self.key,
            team,
            asked: entry.map_or("", |entry| &entry.asked),
            model: &self.model,
            right: entry.map_or("", |entry| entry.right),
            edits: entry.map_or(&[], |entry| &entry.edits),
            status: self.status,
            outcome: self.outcome.label(),
            error: self.error,
            took_ms: millis(self.took()),
            first_ms: self.first_byte_after().map(millis),
            waited_ms: self.waited_millis(),
            attempts: self.attempts,
            tokens: [tokens.input, tokens.output, tokens.cached, tokens.reasoning],
            certainty: self.usage.certainty.label(),
            cost_cny: cost.map(cny),
            upstream_id: self.trace_id.as_deref(),
            trace_id: trace.id(),
        };
        trace.end(&summary);
        summary.log();
    }
}

/// An amount for those who show it; sums are made of whole numbers.
fn cny(cost: Money) -> f64 {
    cost.picos_cny() as f64 / 1e12
}

impl Drop for Settlement {
    fn drop(&mut self) {
        self.in_flight.dec();
        self.ended.get_or_insert_with(Instant::now);
        self.learn();
        let _nobody_asks = self.settle_quota([]);
        self.conclude();
        self.remember_head();
        let billed = self.billed();
        let entry = self.enter();
        self.tell(entry.as_ref(), &billed);
        self.observe(billed);
    }
}
