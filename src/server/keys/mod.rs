//! Keys in force: those of the file and those of the store together, and how one becomes the other within a second.
//!
//! The file wins: a stored key with a name or a secret of the file's opens nothing. A stored key that cannot be read, as a
//! newer version may have written it, opens nothing either; the rest goes on. Start with [`Keys`]; `desk` is where keys
//! are made and changed.

mod desk;
#[cfg(test)]
mod desk_tests;
mod exposure;
mod fields;
mod for_admin;
mod merge;
mod shown;
mod teams;
mod watch;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::Notify;
use tracing::{error, warn};

pub use desk::Desk;
pub(super) use exposure::exposed;
pub use exposure::{faults_beside_store, is_open};
pub use fields::{KEY_FIELDS, TEAM_FIELDS};

use crate::config::Settings;
use crate::store::Database;
use crate::telemetry::metrics::Metrics;
use crate::tenant::{Held, KeyError, KeyHash, KeyStore, OnRevoke, Revocation, Team, Tenant, Tenants};
use merge::{Merged, merge};

/// The part of the file that is about keys.
#[derive(Debug, Default)]
pub(super) struct OfFile {
    keys: Vec<(KeyHash, Tenant)>,
    teams: Vec<Arc<Team>>,
}

impl OfFile {
    fn of(settings: &Settings) -> Self {
        Self { keys: settings.keys.clone(), teams: settings.teams.clone() }
    }
}

/// See the module.
pub(super) struct Keys {
    /// A connection of its own: what the ledger files must not keep a revocation waiting. None in a demo without a folder.
    store: Option<Arc<dyn KeyStore>>,
    of_file: Arc<ArcSwap<OfFile>>,
    known: Mutex<Known>,
    /// Hash of the operator's token.
    pub(super) token: Arc<ArcSwapOption<KeyHash>>,
    changed: Arc<Notify>,
    metrics: Arc<Metrics>,
}

/// What is in force.
#[derive(Default)]
struct Known {
    held: Held,
    /// Whether there ever was a stored key.
    had_one: bool,
    in_force: Vec<(KeyHash, Tenant)>,
    /// What was said about keys that open nothing, so that it is said once.
    told: Vec<String>,
    is_store_failing: bool,
}

impl Keys {
    /// The keys of the store in the folder of `settings`, if anything `is_kept`. None is in force yet.
    ///
    /// # Errors
    /// That the store cannot be read.
    pub(super) fn open(settings: &Settings, is_kept: bool, metrics: Arc<Metrics>) -> Result<Self, KeyError> {
        let store = if is_kept { Some(open(&settings.state.dir)?) } else { None };
        let held = store.as_ref().map(|store| store.held()).transpose()?.unwrap_or_default();
        Ok(Self {
            store,
            of_file: Arc::default(),
            known: Mutex::new(Known { held, ..Known::default() }),
            token: Arc::default(),
            changed: Arc::default(),
            metrics,
        })
    }

    /// The `settings` of a file with the keys and teams of the store beside its own. Nothing is changed yet.
    ///
    /// # Errors
    /// What is wrong with the keys of the file: a team that nobody knows.
    pub(super) fn with_stored(&self, settings: &Settings) -> Result<Settings, String> {
        let of_file = OfFile::of(settings);
        let merged = merge(&of_file, &self.known().held);
        if !merged.faults.is_empty() {
            return Err(merged.faults.join("\n"));
        }
        Ok(self.effective(settings.clone(), merged))
    }

    /// The file is the one of `settings` from now on.
    pub(super) fn take_file(&self, settings: &Settings) {
        self.of_file.store(Arc::new(OfFile::of(settings)));
        self.token.store(settings.admin_token.map(Arc::new));
    }

    /// `settings` with the keys that the store has now. A key of the file whose team was removed opens nothing.
    fn refreshed(&self, settings: Settings) -> Settings {
        let merged = merge(&self.of_file.load(), &self.known().held);
        self.effective(settings, merged)
    }

