//! Minutes of traffic in simulated time: `Quota::admit` before the naive upstream, travel and answers as timers.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flowgate::mock;
use flowgate::quota::ask::Spent;
use flowgate::quota::limits::{Limits, Source};
use flowgate::quota::meter::MeterSettings;
use flowgate::quota::metric::{Amounts, Metric};
use flowgate::quota::moment::{Clock, Moment};
use flowgate::quota::rule::{Accounting, Charge, Rule};
use flowgate::quota::{AccountQuota, AdmitError, CallerQuota, QueueSettings, Quota, Refused, Request, Reservation};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::traffic::{Chance, FIRST, Job, Traffic};
use crate::upstream::{Limited, Upstream, Used};

/// 20 s after a full minute: nothing begins as the windows do.
const BEGAN: u64 = 20_778 * 86_400 + 20;
/// Until the first answers are over and the first window has passed; ends with a full minute.
const WARM_UP: Duration = Duration::from_secs(160);
/// How long a caller waits.
const PATIENCE: Duration = Duration::from_secs(30);
/// A caller who was told to wait longer than that gives up, as SDKs do.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Callers.
const KEYS: usize = 10;
/// Refusals by the upstream before a caller is told (as the gateway does).
const TRIES: u32 = 20;

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) rule: mock::Rule,
    pub(crate) charge: mock::Charge,
    pub(crate) limited: Limited,
    /// What the gateway believes: how it is counted, whether that may be wrong, and the limit.
    pub(crate) believed: Accounting,
    pub(crate) learns: bool,
    pub(crate) limit: u64,
    pub(crate) source: Source,
    pub(crate) minutes: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) refused_upstream: u64,
    /// The same in the second half.
    pub(crate) refused_late: u64,
    /// Level over time, and what was charged, as parts of the quota.
    pub(crate) level: f64,
    pub(crate) share: f64,
    pub(crate) peak: f64,
    /// The part of the time in which more than the limit counted.
    pub(crate) over: f64,
    pub(crate) served: u64,
    pub(crate) waits: Vec<Duration>,
    pub(crate) door: u64,
    /// Callers who saw a refusal of the upstream.
    pub(crate) failed: u64,
    /// Came again when told to; was let in within a second.
    pub(crate) returned: u64,
    pub(crate) kept: u64,
    /// Requests, tokens and callers that are still somewhere when all is over.
    pub(crate) leaks: u64,
    pub(crate) believed: u64,
    pub(crate) accounting: Accounting,
}

struct World {
    quota: Arc<Quota>,
    account: AccountQuota,
    limits: Limits,
    callers: Vec<CallerQuota>,
    upstream: Mutex<Upstream>,
    outcome: Mutex<Outcome>,
    began: Instant,
}

impl World {
    fn new(scenario: &Scenario, risk: f64) -> Self {
        let meter = MeterSettings {
            accounting: scenario.believed,
            learns: scenario.learns,
            margin: Duration::from_millis(250),
            caution: flowgate::quota::risk::caution(risk),
        };
        let metric = if matches!(scenario.limited, Limited::Rpm(_)) { Metric::Rpm } else { Metric::Tpm };
        let clock = Clock::simulated(Moment::of_seconds(BEGAN));
        Self {
            quota: Quota::new(clock, QueueSettings { most_waiting: 10_000 }, Box::new(|_| {})),
            account: AccountQuota { name: "a".into(), meter, is_governed: true },
            limits: Limits::default().with(metric, scenario.limit, scenario.source),
            callers: (0..KEYS).map(|key| CallerQuota::open(format!("key-{key}").into())).collect(),
            upstream: Mutex::new(Upstream::new(scenario.rule, scenario.charge, scenario.limited)),
            outcome: Mutex::default(),
            began: Instant::now(),
        }
    }

    fn now(&self) -> Duration {
        Duration::from_secs(BEGAN) + self.began.elapsed()
    }

