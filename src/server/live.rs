//! What the gateway does now and has done lately: takes a sample every few seconds, and puts the parts of `GET /live` together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::quota::Accounts;
use crate::admin::{AccountView, Live};
use crate::api::Gateway;
use crate::quota::Quota;
use crate::telemetry::history::{EVERY, History, Sample};
use crate::telemetry::metrics::{ModelTally, Tally};

/// See the module.
pub(super) struct Pulse {
    gateway: Arc<Gateway>,
    accounts: Arc<Accounts>,
    quota: Arc<Quota>,
    started_ms: u64,
    history: Mutex<History>,
}

impl Pulse {
    /// Of a gateway that has just begun to count.
    pub(super) fn new(gateway: Arc<Gateway>, accounts: Arc<Accounts>, quota: Arc<Quota>) -> Self {
        Self { gateway, accounts, quota, started_ms: now_ms(), history: Mutex::default() }
    }

    /// Takes samples for as long as it is polled, the first at once.
    pub(super) async fn run(&self) {
        let mut ticks = interval(EVERY);
        // A computer that slept has nothing to catch up on.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let sample = Sample { at_ms: now_ms(), totals: self.tally().totals };
            self.history().add(sample);
        }
    }

    /// What there is to tell now.
    pub(super) fn live(&self) -> Live {
        let now = Instant::now();
        let snapshot = self.gateway.snapshot();
        let accounts = snapshot.upstream.accounts().map(|account| AccountView {
            tier: self.accounts.tier(account.name()),
            name: account.name().to_string(),
            is_resting: account.is_resting(now),
        });
        Live {
            now_ms: now_ms(),
            started_ms: self.started_ms,
            tally: self.tally(),
            accounts: accounts.collect(),
            samples: self.history().samples(),
        }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sums, with those who stand in line.
    fn tally(&self) -> Tally {
        let metrics = self.gateway.metrics();
        let mut tally = metrics.tally();
        for (model, count) in self.quota.waiting() {
            tally.totals.waiting += count;
            if let Some(model) = model {
                let model = metrics.model_label(&model);
                wait(&mut tally.models, model, count);
            }
        }
        tally
    }
}

/// Adds those who wait for a model that nobody may have answered for yet.
fn wait(models: &mut Vec<ModelTally>, label: &str, count: u64) {
    match models.iter_mut().find(|own| own.model == label) {
        Some(own) => own.waiting += count,
        None => models.push(ModelTally { model: label.to_owned(), waiting: count, ..ModelTally::default() }),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
