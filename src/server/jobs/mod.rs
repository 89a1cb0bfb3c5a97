//! Jobs in a running gateway: the upstream is asked how they are doing, what came of them is fetched before it is gone, and the lines
//! of a batch are written into the ledger, all of them at once with the word that it was done. A process that is killed in between
//! does it again from there.

mod ask;
mod lines;

use std::collections::HashMap;
use std::io::BufReader;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{FutureExt, StreamExt, stream};
use tracing::{error, info, warn};

use self::ask::{Silence, Told, ask};
use super::budget::Spending;
use super::ledger::Ledger;
use crate::api::Gateway;
use crate::catalog::plan::Facts;
use crate::jobs::{Job, JobStore, Kind, Phase, Yield};
use crate::ledger::{Row, StoreError};
use crate::media::{self, Found, Keeper};
use crate::quota::budget::{Amount, Scope};
use crate::quota::calendar;
use crate::telemetry::metrics::{Metrics, Observation};

/// The shortest pause between two rounds (ours).
const SHORTEST: Duration = Duration::from_millis(10);
/// Jobs that are asked about at once (ours).
const AT_ONCE: usize = 4;
/// How long it is tried to fetch a video that is done: its link lives for an hour (siliconflow-api.md, section 11).
const TO_FETCH_VIDEO: Duration = Duration::from_secs(3600);
/// The same of what a batch has made (siliconflow-api.md, section 13).
const TO_FETCH_BATCH: Duration = Duration::from_secs(30 * 86_400);
/// How long a job is remembered once it is over (ours): longer than anything of it is there.
const REMEMBERED: Duration = Duration::from_secs(60 * 86_400);

/// Whoever asks.
pub(super) struct Poller {
    pub(super) ledger: Arc<Ledger>,
    pub(super) spending: Spending,
    pub(super) gateway: Arc<Gateway>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) metrics: Arc<Metrics>,
    /// What is wrong with a job, as it was told last: the log says it once.
    pub(super) told: Mutex<HashMap<String, String>>,
}

/// Why a job is not over yet.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("it was not fetched: {0}")]
    Media(#[from] media::MediaError),
    #[error("what was fetched cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("it is not kept any more")]
    NotKept,
    #[error("{0}")]
    Upstream(String),
}

impl Poller {
    /// Asks for as long as it is polled; `period` says how often.
    pub(super) async fn run(self: Arc<Self>, period: impl Fn() -> Duration) {
        loop {
            if AssertUnwindSafe(self.round()).catch_unwind().await.is_err() {
                self.metrics.panics.inc();
                error!("asking about jobs panicked; this is a mistake of the gateway, please report it");
            }
            tokio::time::sleep(period().max(SHORTEST)).await;
        }
    }

    /// Asks about every job that is not over, once.
    async fn round(&self) {
        let jobs = match self.stored(|jobs| jobs.unfinished()).await {
            Ok(jobs) => jobs,
            Err(error) => return warn!(%error, "jobs cannot be read"),
        };
        let asked = stream::iter(jobs).map(|job| self.step(job)).buffer_unordered(AT_ONCE);
        asked.for_each(|()| std::future::ready(())).await;
        let at = now().saturating_sub(REMEMBERED.as_secs());
        let counts = self.stored(move |jobs| {
            jobs.forget(at)?;
            jobs.counts()
        });
        if let Ok(counts) = counts.await {
            for kind in Kind::ALL {
                let count = |phase: &str| {
                    counts
                        .iter()
                        .find(|(of, at, _)| *of == kind && at.label() == phase)
                        .map_or(0, |(_, _, count)| *count)
                };
                self.metrics.jobs.show(kind.label(), count);
            }
        }
    }

