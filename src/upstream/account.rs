//! Accounts of SiliconFlow and the key a request is sent with.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

/// How long a key rests after the upstream refused it (ours): long enough that a storm of callers
/// does not become a storm of failed log-ins, short enough that a mended key works at once.
const REST_AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// One SiliconFlow account. Its limits are per account, never per key (siliconflow-api.md, fact 8).
#[derive(Debug)]
pub struct Account {
    name: Arc<str>,
    key: SecretString,
    authorization: HeaderValue,
    made: Instant,
    /// Milliseconds after `made` until which the key rests; 0 when it does not.
    resting_until: AtomicU64,
}

impl Account {
    /// An account with its key. `None` when the key has bytes that no header can carry.
    pub fn new(name: String, key: SecretString) -> Option<Self> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).ok()?;
        authorization.set_sensitive(true);
        Some(Self { name: name.into(), key, authorization, made: Instant::now(), resting_until: AtomicU64::new(0) })
    }

    /// Name in logs and metrics.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What the upstream sent, without the account's key, should it have quoted that. Done before
    /// anything is cut, so that no part of the key is left at the end.
    pub fn mask<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let key = self.key.expose_secret().as_bytes();
        let mut found = memchr::memmem::find_iter(bytes, key).peekable();
        if found.peek().is_none() {
            return Cow::Borrowed(bytes);
        }
        let (mut masked, mut done) = (Vec::with_capacity(bytes.len()), 0);
        for at in found {
            masked.extend_from_slice(&bytes[done..at]);
            masked.extend_from_slice(b"***");
            done = at + key.len();
        }
        masked.extend_from_slice(&bytes[done..]);
        Cow::Owned(masked)
    }

    /// Whether its key is not used at `now` because the upstream refused it.
    pub fn is_resting(&self, now: Instant) -> bool {
        let until = self.resting_until.load(Ordering::Relaxed);
        until != 0 && now.duration_since(self.made).as_millis() < u128::from(until)
    }

    /// The upstream refused the key: let it rest.
    pub fn rest(&self, now: Instant) {
        let until = now.duration_since(self.made) + REST_AFTER_REFUSAL;
        self.resting_until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The upstream took the key.
    pub fn wake(&self) {
        if self.resting_until.load(Ordering::Relaxed) != 0 {
            self.resting_until.store(0, Ordering::Relaxed);
        }
    }
}

/// The key that one request goes out with.
#[derive(Debug, Clone)]
pub struct KeyLease {
    account: Arc<Account>,
}

impl KeyLease {
    /// Those of `accounts` whose key does not rest, in their order.
    pub fn awake(accounts: &[Arc<Account>], now: Instant) -> impl Iterator<Item = Self> {
        let awake = accounts.iter().filter(move |account| !account.is_resting(now));
        awake.map(|account| Self { account: account.clone() })
    }

    /// The account the key belongs to.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The value of the `authorization` header.
    pub fn authorization(&self) -> HeaderValue {
        self.account.authorization.clone()
    }
}
