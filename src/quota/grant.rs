//! A request that was let in, until it is settled: by word, or by being dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::ask::{Guess, Spent};
use super::fair::Flow;
use super::lane::Lane;
use super::meter::Taken;
use super::metric::{Amounts, Metric};
use super::moment::Now;
use super::record::{Event, RecordRef};
use super::view::Left;

/// What its lane has to know of it again.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) id: u64,
    pub(super) taken: Taken,
    /// Whose it is, and what it weighed between keys; nothing in a key's own lane, where there are no others.
    pub(super) share: Option<(Flow, f64)>,
    /// What counted of each metric when it was let in, itself included.
    pub(super) levels: [u64; 7],
    /// Whether there are limits that it counts for.
    pub(super) is_recorded: bool,
    /// Whether it tries more than was ever let through.
    pub(super) is_trial: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Grant {
    lane: Arc<Lane>,
    admitted: Admitted,
    /// How long it stood in line.
    pub(super) waited: Duration,
    /// What for, if it had to.
    pub(super) blocked: Option<Metric>,
    is_sent: AtomicBool,
    is_open: bool,
}

impl Grant {
    pub(super) fn new(lane: Arc<Lane>, admitted: Admitted, blocked: Option<Metric>) -> Box<Self> {
        let (waited, is_sent) = (Duration::ZERO, AtomicBool::new(false));
        Box::new(Self { lane, admitted, waited, blocked, is_sent, is_open: true })
    }

    pub(super) fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// It is thought now that it will need so many tokens.
    pub(super) fn revise(&self, tokens: Guess) {
        self.lane.with(|state| state.revise(self.admitted.id, tokens));
    }

    /// From now on the upstream may have seen it.
    pub(super) fn sent(&self) {
        self.is_sent.store(true, Ordering::Relaxed);
    }

    /// The upstream has let it in, and may be answering for a long time yet.
    pub(super) fn accepted(&self) {
        // Of the others there is nothing to learn before their end.
        if self.admitted.is_trial {
            self.lane.accepted(&self.admitted);
        }
    }

    /// It goes upstream once more, which counts there as another request.
    pub(super) fn again(&self) {
        let now = self.lane.hub.now();
        self.lane.with(|state| state.meter.charge(now, Amounts { requests: 1, ..Amounts::default() }));
    }

    /// Its end, to be written down, and what is left of each of `metrics` then.
    pub(super) fn settle<const N: usize>(
        &mut self,
        spent: Spent,
        now: Now,
        metrics: [Metric; N],
    ) -> (Option<Note<'_>>, [Option<Left>; N]) {
        self.is_open = false;
        let (event, left) = self.lane.settle(&self.admitted, spent, now, metrics);
        (self.note(event), left)
    }

    /// Its beginning, to be written down before it is sent.
    pub(super) fn taken(&self) -> Option<Note<'_>> {
        self.note(Event::Took { id: self.admitted.id, taken: self.admitted.taken })
    }

    fn note(&self, event: Event) -> Option<Note<'_>> {
        self.admitted.is_recorded.then(|| Note { lane: &self.lane, event })
    }

    /// The upstream refused it.
    pub(super) fn refused(&mut self, metric: Option<Metric>, retry_after: Option<Duration>) -> bool {
        self.is_open = false;
        self.lane.refused(&self.admitted, metric, retry_after)
    }

    /// Settled by whoever holds the lane; its number.
    pub(super) fn disarm(&mut self) -> u64 {
        self.is_open = false;
        self.admitted.id
    }
}

/// What is to be written down of a request in one lane.
pub(super) struct Note<'a> {
    lane: &'a Lane,
    event: Event,
}

impl Note<'_> {
    /// Writes down what happened to a request in its key's lane and in its model's: one record, where it was the same.
    pub(super) fn write_all(own: Option<Self>, model: Option<Self>) {
        let (Some(own), Some(model)) = (&own, &model) else {
            return own.iter().chain(&model).for_each(|only| only.lane.write_down(&only.event));
        };
        let (hub, names) = (&model.lane.hub, [&*own.lane.name, &*model.lane.name]);
        if own.event == model.event {
            return hub.record(&[RecordRef { lanes: &names, event: &own.event }]);
        }
        let [own, model] = [(own, &names[..1]), (model, &names[1..])];
        hub.record(&[own, model].map(|(note, lanes)| RecordRef { lanes, event: &note.event }));
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if self.is_open {
            let is_sent = self.is_sent.load(Ordering::Relaxed);
            let spent = if is_sent { Spent::Unknown } else { Spent::Nothing };
            let (event, []) = self.lane.settle(&self.admitted, spent, self.lane.hub.now(), []);
            self.lane.record(event);
        }
    }
}