    fn effective(&self, settings: Settings, merged: Merged) -> Settings {
        let mut known = self.known();
        let refused: Vec<String> = merged.faults.iter().chain(&merged.refused).cloned().collect();
        for new in refused.iter().filter(|text| !known.told.contains(text)) {
            warn!("{new}");
        }
        self.metrics.keys.refused.set(i64::try_from(refused.len()).unwrap_or(i64::MAX));
        known.told = refused;
        let keys = linked(merged.keys, &known.in_force, SystemTime::now());
        Settings { keys, teams: merged.teams, ..settings }
    }

    /// Who may call with `settings`, which are about to be in force. Once there was a stored key, nobody without one.
    pub(super) fn tenants(&self, settings: &Settings) -> Tenants {
        let keys = settings.keys.iter().cloned();
        let mut known = self.known();
        known.had_one |= !known.held.keys.is_empty();
        if known.had_one { Tenants::closed(keys) } else { Tenants::new(keys) }
    }

    /// The keys of `settings` are in force: running answers of those that are no longer among them are told.
    pub(super) fn put_in_force(&self, settings: &Settings) {
        let mut known = self.known();
        let gone = std::mem::replace(&mut known.in_force, settings.keys.clone());
        for (hash, tenant) in gone {
            let is_there = settings.keys.iter().any(|(other, _)| *other == hash);
            if !is_there && settings.on_revoke == OnRevoke::Cut {
                tenant.revocation.cut();
            }
        }
        let count = |is_of_file: bool| {
            let of_file = self.of_file.load();
            let is_known = |name: &str| of_file.keys.iter().any(|(_, own)| *own.name == *name);
            let mut names: Vec<&str> = known.in_force.iter().map(|(_, tenant)| &*tenant.name).collect();
            names.dedup();
            i64::try_from(names.into_iter().filter(|name| is_known(name) == is_of_file).count()).unwrap_or(i64::MAX)
        };
        self.metrics.keys.in_force(count(true), count(false));
    }

    /// Tells the running answers of keys that have expired.
    fn expire(&self, now: SystemTime, on_revoke: OnRevoke) {
        if on_revoke == OnRevoke::Cut {
            let known = self.known();
            let expired = known.in_force.iter().filter(|(_, tenant)| tenant.is_expired(now));
            expired.for_each(|(_, tenant)| tenant.revocation.cut());
        }
    }

    /// Reads the store if it has changed; whether it has. A store that fails changes nothing, and is told once. Blocks.
    fn look(&self) -> bool {
        let Some(store) = &self.store else { return false };
        let seen = self.known().held.revision;
        let held = match store.revision() {
            Ok(revision) if revision == seen => Ok(None),
            Ok(_) => store.held().map(Some),
            Err(error) => Err(error),
        };
        let mut known = self.known();
        let was_failing = std::mem::replace(&mut known.is_store_failing, held.is_err());
        match held {
            Ok(Some(held)) => {
                known.held = held;
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.metrics.keys.store_errors.inc();
                if !was_failing {
                    error!(%error, "the keys in the store cannot be read; those known so far stay in force");
                }
                false
            }
        }
    }

    /// Where keys are made and changed.
    pub(super) fn desk(&self) -> Desk {
        Desk::new(self.store.clone(), self.of_file.clone(), self.changed.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store in `folder`, with a connection of its own. What was revoked stays revoked when the power fails.
fn open(folder: &Path) -> Result<Arc<dyn KeyStore>, KeyError> {
    let database = Database::open(folder, true).map_err(|error| KeyError::Store(error.to_string()))?;
    Ok(Arc::new(database))
}

/// A key keeps the sign that its running answers watch, unless it was given already and the key is good again.
fn linked(keys: Vec<(KeyHash, Tenant)>, before: &[(KeyHash, Tenant)], now: SystemTime) -> Vec<(KeyHash, Tenant)> {
    let signs: HashMap<&KeyHash, &Revocation> = before.iter().map(|(hash, old)| (hash, &old.revocation)).collect();
    let link = |(hash, tenant): (KeyHash, Tenant)| {
        let kept = signs.get(&hash).filter(|sign| !sign.is_cut() || tenant.is_expired(now));
        let revocation = kept.map(|sign| (*sign).clone()).unwrap_or_default();
        (hash, Tenant { revocation, ..tenant })
    };
    keys.into_iter().map(link).collect()
}