    fn upstream(&self) -> MutexGuard<'_, Upstream> {
        self.upstream.lock().unwrap()
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap()
    }

    fn used(&self) -> Used {
        let now = self.now();
        self.upstream().used(now)
    }

    async fn admit(&self, job: &Job, key: usize, patience: Duration) -> Result<Reservation, AdmitError> {
        let request = Request {
            account: &self.account,
            model: "m",
            limits: &|| self.limits,
            caller: &self.callers[key],
            ask: &job.ask,
            came: Instant::now(),
            patience,
        };
        self.quota.admit(request).await
    }

    /// A caller, who may come a second time.
    async fn call(&self, job: Job, mut chance: Chance) {
        let key = chance.below(KEYS);
        let Err(wait) = self.try_once(&job, key, &mut chance, false).await else { return };
        self.outcome().door += 1;
        if wait <= LONGEST_RETRY && chance.part() < 0.5 {
            sleep(wait).await;
            let _twice_is_enough = self.try_once(&job, key, &mut chance, true).await;
        }
    }

    async fn try_once(&self, job: &Job, key: usize, chance: &mut Chance, again: bool) -> Result<(), Duration> {
        let came = Instant::now();
        for _ in 0..TRIES {
            match self.admit(job, key, PATIENCE.saturating_sub(came.elapsed())).await {
                Ok(reservation) => {
                    self.note_wait(came, again);
                    if self.run(reservation, job, chance).await {
                        return Ok(());
                    }
                }
                Err(AdmitError { refused: Refused::Never { .. }, .. }) => return Ok(()),
                Err(AdmitError { refused: Refused::Later { wait, .. } | Refused::Full { wait }, .. }) => {
                    return Err(wait);
                }
            }
        }
        self.outcome().failed += 1;
        Ok(())
    }

    fn note_wait(&self, came: Instant, again: bool) {
        let mut outcome = self.outcome();
        outcome.returned += u64::from(again);
        outcome.kept += u64::from(again && came.elapsed() <= Duration::from_secs(1));
        outcome.waits.push(came.elapsed());
    }

    /// The way there, the answer and the way back; whether the upstream let it in.
    async fn run(&self, reservation: Reservation, job: &Job, chance: &mut Chance) -> bool {
        reservation.sent();
        sleep(chance.travel()).await;
        let (came, allowed) = (self.now(), job.prompt + job.max_tokens);
        let is_let_in = self.upstream().admit(came, allowed);
        if is_let_in {
            // Every second answer is a stream, which begins when its first token comes.
            let first = if job.output.is_multiple_of(2) {
                job.duration.min(Duration::from_secs_f64(FIRST))
            } else {
                job.duration
            };
            sleep(first).await;
            reservation.accepted();
            sleep(job.duration - first).await;
            let now = self.now();
            self.upstream().settle(now, came, allowed, job.prompt + job.output);
        }
        sleep(chance.travel()).await;
        if is_let_in {
            self.outcome().served += 1;
            let tokens = job.prompt + job.output;
            reservation.settle(Spent::Exactly(Amounts { requests: 1, tokens, images: 0 }));
        } else {
            let metric = if matches!(self.upstream().limited, Limited::Rpm(_)) { Metric::Rpm } else { Metric::Tpm };
            reservation.refused(Some(metric), None);
        }
        is_let_in
    }

    fn leaks(&self) -> u64 {
        let views = self.quota.view();
        let left = |view: &flowgate::quota::view::LaneView| {
            view.in_flight + view.waiting as u64 + view.limits.iter().map(|metric| metric.reserved).sum::<u64>()
        };
        views.iter().map(left).sum()
    }
}

/// Plays one scenario.
pub(crate) fn simulate(scenario: &Scenario, risk: f64, seed: u64, traffic: &Arc<Traffic>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(play(scenario, risk, seed, traffic))
}

async fn play(scenario: &Scenario, risk: f64, seed: u64, traffic: &Traffic) -> Outcome {
    let world = Arc::new(World::new(scenario, risk));
    let mut background = JoinSet::new();
    let quota = world.quota.clone();
    background.spawn(async move { quota.keep_time().await });
    let (looking, end) = (world.clone(), world.began + WARM_UP + Duration::from_secs(60 * scenario.minutes));
    background.spawn(async move { look(&looking, end).await });
    let rate = match scenario.limited {
        Limited::Rpm(limit) => 2.0 * limit as f64 / 60.0,
        Limited::Tpm(limit) => 2.0 * limit as f64 / traffic.mean / 60.0,
    };
    let begin = world.began + WARM_UP;
    let length = Duration::from_secs(60 * scenario.minutes);
    let mut calls = JoinSet::new();
    let mut chance = Chance(seed);
    offer(&world, traffic, rate, begin, &mut chance, &mut calls).await;
    let from = world.used();
    offer(&world, traffic, rate, begin + length / 2, &mut chance, &mut calls).await;
    let half = world.upstream().refused;
    offer(&world, traffic, rate, begin + length, &mut chance, &mut calls).await;
    let until = world.used();
    while calls.join_next().await.is_some() {}
    sleep(Duration::from_secs(120)).await;
    let mut outcome = world.outcome().clone();
    let upstream = world.upstream();
    (outcome.level, outcome.share) = upstream.parts(from, until);
    outcome.refused_upstream = upstream.refused;
    outcome.refused_late = upstream.refused - half;
    outcome.peak = upstream.peak as f64 / scenario.limited.value() as f64;
    outcome.leaks = world.leaks();
    outcome.accounting = world.quota.view().first().map_or_else(Accounting::default, |view| view.accounting);
    outcome.believed = world.quota.view().first().map_or(0, |view| view.limits[0].limit);
    outcome
}

/// Looks ten times a second, from the end of the warm-up until `end`, whether more than the limit counts.
async fn look(world: &World, end: Instant) {
    sleep_until(world.began + WARM_UP).await;
    let (mut looks, mut over) = (0u64, 0u64);
    while Instant::now() < end {
        let now = world.now();
        looks += 1;
        over += u64::from(world.upstream().is_over(now));
        sleep(Duration::from_millis(100)).await;
    }
    world.outcome().over = over as f64 / looks as f64;
}

/// New callers until `end`.
async fn offer(
    world: &Arc<World>,
    traffic: &Traffic,
    rate: f64,
    end: Instant,
    chance: &mut Chance,
    calls: &mut JoinSet<()>,
) {
    let mut next = Instant::now();
    loop {
        next += chance.pause(rate);
        sleep_until(next.min(end)).await;
        if next >= end {
            return;
        }
        let (job, own, world) = (traffic.job(chance), Chance((chance.part() * 1e15) as u64), world.clone());
        calls.spawn(async move { world.call(job, own).await });
        while calls.try_join_next().is_some() {}
    }
}

/// The same rule in the gateway's words.
pub(crate) fn accounting(rule: mock::Rule, charge: mock::Charge) -> Accounting {
    let rule = match rule {
        mock::Rule::Sliding => Rule::Sliding,
        mock::Rule::Fixed => Rule::Fixed,
        mock::Rule::Bucket => Rule::Bucket,
    };
    let charge = if charge == mock::Charge::After { Charge::After } else { Charge::Before };
    Accounting { rule, charge }
}
