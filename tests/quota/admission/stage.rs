//! A quota under simulated time, callers for it, and a log of what went through, counted naively.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowgate::quota::ask::{Ask, Guess, Spent};
use flowgate::quota::limits::{Limits, Source};
use flowgate::quota::meter::MeterSettings;
use flowgate::quota::metric::{Amounts, Metric};
use flowgate::quota::moment::{Clock, Moment};
use flowgate::quota::record::{Record, RecordRef};
use flowgate::quota::risk::{DEFAULT, caution};
use flowgate::quota::rule::{Accounting, Charge, Rule};
use flowgate::quota::view::LaneView;
use flowgate::quota::{AccountQuota, AdmitError, CallerQuota, QueueSettings, Quota, Refused, Request, Reservation};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// 20 s after a full minute.
pub(super) const BEGAN: Moment = Moment::of_seconds(20_778 * 86_400 + 20);
pub(super) const LONG: Duration = Duration::from_secs(3600);
pub(super) const SLIDING: Accounting = Accounting { rule: Rule::Sliding, charge: Charge::After };

/// Everything a test needs; time is kept for as long as it lives.
pub(super) struct Stage {
    pub(super) quota: Arc<Quota>,
    pub(super) account: AccountQuota,
    pub(super) limits: Limits,
    pub(super) began: Instant,
    pub(super) records: Arc<Mutex<Vec<Record>>>,
    _time: JoinSet<()>,
}

impl Stage {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Self::with(limits, SLIDING, |_| {})
    }

    pub(super) fn with(limits: Limits, accounting: Accounting, change: impl FnOnce(&mut Self)) -> Arc<Self> {
        Self::bounded(limits, accounting, 10_000, change)
    }

    pub(super) fn bounded(
        limits: Limits,
        accounting: Accounting,
        most_waiting: usize,
        change: impl FnOnce(&mut Self),
    ) -> Arc<Self> {
        Arc::new(Self::made(Duration::ZERO, limits, accounting, most_waiting, change))
    }

    /// One that begins so much later.
    pub(super) fn after(elapsed: Duration, limits: Limits) -> Arc<Self> {
        Arc::new(Self::made(elapsed, limits, SLIDING, 10_000, |_| {}))
    }

    fn made(
        elapsed: Duration,
        limits: Limits,
        accounting: Accounting,
        most_waiting: usize,
        change: impl FnOnce(&mut Self),
    ) -> Self {
        let records = Arc::new(Mutex::new(Vec::new()));
        let written = records.clone();
        let owned = |record: &RecordRef<'_>| Record {
            lanes: record.lanes.iter().map(|lane| (*lane).to_owned()).collect(),
            event: record.event.clone(),
        };
        let recorder =
            Box::new(move |records: &[RecordRef<'_>]| written.lock().unwrap().extend(records.iter().map(owned)));
        let quota = Quota::new(Clock::simulated(BEGAN.plus(elapsed)), QueueSettings { most_waiting }, recorder);
        let meter = MeterSettings { accounting, learns: false, margin: Duration::ZERO, caution: caution(DEFAULT) };
        let account = AccountQuota { name: "a".into(), meter, is_governed: true };
        let mut time = JoinSet::new();
        let kept = quota.clone();
        time.spawn(async move { kept.keep_time().await });
        let mut stage = Self { quota, account, limits, began: Instant::now(), records, _time: time };
        change(&mut stage);
        stage
    }

    pub(super) async fn admit(
        &self,
        caller: &CallerQuota,
        ask: &Ask,
        patience: Duration,
    ) -> Result<Reservation, AdmitError> {
        let (account, limits) = (&self.account, &|| self.limits);
        self.quota.admit(Request { account, model: "m", limits, caller, ask, came: Instant::now(), patience }).await
    }

    /// Milliseconds since the beginning.
    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    pub(super) fn view(&self) -> LaneView {
        self.quota.view().into_iter().find(|view| view.name == "a/m").unwrap()
    }

    /// Nothing of any request is left, in any lane.
    pub(super) fn is_idle(&self) -> bool {
        let idle = |view: &LaneView| {
            view.in_flight == 0 && view.waiting == 0 && view.limits.iter().all(|metric| metric.reserved == 0)
        };
        self.quota.view().iter().all(idle)
    }
}

pub(super) fn limits(metric: Metric, value: u64) -> Limits {
    Limits::default().with(metric, value, Source::Configured)
}

pub(super) fn caller(name: &str) -> CallerQuota {
    CallerQuota::open(name.into())
}

/// So many tokens, known beforehand, in so many seconds.
pub(super) fn tokens(tokens: u64, seconds: u64) -> Ask {
    Ask {
        prompt: Guess::exactly(tokens),
        duration: Duration::from_secs(seconds),
        content: tokens as f64,
        ..Ask::default()
    }
}

pub(super) fn spent(tokens: u64) -> Spent {
    Spent::Exactly(Amounts { requests: 1, tokens, images: 0 })
}

/// How long a refused caller was told to wait.
pub(super) fn told(error: AdmitError) -> Duration {
    match error.refused {
        Refused::Later { wait, .. } | Refused::Full { wait } => wait,
        Refused::Never { .. } => panic!("never"),
    }
}

/// The most in any 60 s, and how much of `limit` was used between two moments (all in milliseconds).
pub(super) fn rolling(log: &[u64], from: u64, until: u64, limit: u64) -> (usize, f64) {
    let window = |end: u64| log.iter().filter(|at| **at <= end && **at + 60_000 > end).count();
    let most = log.iter().map(|at| window(*at)).max().unwrap_or(0);
    let looks: Vec<usize> = (from..until).step_by(100).map(window).collect();
    (most, looks.iter().sum::<usize>() as f64 / looks.len() as f64 / limit as f64)
}
