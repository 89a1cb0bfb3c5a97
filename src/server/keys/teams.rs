//! Where teams are made and changed: the part of the [`Desk`] that is about them.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::desk::{Desk, told};
use super::fields::changed;
use super::merge::{Merged, merge};
use super::shown;
use crate::config;
use crate::tenant::{KeyError, StoredTeam, Tenant};

impl Desk {
    /// Every team, of the file and of the store.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub fn teams(&self) -> Result<Vec<Value>, KeyError> {
        let (of_file, held) = (self.of_file.load(), self.held()?);
        let count = of_file.teams.len();
        let teams = merge(&of_file, &held).teams;
        let source = |place| if place < count { "file" } else { "store" };
        Ok(teams.iter().enumerate().map(|(place, team)| shown::team(team, source(place))).collect())
    }

    /// The team `name`.
    ///
    /// # Errors
    /// [`KeyError::NoTeam`], [`KeyError::Store`].
    pub fn team(&self, name: &str) -> Result<Value, KeyError> {
        let found = self.teams()?.into_iter().find(|team| team["name"] == name);
        found.ok_or_else(|| KeyError::NoTeam(name.to_owned()))
    }

    /// Makes the team `name`, or changes fields of it; null takes one away.
    ///
    /// # Errors
    /// [`KeyError`]: every fault of the fields.
    pub fn set_team(&self, name: &str, fields: Map<String, Value>, now: SystemTime) -> Result<Value, KeyError> {
        if self.of_file.load().teams.iter().any(|team| *team.name == *name) {
            return Err(KeyError::OfFile(name.to_owned()));
        }
        let kept = self.held()?.teams.into_iter().find(|team| team.name == name);
        let fields = changed(kept.as_ref().map_or("", |team| &team.fields), fields, now)?;
        config::keys::team(name, &fields).map_err(told)?;
        self.store()?.set_team(&StoredTeam { name: name.to_owned(), fields })?;
        self.changed.notify_one();
        self.team(name)
    }

    /// Forgets the team `name`, which no key may belong to.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn remove_team(&self, name: &str) -> Result<(), KeyError> {
        let of_file = self.of_file.load();
        if of_file.teams.iter().any(|team| *team.name == *name) {
            return Err(KeyError::OfFile(name.to_owned()));
        }
        let Merged { keys, .. } = merge(&of_file, &self.held()?);
        let is_in = |tenant: &Tenant| tenant.team.as_ref().is_some_and(|team| *team.name == *name);
        let mut members: Vec<&str> =
            keys.iter().map(|(_, key)| key).filter(|key| is_in(key)).map(|key| &*key.name).collect();
        members.dedup();
        if !members.is_empty() {
            return Err(KeyError::InUse(name.to_owned(), members.join(", ")));
        }
        self.store()?.remove_team(name)?;
        self.changed.notify_one();
        Ok(())
    }
}
