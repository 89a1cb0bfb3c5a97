//! Virtual keys: who may call, which models and endpoints they may use, and what they may spend.
//!
//! Secrets are kept as SHA-256 only. A key is found by its hash, so a wrong one costs the same time
//! as an unknown or an expired one. Knows no HTTP and reads no clock: the time is handed in.

mod revocation;
mod secret;
mod store;
mod team;
mod tenants;
pub mod throttle;

use std::sync::Arc;
use std::time::SystemTime;

use crate::catalog::policy::KeyPolicy;
use crate::ledger::Who;
use crate::quota::CallerQuota;
use crate::quota::allowance::Allowance;

pub use revocation::{OnRevoke, Revocation};
pub use secret::{KeyHash, Secret, hash, parse_hash};
pub use store::{Held, KeyError, KeyStore, StoredKey, StoredTeam};
pub use team::Team;
pub use tenants::Tenants;

/// What happens to an answer on its way when its caller leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLeave {
    /// The call upstream is closed; what was seen counts.
    #[default]
    Cancel,
    /// The answer is read to its end for the sake of its usage.
    Drain,
}

impl OnLeave {
    /// Both, with the words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("cancel", Self::Cancel), ("drain", Self::Drain)];
}

/// One virtual key, as file, command line and admin API describe it alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Tenant {
    /// Name in logs, metrics and the ledger; no two keys have the same.
    pub name: Arc<str>,
    /// Who holds it, for people.
    pub owner: Option<Arc<str>>,
    /// The team it belongs to.
    pub team: Option<Arc<Team>>,
    /// Short words to tell usage apart by, sorted, with commas between them; empty without any.
    pub tags: Arc<str>,
    /// Models it may use, exact or with `*` at the end; `None` is all.
    pub models: Option<Vec<String>>,
    /// Endpoints it may use, as templates of routes such as `/chat/completions`; `None` is all.
    pub endpoints: Option<Vec<String>>,
    /// From then on the key is as good as unknown.
    pub expires: Option<SystemTime>,
    /// Its limits, and its place in queues.
    pub quota: CallerQuota,
    /// What it may spend.
    pub allowance: Allowance,
    /// Whether it may be served by free or by paid models.
    pub policy: KeyPolicy,
    /// What happens to its answers when the caller leaves.
    pub on_leave: OnLeave,
    /// Tells its running answers when it is taken back.
    pub revocation: Revocation,
}

impl Tenant {
    /// The caller of a gateway without keys.
    pub fn open() -> Self {
        Self::named("open".into())
    }

    /// A key that may do everything.
    pub fn named(name: Arc<str>) -> Self {
        Self {
            name: name.clone(),
            owner: None,
            team: None,
            tags: "".into(),
            models: None,
            endpoints: None,
            expires: None,
            quota: CallerQuota::open(name),
            allowance: Allowance::default(),
            policy: KeyPolicy::default(),
            on_leave: OnLeave::default(),
            revocation: Revocation::default(),
        }
    }

    /// How the ledger names it.
    pub fn who(&self) -> Who {
        let team = self.team.as_ref().map(|team| team.name.clone()).unwrap_or_default();
        Who { key: self.name.clone(), team, tags: self.tags.clone() }
    }

    /// Whether this key, and its team, may use `model` (the id or the alias the caller wrote).
    pub fn may_use(&self, model: &str) -> bool {
        let team = self.team.as_ref().and_then(|team| team.models.as_deref());
        lists(self.models.as_deref(), model) && lists(team, model)
    }

    /// Whether this key or its team is limited to some models.
    pub fn is_limited_to_models(&self) -> bool {
        self.models.is_some() || self.team.as_ref().is_some_and(|team| team.models.is_some())
    }

    /// Whether this key may use the endpoint with this template.
    pub fn may_call(&self, endpoint: &str) -> bool {
        self.endpoints.as_ref().is_none_or(|allowed| allowed.iter().any(|own| own == endpoint))
    }

    /// Whether the key is over at `now`.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Whether a list of names, exact or with `*` at the end, has `model`; no list has all.
fn lists(allowed: Option<&[String]>, model: &str) -> bool {
    let Some(allowed) = allowed else { return true };
    allowed.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => model.starts_with(prefix),
        None => model == pattern,
    })
}

/// A caller without a valid key. One text for unknown, wrong, expired and revoked keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// No credential at all.
    #[error("You didn't provide an API key. Send one in an Authorization header: `Authorization: Bearer YOUR_KEY`.")]
    Missing,
    /// A credential that opens nothing.
    #[error(
        "Incorrect API key provided: it is unknown, has expired or was revoked. Ask the operator of this gateway for a key of your own; a SiliconFlow key does not work here."
    )]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_by_name_or_prefix() {
        let tenant = Tenant { models: Some(vec!["Qwen/*".to_owned(), "gpt-4o".to_owned()]), ..Tenant::open() };
        assert!(tenant.may_use("Qwen/Qwen3-8B") && tenant.may_use("gpt-4o"));
        assert!(!tenant.may_use("gpt-4o-mini") && !tenant.may_use("deepseek-ai/DeepSeek-V3"));
    }

    #[test]
    fn a_team_narrows_what_its_keys_may_use() {
        let team = Team { models: Some(vec!["Qwen/*".to_owned()]), ..Team::named("ml".into()) };
        let tenant = Tenant { team: Some(team.into()), ..Tenant::open() };
        assert!(tenant.may_use("Qwen/Qwen3-8B") && !tenant.may_use("gpt-4o") && tenant.is_limited_to_models());
        let tenant = Tenant { models: Some(vec!["gpt-4o".to_owned()]), ..tenant };
        assert!(!tenant.may_use("Qwen/Qwen3-8B") && !tenant.may_use("gpt-4o"));
    }

    #[test]
    fn endpoints_by_their_templates() {
        let tenant = Tenant { endpoints: Some(vec!["/embeddings".to_owned()]), ..Tenant::open() };
        assert!(tenant.may_call("/embeddings") && !tenant.may_call("/chat/completions"));
        assert!(Tenant::open().may_call("/chat/completions"));
    }
}
