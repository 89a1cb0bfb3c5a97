//! Everything that counts, put together, as an earlier life has left it: quota, budgets, ledger, and who keeps them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::budget::Spending;
use super::error::StartError;
use super::herald::Herald;
use super::ledger::{self, Ledger, Restored};
use super::quota::Accounts;
use super::state::{self, Keeper, Loaded};
use crate::config::Settings;
use crate::quota::Quota;
use crate::quota::budget::Budgets;
use crate::quota::moment::Clock;
use crate::telemetry::metrics::Metrics;

/// How much longer than all its limits of time a request could at most live (ours).
const KEEPER_MARGIN: Duration = Duration::from_secs(600);

/// See the module.
pub(super) struct Accounting {
    pub(super) quota: Arc<Quota>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) ledger: Arc<Ledger>,
    /// Tells somebody when a budget is nearly used up.
    pub(super) herald: Arc<Herald>,
    /// Makes the snapshots.
    pub(super) keeper: Arc<Keeper>,
}

impl Accounting {
    /// What `settings` say, going on from what was `loaded`; without that nothing is kept. Blocks on the disk.
    ///
    /// # Errors
    /// When the ledger cannot be read: to go on would begin every budget at zero.
    pub(super) fn new(
        settings: &Settings,
        mut loaded: Option<&mut Loaded>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let journal = loaded.as_ref().map(|loaded| loaded.journal.clone());
        let written = Arc::new(Notify::new());
        let recorder = state::recorder(journal.clone(), written.clone(), metrics.clone(), settings.ledger.is_kept);
        let clock = Clock::system();
        let quota = Quota::new(clock.clone(), settings.queue.bounds, Box::new(recorder));
        let Restored { last_seq, spent } = Restored::from(loaded.as_deref_mut())?;
        let herald = Herald::new(metrics.clone());
        let accounts = Accounts::new(quota.clone(), settings, &spent, spending(clock, &herald));
        if let Some(loaded) = loaded.as_deref_mut() {
            accounts.estimator.import(&loaded.snapshot.estimates);
        }
        accounts.restore(settings, loaded.as_deref_mut().map(Loaded::records).unwrap_or_default());
        let ledger = Arc::new(Ledger::new(settings, loaded.as_deref(), last_seq, &accounts, metrics));
        ledger.seed(&accounts.spending).map_err(|error| StartError::Settings(ledger::unusable(&error)))?;
        let keeper = Keeper {
            book: ledger.book.clone(),
            journal,
            written,
            quota: quota.clone(),
            accounts: accounts.clone(),
            metrics: metrics.clone(),
            longest: settings.api.total_timeout + settings.queue.max_wait + KEEPER_MARGIN,
        };
        Ok(Self { quota, accounts, ledger, herald, keeper: Arc::new(keeper) })
    }
}

/// Budgets that tell `herald` when they are nearly used up.
fn spending(clock: Clock, herald: &Arc<Herald>) -> Spending {
    let teller = herald.clone();
    Spending::new(clock.clone(), Budgets::telling(clock, move |crossing| teller.tell(crossing)))
}
