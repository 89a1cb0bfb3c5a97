//! Virtual keys: who may call, and which models they may use.
//!
//! Secrets are kept as SHA-256 only. A key is found by its hash, so a wrong one costs the same time
//! as an unknown or an expired one. Knows no HTTP and reads no clock: the time is handed in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::catalog::policy::KeyPolicy;
use crate::quota::CallerQuota;

/// SHA-256 of a virtual key.
pub type KeyHash = [u8; 32];

/// One virtual key, as the configuration gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tenant {
    /// Name in logs and metrics.
    pub name: Arc<str>,
    /// Models it may use, exact or with `*` at the end; `None` is all.
    pub models: Option<Vec<String>>,
    /// From then on the key is as good as unknown.
    pub expires: Option<SystemTime>,
    /// Its limits, and its place in queues.
    pub quota: CallerQuota,
    /// Whether it may be served by free or by paid models.
    pub policy: KeyPolicy,
}

impl Tenant {
    /// The caller of a gateway without keys.
    pub fn open() -> Self {
        let name: Arc<str> = "open".into();
        Self {
            name: name.clone(),
            models: None,
            expires: None,
            quota: CallerQuota::open(name),
            policy: KeyPolicy::default(),
        }
    }

    /// Whether this key may use `model` (the id or the alias the caller wrote).
    pub fn may_use(&self, model: &str) -> bool {
        let Some(allowed) = &self.models else { return true };
        allowed.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => model.starts_with(prefix),
            None => model == pattern,
        })
    }
}

/// A caller without a valid key. One text for unknown, wrong and expired keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// No credential at all.
    #[error("You didn't provide an API key. Send one in an Authorization header: `Authorization: Bearer YOUR_KEY`.")]
    Missing,
    /// A credential that opens nothing.
    #[error(
        "Incorrect API key provided. Ask the operator of this gateway for a key of your own; a SiliconFlow key does not work here."
    )]
    Unknown,
}

/// All virtual keys of the gateway.
#[derive(Debug, Clone)]
pub struct Tenants {
    by_hash: HashMap<KeyHash, Arc<Tenant>>,
    open: Arc<Tenant>,
}

impl Tenants {
    /// The given keys; with none the gateway is open.
    pub fn new(keys: impl IntoIterator<Item = (KeyHash, Tenant)>) -> Self {
        let by_hash = keys.into_iter().map(|(hash, tenant)| (hash, Arc::new(tenant))).collect();
        Self { by_hash, open: Arc::new(Tenant::open()) }
    }

    /// Whether anybody may call.
    pub fn is_open(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.by_hash.len()
    }

    /// Who calls with `credential` at `now`.
    ///
    /// # Errors
    /// [`TenantError`] when keys exist and this is none of them, or one that has expired.
    pub fn authenticate(&self, credential: Option<&str>, now: SystemTime) -> Result<Arc<Tenant>, TenantError> {
        if self.is_open() {
            return Ok(self.open.clone());
        }
        let credential = credential.ok_or(TenantError::Missing)?;
        let tenant = self.by_hash.get(&hash(credential)).ok_or(TenantError::Unknown)?;
        match tenant.expires {
            Some(expires) if expires <= now => Err(TenantError::Unknown),
            _ => Ok(tenant.clone()),
        }
    }
}

/// The hash under which a key is kept. White space around it is not part of it.
pub fn hash(secret: &str) -> KeyHash {
    Sha256::digest(secret.trim().as_bytes()).into()
}

/// Reads `sha256:<64 hex digits>`.
pub fn parse_hash(text: &str) -> Option<KeyHash> {
    let hex = text.strip_prefix("sha256:")?;
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn tenants() -> Tenants {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let tenant = |name: &str, expires| Tenant { name: name.into(), expires, ..Tenant::open() };
        Tenants::new([(hash("sk-a"), tenant("ann", None)), (hash("sk-b"), tenant("bob", Some(now)))])
    }

    #[test]
    fn unknown_and_expired_read_the_same() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let tenants = tenants();
        assert_eq!(tenants.authenticate(Some("sk-a"), at(5000)).unwrap().name.as_ref(), "ann");
        assert_eq!(tenants.authenticate(Some("sk-b"), at(999)).unwrap().name.as_ref(), "bob");
        assert_eq!(tenants.authenticate(Some("sk-b"), at(1000)), Err(TenantError::Unknown));
        assert_eq!(tenants.authenticate(Some("sk-x"), at(0)), Err(TenantError::Unknown));
        assert_eq!(tenants.authenticate(None, at(0)), Err(TenantError::Missing));
        assert!(Tenants::new([]).authenticate(None, at(0)).is_ok());
    }

    #[test]
    fn hashes_are_read_as_written_by_sha256sum() {
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(parse_hash(text), Some(hash("abc\n")));
        assert_eq!(parse_hash("sha256:00"), None);
        assert_eq!(parse_hash(&text.replace('b', "é")), None);
    }

    #[test]
    fn models_by_name_or_prefix() {
        let tenant = Tenant { models: Some(vec!["Qwen/*".to_owned(), "gpt-4o".to_owned()]), ..Tenant::open() };
        assert!(tenant.may_use("Qwen/Qwen3-8B") && tenant.may_use("gpt-4o"));
        assert!(!tenant.may_use("gpt-4o-mini") && !tenant.may_use("deepseek-ai/DeepSeek-V3"));
    }
}
