//! Every lane of the gateway, and the way through them: a key's own limits first, then the model's.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::ask::Ask;
use super::ask::Spent;
use super::fair::Flow;
use super::grant::Grant;
use super::hub::{Hub, Recorder};
use super::lane::{Lane, QueueSettings, Refused};
use super::lanes::{Lanes, Way};
use super::limits::Limits;
use super::meter::MeterSettings;
use super::metric::Metric;
use super::moment::{Clock, Now};
use super::record::{Event, Record};
use super::reservation::Reservation;
use super::rule::{Accounting, Charge, Rule};
use super::view::{LaneView, Left};

/// What an account may do, as far as quota goes.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountQuota {
    /// Its name, in the names of its lanes.
    pub name: Arc<str>,
    /// How the upstream counts for it.
    pub meter: MeterSettings,
    /// Whether its limits are kept; if not, requests wait for their key's limits alone, and nothing is learned.
    pub is_governed: bool,
}

/// What a key may do, as far as quota goes.
#[derive(Debug, Clone, PartialEq)]
pub struct CallerQuota {
    /// Its name, weight and priority.
    pub flow: Flow,
    /// Its own limits.
    pub limits: Limits,
    /// Requests it may have under way.
    pub most_in_flight: Option<u64>,
    /// How long its requests may wait; `None` is as long as the gateway's.
    pub max_wait: Option<Duration>,
}

impl CallerQuota {
    /// A caller without limits of its own.
    pub fn open(name: Arc<str>) -> Self {
        let flow = Flow { name, weight: 1.0, priority: 0 };
        Self { flow, limits: Limits::default(), most_in_flight: None, max_wait: None }
    }

    /// Whether it has limits of its own.
    pub fn is_limited(&self) -> bool {
        !self.limits.is_empty() || self.most_in_flight.is_some()
    }
}

/// A request at the door.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The account's place in the list.
    pub account: &'a AccountQuota,
    /// The model that is called.
    pub model: &'a str,
    /// The model's limits for this account, before anything was learned.
    pub limits: &'a (dyn Fn() -> Limits + Sync),
    /// Who calls.
    pub caller: &'a CallerQuota,
    /// What it may need.
    pub ask: &'a Ask,
    /// When it came.
    pub came: Instant,
    /// How long it may wait.
    pub patience: Duration,
}

/// A request that was not let in, and by whose limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{refused:?}")]
pub struct AdmitError {
    /// Why.
    pub refused: Refused,
    /// Whether it is the key's own limit, not the model's.
    pub is_own: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Quota {
    hub: Arc<Hub>,
    lanes: Lanes,
    bounds: RwLock<QueueSettings>,
}

impl Quota {
    /// Quota that has counted nothing. `recorder` is told what has to survive a restart.
    pub fn new(clock: Clock, bounds: QueueSettings, recorder: Recorder) -> Arc<Self> {
        let hub = Arc::new(Hub::new(clock, recorder));
        Arc::new(Self { hub, lanes: Lanes::default(), bounds: RwLock::new(bounds) })
    }

    /// Wakes those who wait, for as long as it is polled. Without it nobody who waits for time to pass goes on.
    pub async fn keep_time(&self) {
        self.hub.keep_time().await;
    }

    /// Lets a request in, at once or when its turn has come. Dropping the future gives up its place.
    ///
    /// # Errors
    /// [`AdmitError`] when it would have to wait longer than it may.
    pub async fn admit(&self, request: Request<'_>) -> Result<Reservation, AdmitError> {
        let (id, began) = (self.hub.next_id(), self.hub.clock().at(request.came));
        let own = self.enter_own(id, &request, began).await?;
        let waited = own.as_ref().map_or(Duration::ZERO, |own| own.waited);
        // A look at the clock costs as much as many a step here.
        let now = if waited.is_zero() { began } else { self.hub.now() };
        let left = request.patience.saturating_sub(waited);
        let entered = self.model_lane(&request).enter(id, now, request.ask, &request.caller.flow, left).await;
        let model = entered.map_err(|refused| AdmitError { refused, is_own: false })?;
        Ok(Reservation::new(own, model))
    }

    async fn enter_own(&self, id: u64, request: &Request<'_>, now: Now) -> Result<Option<Box<Grant>>, AdmitError> {
        if !request.caller.is_limited() {
            return Ok(None);
        }
        let lane = self.caller_lane(request.caller);
        let entered = lane.enter(id, now, request.ask, &request.caller.flow, request.patience).await;
        entered.map(Some).map_err(|refused| AdmitError { refused, is_own: true })
    }

    fn model_lane(&self, request: &Request<'_>) -> Arc<Lane> {
        let way = Way::Model { account: &request.account.name, model: request.model };
        self.lanes.find(way).unwrap_or_else(|| self.open(way, request.account.meter, (request.limits)()))
    }

    /// How long `ask` would wait for `model` at `account` now.
    pub fn starts_in(&self, account: &AccountQuota, model: &str, ask: &Ask) -> Duration {
        let now = self.hub.now();
        let lane = self.lanes.find(Way::Model { account: &account.name, model });
        lane.map_or(Duration::ZERO, |lane| lane.with(|state| state.starts_at(now, ask)).since(now.at))
    }

    fn caller_lane(&self, caller: &CallerQuota) -> Arc<Lane> {
        let way = Way::Key(&caller.flow.name);
        if let Some(lane) = self.lanes.find(way) {
            return lane;
        }
        let lane = self.open(way, OWN_LIMITS, caller.limits);
        lane.configure(OWN_LIMITS, caller.limits, self.bounds(), caller.most_in_flight);
        lane
    }