    /// One job, one step further.
    async fn step(&self, mut job: Job) {
        let (id, kind) = (job.id.clone(), job.kind.label());
        let advanced = if now() > job.created_at.saturating_add(REMEMBERED.as_secs()) {
            (job.fault, job.finished_at) = ("Nothing was heard of it for 60 days.".to_owned(), Some(now()));
            self.moved(job, Phase::Failed).await
        } else {
            self.advance(job).await
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match advanced.map_err(|trouble| trouble.to_string()) {
            Ok(()) => drop(told.remove(&id)),
            Err(trouble) if told.get(&id) == Some(&trouble) => {}
            Err(trouble) => {
                warn!(job = %id, kind, "a job is looked at again: {trouble}");
                told.insert(id, trouble);
            }
        }
    }

    async fn advance(&self, mut job: Job) -> Result<(), Trouble> {
        let upstream = self.gateway.snapshot().upstream.clone();
        let told = match ask(&upstream, &job).await {
            Ok(told) => told,
            // What it has made may still be there.
            Err(Silence::Gone) if job.phase == Phase::Saving => {
                Told::Over(job.output.link.clone(), job.errors.link.clone())
            }
            Err(Silence::Gone) => Told::Failed("SiliconFlow does not know it any more.".to_owned()),
            Err(Silence::Passing(why)) => return Err(Trouble::Upstream(why)),
        };
        match told {
            Told::Queued => self.moved(job, Phase::Queued).await,
            Told::Running => self.moved(job, Phase::Running).await,
            Told::Failed(why) => {
                (job.fault, job.finished_at) = (why, Some(now()));
                self.moved(job, Phase::Failed).await
            }
            Told::Over(output, errors) => {
                (job.output.link, job.errors.link) = (output, errors);
                job.finished_at.get_or_insert_with(now);
                self.save(job).await
            }
        }
    }

    /// Keeps that the job is in `phase` now, if that is new.
    async fn moved(&self, mut job: Job, phase: Phase) -> Result<(), Trouble> {
        if job.phase == phase {
            return Ok(());
        }
        job.phase = phase;
        info!(job = %job.id, kind = job.kind.label(), phase = phase.label(), "a job goes on");
        Ok(self.stored(move |jobs| jobs.put(&job)).await?)
    }

    /// It is over upstream: what came of it is fetched, and counted.
    async fn save(&self, mut job: Job) -> Result<(), Trouble> {
        if job.phase != Phase::Saving {
            job.phase = Phase::Saving;
            let saving = job.clone();
            self.stored(move |jobs| jobs.put(&saving)).await?;
        }
        match self.fetched(&mut job).await {
            Ok(()) => {}
            Err(trouble) if self.is_too_late(&job) => {
                job.fault = format!("It was made, and could not be fetched in time: {trouble}");
                return self.moved(job, Phase::Failed).await;
            }
            Err(trouble) => return Err(trouble),
        }
        match job.kind {
            Kind::Video => self.moved(job, Phase::Done).await,
            Kind::Batch => self.settle(job).await,
        }
    }

    fn is_too_late(&self, job: &Job) -> bool {
        let most = if job.kind == Kind::Video { TO_FETCH_VIDEO } else { TO_FETCH_BATCH };
        job.finished_at.is_some_and(|at| now() > at.saturating_add(most.as_secs()))
    }

    async fn fetched(&self, job: &mut Job) -> Result<(), Trouble> {
        let kind = if job.kind == Kind::Video { media::Kind::Video } else { media::Kind::Lines };
        let key = job.who.key.clone();
        self.keep(&mut job.output, kind, &key).await?;
        self.keep(&mut job.errors, kind, &key).await
    }

    /// Keeps what is behind the link, unless it is here, or nothing is kept.
    async fn keep(&self, result: &mut Yield, kind: media::Kind, key: &str) -> Result<(), Trouble> {
        if result.link.is_empty() || self.keeper.is_off() || self.found(result, key).await.is_some() {
            return Ok(());
        }
        let kept = self.keeper.keep(&result.link, kind, key).await?;
        (result.kept, result.length) = (kept.name, kept.length);
        Ok(())
    }

    async fn found(&self, result: &Yield, key: &str) -> Option<Found> {
        self.keeper.find(&result.kept, Some(key), None).await
    }

    /// Writes the lines of a batch into the ledger, and that it is done.
    async fn settle(&self, mut job: Job) -> Result<(), Trouble> {
        let rows = match job.output.link.is_empty() {
            true => Vec::new(),
            false => self.rows(&job).await?,
        };
        job.phase = Phase::Done;
        let is_kept = self.ledger.filer.is_some();
        let (filed, id) = (rows.clone(), job.id.clone());
        self.stored(move |jobs| jobs.settle(&job, if is_kept { &filed } else { &[] })).await?;
        info!(job = %id, lines = rows.len(), "a batch is done and its lines are in the ledger");
        self.tell(&rows);
        Ok(())
    }

    async fn rows(&self, job: &Job) -> Result<Vec<Row>, Trouble> {
        let (book, catalogue) = (self.ledger.book.clone(), self.gateway.snapshot().catalogue.clone());
        let facts = move |model: &str| Facts::of(catalogue.get(model));
        let (of, at_ms) = (job.clone(), millis());
        if self.keeper.is_off() {
            let (bytes, _) = self.keeper.fetch(&job.output.link, media::Kind::Lines).await?;
            return Ok(lines::rows(&of, &bytes[..], at_ms, facts, || book.number())?);
        }
        let found = self.found(&job.output, &job.who.key).await.ok_or(Trouble::NotKept)?;
        let read = move || lines::rows(&of, BufReader::new(found.reader()), at_ms, facts, || book.number());
        Ok(tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))?)
    }

    /// Everybody who counts hears of the rows, once: after a restart it is the database that tells them.
    fn tell(&self, rows: &[Row]) {
        let today = calendar::day_of(SystemTime::now());
        for row in rows {
            self.ledger.book.tell(row);
            let amount = Amount {
                money: row.cost.unwrap_or_default(),
                tokens: row.input_tokens.saturating_add(row.output_tokens),
            };
            let team = (!row.team.is_empty()).then(|| Scope::Team(row.team.clone()));
            let scopes = [Scope::Key(row.key.clone()), Scope::Account(row.account.clone())].into_iter().chain(team);
            // One that nobody knows yet learns it from the database when it is made.
            let known = scopes.filter(|scope| self.spending.budgets.knows(scope));
            known.for_each(|scope| self.spending.budgets.seed(&scope, today, amount));
            self.metrics.used(&used(row));
            let result = match row {
                row if row.outcome != "complete" => "failed",
                row if row.cost.is_none() => "unpriced",
                _ => "counted",
            };
            self.metrics.jobs.lines(result, 1);
        }
    }

    /// Asks what keeps jobs, beside the tasks that must not block.
    async fn stored<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn JobStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let jobs = self.ledger.jobs.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&*jobs)).await;
        asked.unwrap_or_else(|_| Err(StoreError::Failed("jobs".to_owned(), "the task panicked".to_owned())))
    }
}

/// What a line has used, for the metrics.
fn used(row: &Row) -> Observation<'_> {
    Observation {
        route: "/batches",
        key: &row.key,
        team: &row.team,
        model: &row.model,
        status: row.status,
        duration: Duration::ZERO,
        waited: Duration::ZERO,
        first_token: None,
        tokens: [row.input_tokens, row.output_tokens, row.cached_tokens, row.reasoning_tokens],
        certainty: "exact",
        cost_cny: row.cost.map(|cost| cost.picos_cny() as f64 / 1e12),
        is_sent: true,
    }
}

fn now() -> u64 {
    millis() / 1000
}

/// Milliseconds since 1970.
fn millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
