//! `[[key]]`: the virtual keys of callers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use secrecy::ExposeSecret;

use super::policy;
use crate::config::quota;
use crate::config::reader::Section;
use crate::tenant::{self, KeyHash, Tenant};

pub(super) fn read(root: &Section<'_>, watched: &mut Vec<PathBuf>) -> Vec<(KeyHash, Tenant)> {
    let mut keys: Vec<(KeyHash, Tenant)> = Vec::new();
    root.sections("key", |section| {
        let Some((hash, tenant)) = key(section, watched) else { return };
        if keys.iter().any(|(_, other)| other.name == tenant.name) {
            section
                .fault("name", format_args!("there is another key `{}`; give this one a name of its own", tenant.name));
        } else if let Some((_, other)) = keys.iter().find(|(other, _)| *other == hash) {
            section.fault("name", format_args!("this key has the secret of `{}`; give it one of its own", other.name));
        }
        keys.push((hash, tenant));
    });
    keys
}

fn key(section: &Section<'_>, watched: &mut Vec<PathBuf>) -> Option<(KeyHash, Tenant)> {
    let name = section.text("name");
    if name.is_none() {
        section.fault("name", "a key needs a name");
    }
    let hash = section.read("hash", |value| {
        value.as_str().and_then(tenant::parse_hash).ok_or_else(|| "must be \"sha256:\" and 64 hex digits".to_owned())
    });
    let secret = section.secret("secret").map(|(secret, file)| {
        watched.extend(file);
        tenant::hash(secret.expose_secret())
    });
    let is_written = |key| section.read(key, |_| Ok(())).is_some();
    if is_written("hash") == is_written("secret") {
        section.fault("secret", "a key needs either `secret` (by reference) or `hash`, one of them");
    }
    let name: Arc<str> = name.unwrap_or_default().into();
    let quota = quota::caller(section, &name);
    let policy = policy::of_key(section);
    let tenant = Tenant { name, models: section.texts("models"), expires: expires(section), quota, policy };
    Some((hash.or(secret)?, tenant)).filter(|(_, tenant)| !tenant.name.is_empty())
}

fn expires(section: &Section<'_>) -> Option<SystemTime> {
    section.read("expires", |value| {
        let written = value.as_datetime().map(ToString::to_string);
        let time = written.as_deref().and_then(|text| humantime::parse_rfc3339(text).ok());
        time.ok_or_else(|| "must be a date and time in UTC such as 2027-01-31T00:00:00Z, without quotes".to_owned())
    })
}