    fn bounds(&self) -> QueueSettings {
        *self.bounds.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, way: Way<'_>, meter: MeterSettings, limits: Limits) -> Arc<Lane> {
        let make = |name| Lane::new(name, self.hub.clone(), meter, limits, self.bounds());
        self.lanes.open(way, self.hub.now(), make)
    }

    /// What is known of every lane, for people and metrics.
    pub fn view(&self) -> Vec<LaneView> {
        let now = self.hub.now();
        let view = |lane: Arc<Lane>| lane.with(|state| state.view(&lane.name, now));
        let mut views: Vec<LaneView> = self.lanes.all().into_iter().map(view).collect();
        views.sort_by(|left, right| left.name.cmp(&right.name));
        views
    }

    /// How many stand in line, by model, whatever their account; by `None` those who wait for limits of their keys.
    pub fn waiting(&self) -> BTreeMap<Option<String>, u64> {
        let mut waiting = BTreeMap::new();
        for lane in self.lanes.all() {
            let count = lane.with(|state| state.waiting()) as u64;
            if count > 0 {
                let model = match Way::parse(&lane.name) {
                    Some(Way::Key(_)) => None,
                    Some(Way::Model { model, .. }) => Some(model.to_owned()),
                    None => Some(String::new()),
                };
                *waiting.entry(model).or_default() += count;
            }
        }
        waiting
    }

    /// What is left of each of `metrics` for a model of an account and a caller: the scarcer counts.
    pub fn left<const N: usize>(
        &self,
        (account, model): (&str, &str),
        caller: &str,
        metrics: [Metric; N],
    ) -> [Option<Left>; N] {
        let (now, ways) = (self.hub.now(), [Way::Model { account, model }, Way::Key(caller)]);
        let lanes = ways.into_iter().filter_map(|way| self.lanes.find(way));
        lanes.fold([None; N], |left, lane| Left::scarcer(left, lane.left(metrics, now)))
    }

    /// New limits from the configuration: `limits` is asked for each lane of a model, `caller` for each lane of a key.
    /// What was counted and learned stays, and so do those who wait.
    pub fn reconfigure(
        &self,
        bounds: QueueSettings,
        limits: impl Fn(&str, &str) -> Option<(MeterSettings, Limits)>,
        caller: impl Fn(&str) -> Option<CallerQuota>,
    ) {
        *self.bounds.write().unwrap_or_else(PoisonError::into_inner) = bounds;
        for lane in self.lanes.all() {
            let (settings, most_in_flight) = match Way::parse(&lane.name) {
                Some(Way::Key(key)) => match caller(key) {
                    Some(caller) => (Some((OWN_LIMITS, caller.limits)), caller.most_in_flight),
                    None => (None, None),
                },
                Some(Way::Model { account, model }) => (limits(account, model), None),
                None => (None, None),
            };
            if let Some((meter, limits)) = settings {
                lane.configure(meter, limits, bounds, most_in_flight);
            }
            lane.dispatch(self.hub.now());
        }
    }

    /// Everything that must survive, as records.
    pub fn snapshot(&self) -> Vec<Record> {
        let now = self.hub.now();
        self.lanes.all().iter().flat_map(|lane| lane.with(|state| state.export(&lane.name, now))).collect()
    }

    /// Takes up what an earlier life has recorded. `limits` says how the lane of an account and a model counts and what its
    /// limits are, `caller` those of a key; lanes of which neither knows are left out. To be called before the first
    /// request.
    pub fn restore(
        &self,
        records: impl IntoIterator<Item = Record>,
        limits: impl Fn(&str, &str) -> Option<(MeterSettings, Limits)>,
        caller: impl Fn(&str) -> Option<CallerQuota>,
    ) {
        let now = self.hub.now();
        let mut last_id = 0;
        for Record { lanes, event } in records {
            if let Event::Took { id, .. } | Event::Open { id, .. } = event {
                last_id = last_id.max(id);
            }
            for way in lanes.iter().filter_map(|lane| Way::parse(lane)) {
                let settings = match way {
                    Way::Key(key) => caller(key).map(|caller| (OWN_LIMITS, caller.limits)),
                    Way::Model { account, model } => limits(account, model),
                };
                let Some((meter, limits)) = settings else { continue };
                let lane = self.lanes.find(way).unwrap_or_else(|| self.open(way, meter, limits));
                lane.with(|state| state.apply(event.clone(), now));
            }
        }
        self.hub.continue_after(last_id);
        self.settle_interrupted();
    }

    /// Settles requests that have been under way for longer than any can be; how many there were. Always 0: it would be a
    /// mistake of ours.
    pub fn sweep(&self, longest: Duration) -> u64 {
        let now = self.hub.now();
        self.lanes.all().iter().map(|lane| lane.with(|state| state.sweep(now, longest))).sum()
    }

    /// Requests that were under way when the last life ended: nobody knows what they cost.
    fn settle_interrupted(&self) {
        let now = self.hub.now();
        for lane in self.lanes.all() {
            let open: Vec<u64> = lane.with(|state| state.open.keys().copied().collect());
            for id in open {
                lane.with(|state| state.settle(now, id, Spent::Unknown));
                lane.record(Event::Settled { id, at: now, spent: Spent::Unknown });
            }
        }
    }
}

/// How a key's own limits are counted: they are ours, so they may be smooth; governor counts them.
const OWN_LIMITS: MeterSettings = MeterSettings {
    accounting: Accounting { rule: Rule::Bucket, charge: Charge::After },
    learns: false,
    margin: Duration::ZERO,
    caution: 0.0,
};
