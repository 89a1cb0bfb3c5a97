//! What a request holds of its key's limits and of its model's, settled together.

use std::sync::Arc;
use std::time::Duration;

use super::ask::{Guess, Spent};
use super::grant::Grant;
use super::lane::Lane;
use super::metric::Metric;
use super::record::{Event, RecordRef};
use super::view::Left;

/// See the module. Dropped without a word it is settled as unknown if it was sent, else given back.
#[derive(Debug)]
pub struct Reservation {
    own: Option<Grant>,
    model: Grant,
    waited: Duration,
}

/// Writes events of one request down together: one write costs less than two.
fn write_down(events: &[(Arc<Lane>, Event)]) {
    let records: Vec<RecordRef<'_>> = events
        .iter()
        .filter(|(lane, _)| lane.is_recorded())
        .map(|(lane, event)| RecordRef { lane: &lane.name, event })
        .collect();
    if let Some((lane, _)) = events.first().filter(|_| !records.is_empty()) {
        lane.hub.record(&records);
    }
}

impl Reservation {
    /// What was taken is written down before anything is sent.
    pub(super) fn new(own: Option<Grant>, model: Grant, waited: Duration) -> Self {
        let reservation = Self { own, model, waited };
        write_down(&reservation.grants().map(|grant| (grant.lane().clone(), grant.taken())).collect::<Vec<_>>());
        reservation
    }

    /// What the request waited for, if it had to.
    pub fn waited_for(&self) -> Option<Metric> {
        self.grants().find_map(|grant| grant.blocked)
    }

    /// How long the request stood in line.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.own.iter().chain([&self.model])
    }

    /// It is thought now that it will need so many tokens in all.
    pub fn revise(&self, tokens: Guess) {
        self.grants().for_each(|grant| grant.revise(tokens));
    }

    /// From now on the upstream may have seen the request.
    pub fn sent(&self) {
        self.grants().for_each(Grant::sent);
    }

    /// The request goes upstream once more, which counts there as another one.
    pub fn again(&self) {
        self.model.again();
    }

    /// Its end.
    pub fn settle(self, spent: Spent) {
        let ended: Vec<_> = self.own.into_iter().chain([self.model]).map(|grant| grant.settle(spent)).collect();
        write_down(&ended);
    }

    /// The upstream refused it for `metric`, and said when to come again, if it said so. The key has used nothing by that.
    /// Whether by our own reckoning nothing was left either.
    pub fn refused(self, metric: Option<Metric>, retry_after: Option<Duration>) -> bool {
        write_down(&self.own.into_iter().map(|grant| grant.settle(Spent::Nothing)).collect::<Vec<_>>());
        self.model.refused(metric, retry_after)
    }

    /// What is left of `metric`: of the key's own limit or of the model's, whichever is less.
    pub fn left(&self, metric: Metric) -> Option<Left> {
        self.grants().fold(None, |left, grant| Left::scarcer(left, grant.lane().left(metric)))
    }
}
