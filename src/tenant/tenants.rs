//! All keys in force, found by their hashes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;

use super::secret::{KeyHash, hash};
use super::{Tenant, TenantError};

/// All virtual keys of the gateway.
#[derive(Debug, Clone)]
pub struct Tenants {
    by_hash: HashMap<KeyHash, Arc<Tenant>, RandomState>,
    /// Who calls without a key; nobody where keys are needed.
    open: Option<Arc<Tenant>>,
}

impl Tenants {
    /// The given keys; with none the gateway is open.
    pub fn new(keys: impl IntoIterator<Item = (KeyHash, Tenant)>) -> Self {
        let closed = Self::closed(keys);
        let open = closed.by_hash.is_empty().then(|| Arc::new(Tenant::open()));
        Self { open, ..closed }
    }

    /// The given keys, and nobody else: also with none.
    pub fn closed(keys: impl IntoIterator<Item = (KeyHash, Tenant)>) -> Self {
        let by_hash = keys.into_iter().map(|(hash, tenant)| (hash, Arc::new(tenant))).collect();
        Self { by_hash, open: None }
    }

    /// Whether anybody may call.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How many secrets open the gateway: a key that is being rotated has two.
    pub fn count(&self) -> usize {
        self.by_hash.len()
    }

    /// Who calls with `credential` at `now`.
    ///
    /// # Errors
    /// [`TenantError`] when a key is needed and this is none, or one that has expired.
    pub fn authenticate(&self, credential: Option<&str>, now: SystemTime) -> Result<Arc<Tenant>, TenantError> {
        if let Some(open) = &self.open {
            return Ok(open.clone());
        }
        let credential = credential.ok_or(TenantError::Missing)?;
        let tenant = self.by_hash.get(&hash(credential)).ok_or(TenantError::Unknown)?;
        if tenant.is_expired(now) { Err(TenantError::Unknown) } else { Ok(tenant.clone()) }
    }
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
        assert_eq!(Tenants::closed([]).authenticate(None, at(0)), Err(TenantError::Missing));
    }
}
