//! The [`Desk`] as the admin API knows it: with the time of day, secrets as members, and a line in the log for each change.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use tracing::info;

use super::desk::Desk;
use crate::admin::KeyDesk;
use crate::tenant::{KeyError, Secret};

/// `shown` with the secret that goes with it, this once.
fn with_secret((mut shown, secret): (Value, Secret)) -> Value {
    shown["secret"] = secret.expose().into();
    shown
}

/// Names were judged before they get here: nothing in them can end a line.
fn changed(what: &str, name: &str, how: &str) {
    info!("the {what} {name} was {how} over the admin API");
}

impl KeyDesk for Desk {
    fn keys(&self) -> Result<Vec<Value>, KeyError> {
        self.keys(SystemTime::now())
    }

    fn key(&self, name: &str) -> Result<Value, KeyError> {
        self.key(name, SystemTime::now())
    }

    fn create(&self, name: &str, fields: Map<String, Value>) -> Result<Value, KeyError> {
        self.create(name, fields, SystemTime::now()).map(with_secret).inspect(|_| changed("key", name, "made"))
    }

    fn edit(&self, name: &str, fields: Map<String, Value>) -> Result<Value, KeyError> {
        self.edit(name, &fields, SystemTime::now()).inspect(|_| changed("key", name, "edited"))
    }

    fn rotate(&self, name: &str, overlap: Duration) -> Result<Value, KeyError> {
        self.rotate(name, overlap, SystemTime::now()).map(with_secret).inspect(|_| changed("key", name, "rotated"))
    }

    fn revoke(&self, name: &str) -> Result<Value, KeyError> {
        self.revoke(name, SystemTime::now()).inspect(|_| changed("key", name, "revoked"))
    }

    fn teams(&self) -> Result<Vec<Value>, KeyError> {
        self.teams()
    }

    fn team(&self, name: &str) -> Result<Value, KeyError> {
        self.team(name)
    }

    fn set_team(&self, name: &str, fields: Map<String, Value>) -> Result<Value, KeyError> {
        self.set_team(name, fields, SystemTime::now()).inspect(|_| changed("team", name, "set"))
    }

    fn remove_team(&self, name: &str) -> Result<(), KeyError> {
        self.remove_team(name).inspect(|()| changed("team", name, "removed"))
    }
}
