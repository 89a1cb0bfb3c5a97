//! Where keys are made and changed: the same for the command line and for the admin API. Teams are in `teams`. Every method
//! blocks.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::fields::changed;
use super::merge::{merge, tenant};
use super::{OfFile, shown};
use crate::config::{self, Settings};
use crate::tenant::{Held, KeyError, KeyStore, Secret, StoredKey, Team};

/// Nobody else reads the state; see `state`.
const PRIVATE: u32 = 0o700;

/// See the module.
#[derive(Clone)]
pub struct Desk {
    store: Option<Arc<dyn KeyStore>>,
    pub(super) of_file: Arc<ArcSwap<OfFile>>,
    /// Told of each change, so that it is in force at once.
    pub(super) changed: Arc<Notify>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Desk")
    }
}

impl Desk {
    pub(super) fn new(store: Option<Arc<dyn KeyStore>>, of_file: Arc<ArcSwap<OfFile>>, changed: Arc<Notify>) -> Self {
        Self { store, of_file, changed }
    }

    /// A desk of its own on the state folder of `settings`, beside a gateway or without one. Makes the folder if it is
    /// not there.
    ///
    /// # Errors
    /// That the folder or the database in it cannot be used.
    pub fn open(settings: &Settings) -> Result<Self, KeyError> {
        let folder: &Path = &settings.state.dir;
        if folder.as_os_str().is_empty() {
            return Err(KeyError::Store("there is no folder to keep keys in: set state.dir".to_owned()));
        }
        let made = DirBuilder::new().recursive(true).mode(PRIVATE).create(folder);
        made.map_err(|error| KeyError::Store(format!("cannot make the folder {}: {error}", folder.display())))?;
        let of_file = Arc::new(ArcSwap::from_pointee(OfFile::of(settings)));
        Ok(Self::new(Some(super::open(folder)?), of_file, Arc::default()))
    }

    /// Makes the key `name` with `fields`. What it is, and its secret, which is nowhere else.
    ///
    /// # Errors
    /// [`KeyError`]: the name is taken, or every fault of the fields.
    pub fn create(&self, name: &str, fields: Map<String, Value>, now: SystemTime) -> Result<(Value, Secret), KeyError> {
        let secret = Secret::random()?;
        let key = StoredKey {
            name: name.to_owned(),
            hash: secret.hash(),
            prefix: secret.prefix().to_owned(),
            created: now,
            revoked: None,
            previous: None,
            fields: changed("", fields, now)?,
        };
        let teams = self.all_teams()?;
        self.check(&key, &teams)?;
        self.store()?.create(&key)?;
        Ok((self.told(&key, &teams, now), secret))
    }

    /// Changes fields of the key `name`; null takes one away.
    ///
    /// # Errors
    /// [`KeyError`]: every fault of the fields.
    pub fn edit(&self, name: &str, fields: &Map<String, Value>, now: SystemTime) -> Result<Value, KeyError> {
        let teams = self.all_teams()?;
        self.change(name, now, &mut |key| {
            key.fields = changed(&key.fields, fields.clone(), now)?;
            self.check(key, &teams)
        })
    }

    /// Gives the key `name` a new secret. The one before works for `overlap` more; one before that no longer.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn rotate(&self, name: &str, overlap: Duration, now: SystemTime) -> Result<(Value, Secret), KeyError> {
        let secret = Secret::random()?;
        let shown = self.change(name, now, &mut |key| {
            let until = now.checked_add(overlap).filter(|_| !overlap.is_zero());
            key.previous = until.map(|until| (key.hash, until));
            (key.hash, key.prefix) = (secret.hash(), secret.prefix().to_owned());
            Ok(())
        })?;
        Ok((shown, secret))
    }

    /// Takes the key `name` back, for good.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn revoke(&self, name: &str, now: SystemTime) -> Result<Value, KeyError> {
        self.change(name, now, &mut |key| {
            key.revoked = Some(now);
            Ok(())
        })
    }

    /// Every key, of the file and of the store, by name.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub fn keys(&self, now: SystemTime) -> Result<Vec<Value>, KeyError> {
        let (of_file, held) = (self.of_file.load(), self.held()?);
        let teams = merge(&of_file, &held).teams;
        let mut keys: Vec<Value> = of_file.keys.iter().map(|(_, tenant)| shown::of_file(tenant, now)).collect();
        keys.extend(held.keys.iter().map(|key| shown::stored(key, &of_file, &teams, now)));
        keys.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
        Ok(keys)
    }

    /// The key `name`.
    ///
    /// # Errors
    /// [`KeyError::NoKey`], [`KeyError::Store`].
    pub fn key(&self, name: &str, now: SystemTime) -> Result<Value, KeyError> {
        let found = self.keys(now)?.into_iter().find(|key| key["name"] == name);
        found.ok_or_else(|| KeyError::NoKey(name.to_owned()))
    }

    fn change(
        &self,
        name: &str,
        now: SystemTime,
        change: &mut dyn FnMut(&mut StoredKey) -> Result<(), KeyError>,
    ) -> Result<Value, KeyError> {
        self.check_name(name)?;
        // Read before the change: what fails after it would take a new secret along.
        let teams = self.all_teams()?;
        let key = self.store()?.change(name, &mut |key| {
            if key.revoked.is_some() { Err(KeyError::Revoked(key.name.clone())) } else { change(key) }
        })?;
        Ok(self.told(&key, &teams, now))
    }

    /// The key as it is now, with everybody told of the change.
    fn told(&self, key: &StoredKey, teams: &[Arc<Team>], now: SystemTime) -> Value {
        self.changed.notify_one();
        shown::stored(key, &self.of_file.load(), teams, now)
    }

    /// The file wins.
    fn check_name(&self, name: &str) -> Result<(), KeyError> {
        let is_there = self.of_file.load().keys.iter().any(|(_, key)| *key.name == *name);
        if is_there { Err(KeyError::OfFile(name.to_owned())) } else { Ok(()) }
    }

    /// Whether the key may be kept: it is not the file's, its fields can be read, its team is there.
    fn check(&self, key: &StoredKey, teams: &[Arc<Team>]) -> Result<(), KeyError> {
        self.check_name(&key.name)?;
        config::keys::key(&key.name, &key.fields, teams).map_err(told)?;
        tenant(key, teams).map(drop).map_err(|fault| KeyError::Fields(vec![fault]))
    }

    fn all_teams(&self) -> Result<Vec<Arc<Team>>, KeyError> {
        Ok(merge(&self.of_file.load(), &self.held()?).teams)
    }

    pub(super) fn store(&self) -> Result<&dyn KeyStore, KeyError> {
        self.store.as_deref().ok_or(KeyError::NotKept)
    }

    pub(super) fn held(&self) -> Result<Held, KeyError> {
        self.store.as_ref().map_or(Ok(Held::default()), |store| store.held())
    }
}

pub(super) fn told(faults: Vec<config::Fault>) -> KeyError {
    KeyError::Fields(faults.into_iter().map(|fault| fault.message).collect())
}
