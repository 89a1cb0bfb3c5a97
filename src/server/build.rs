//! From checked settings to the parts of a running gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::ExposeSecret;

use super::door::Door;
use crate::api::{LimitsOf, QuotaAccess, Snapshot};
use crate::config::{AccountSettings, ServerSettings, Settings};
use crate::quota::limits::Limits;
use crate::quota::meter::MeterSettings;
use crate::quota::risk::caution;
use crate::quota::{AccountQuota, Quota};
use crate::telemetry::metrics::Metrics;
use crate::tenant::Tenants;
use crate::upstream::{Account, Upstream};

/// The upstream of one configuration, with what tells whether another one needs a new upstream.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) upstream: Arc<Upstream>,
    accounts: Vec<AccountSettings>,
}

impl Built {
    /// An upstream for `settings`.
    ///
    /// # Errors
    /// What is wrong with its certificates or keys.
    pub(super) fn new(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Self, String> {
        let accounts = settings.accounts.iter().map(account).collect::<Result<_, _>>()?;
        let metrics = metrics.clone();
        let upstream =
            Upstream::new(settings.transport.clone(), accounts, move |reason| metrics.upstream_retry(reason))
                .map_err(|error| format!("upstream.ca_file: {error}"))?;
        Ok(Self { upstream: Arc::new(upstream), accounts: settings.accounts.clone() })
    }

    /// Whether `settings` want the upstream that is already there: then its connections and what is
    /// known of its health are kept.
    pub(super) fn suits(&self, settings: &Settings) -> bool {
        let same = |(ours, theirs): (&AccountSettings, &AccountSettings)| {
            ours.name == theirs.name && ours.api_key.expose_secret() == theirs.api_key.expose_secret()
        };
        *self.upstream.transport() == settings.transport
            && self.accounts.len() == settings.accounts.len()
            && self.accounts.iter().zip(&settings.accounts).all(same)
    }

    /// What requests look at.
    pub(super) fn snapshot(&self, settings: &Settings, quota: &Arc<Quota>) -> Snapshot {
        Snapshot {
            quota: Arc::new(quota_access(settings, quota)),
            tenants: Tenants::new(settings.keys.iter().cloned()),
            aliases: Arc::new(settings.aliases.clone()),
            upstream: self.upstream.clone(),
            settings: settings.api.clone(),
        }
    }
}

/// The limits of `account` for a model.
pub(super) fn limits(account: &AccountSettings, model: &str) -> Limits {
    account.quota.models.get(model).copied().unwrap_or_default().share(account.quota.share)
}

/// How the upstream counts for `account`.
pub(super) fn meter(settings: &Settings, account: &AccountSettings) -> MeterSettings {
    MeterSettings { caution: caution(settings.queue.risk), ..account.quota.meter }
}

fn quota_access(settings: &Settings, quota: &Arc<Quota>) -> QuotaAccess {
    let accounts = settings.accounts.iter().map(|account| {
        let quota = AccountQuota { name: account.name.as_str().into(), meter: meter(settings, account) };
        let account = account.clone();
        let limits: LimitsOf = Box::new(move |model, _route| limits(&account, model));
        (quota, limits)
    });
    QuotaAccess { quota: quota.clone(), accounts: accounts.collect(), max_wait: settings.queue.max_wait }
}

fn account(settings: &AccountSettings) -> Result<Arc<Account>, String> {
    let account = Account::new(settings.name.clone(), settings.api_key.clone());
    account
        .map(Arc::new)
        .ok_or_else(|| format!("account `{}`: its key has characters that no header can carry", settings.name))
}

/// The door of a data plane that listens on `listen`, whatever a newer configuration says: the address
/// does not change while the gateway runs.
pub(super) fn door(settings: &ServerSettings, listen: SocketAddr) -> Door {
    Door::new(listen.ip().is_loopback(), settings.hosts.clone(), settings.origins.clone())
}
