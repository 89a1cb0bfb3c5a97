//! What a request holds of its key's limits and of its model's, settled together.

use std::time::Duration;

use tokio::time::Instant;

use super::ask::{Guess, Spent};
use super::grant::{Grant, Note};
use super::metric::Metric;
use super::view::Left;

/// What a request waited for before it was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitedFor {
    /// Nothing: it was let in at once.
    Nothing,
    /// A limit of its key, or one of the key's other requests to end.
    Key,
    /// This limit of the model.
    Limit(Metric),
    /// Its turn, or the right moment: by the limits alone it would have fitted.
    Turn,
}

impl WaitedFor {
    /// The word for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Key => "key",
            Self::Limit(metric) => metric.key(),
            Self::Turn => "turn",
        }
    }
}

/// See the module. Dropped without a word it is settled as unknown if it was sent, else given back.
#[derive(Debug)]
pub struct Reservation {
    own: Option<Box<Grant>>,
    model: Box<Grant>,
}

impl Reservation {
    /// What was taken is written down before anything is sent.
    pub(super) fn new(own: Option<Box<Grant>>, model: Box<Grant>) -> Self {
        Note::write_all(own.as_ref().and_then(|own| own.taken()), model.taken());
        Self { own, model }
    }

    /// What the request waited for; if there were two, what it waited for longer.
    pub fn waited_for(&self) -> WaitedFor {
        match self.model.blocked {
            _ if self.waited().is_zero() => WaitedFor::Nothing,
            _ if self.waited_at_key() > self.model.waited => WaitedFor::Key,
            Some(metric) => WaitedFor::Limit(metric),
            None => WaitedFor::Turn,
        }
    }

    /// The limit that the upstream would have refused it for, had it not waited.
    pub fn spared(&self) -> Option<Metric> {
        self.model.blocked
    }

    /// How long the request stood in line.
    pub fn waited(&self) -> Duration {
        self.waited_at_key() + self.model.waited
    }

    fn waited_at_key(&self) -> Duration {
        self.own.as_ref().map_or(Duration::ZERO, |own| own.waited)
    }

    fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.own.as_deref().into_iter().chain([&*self.model])
    }

    /// It is thought now that it will need so many tokens in all.
    pub fn revise(&self, tokens: Guess) {
        self.grants().for_each(|grant| grant.revise(tokens));
    }

    /// From now on the upstream may have seen the request.
    pub fn sent(&self) {
        self.grants().for_each(Grant::sent);
    }

    /// The upstream has begun to answer: it was not refused.
    pub fn accepted(&self) {
        self.model.accepted();
    }

    /// The request goes upstream once more, which counts there as another one.
    pub fn again(&self) {
        self.model.again();
    }

    /// Its end.
    pub fn settle(self, spent: Spent) {
        let [] = self.settle_at(Instant::now(), spent, []);
    }

    /// Its end at `ended`, and what is left of each of `metrics` then, as [`Self::left`] tells it.
    pub fn settle_at<const N: usize>(
        mut self,
        ended: Instant,
        spent: Spent,
        metrics: [Metric; N],
    ) -> [Option<Left>; N] {
        let now = self.model.lane().hub.clock().at(ended);
        let own = self.own.as_mut().map(|own| own.settle(spent, now, metrics));
        let (own, owns) = own.unwrap_or((None, [None; N]));
        let (model, models) = self.model.settle(spent, now, metrics);
        Note::write_all(own, model);
        Left::scarcer(owns, models)
    }

    /// The upstream refused it for `metric`, and said when to come again, if it said so. The key has used nothing by that.
    /// Whether by our own reckoning nothing was left either.
    pub fn refused(mut self, metric: Option<Metric>, retry_after: Option<Duration>) -> bool {
        let now = self.model.lane().hub.now();
        Note::write_all(self.own.as_mut().and_then(|own| own.settle(Spent::Nothing, now, []).0), None);
        self.model.refused(metric, retry_after)
    }

    /// What is left of each of `metrics`: of the key's own limit or of the model's, whichever is less.
    pub fn left<const N: usize>(&self, metrics: [Metric; N]) -> [Option<Left>; N] {
        let now = self.model.lane().hub.now();
        let left = self.model.lane().left(metrics, now);
        self.own.iter().fold(left, |left, own| Left::scarcer(own.lane().left(metrics, now), left))
    }
}
