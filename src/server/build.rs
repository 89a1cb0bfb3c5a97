//! From checked settings to the parts of a running gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::ExposeSecret;

use super::door::Door;
use super::ledger::Ledger;
use super::media::Media;
use super::quota::Accounts;
use crate::api::{Origin, Snapshot};
use crate::bridge::responses::shelf::Shelf;
use crate::catalog::live::Live;
use crate::config::{AccountSettings, ServerSettings, Settings};
use crate::relay::leaving::Drainer;
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

    /// What requests look at, but for where responses are kept.
    pub(super) fn snapshot(
        &self,
        settings: &Settings,
        tenants: Tenants,
        accounts: &Arc<Accounts>,
        live: &Arc<Live>,
        ledger: &Ledger,
        lasting: Lasting<'_>,
    ) -> Snapshot {
        Snapshot {
            media: lasting.media.keeper.clone(),
            origin: Origin { public_url: settings.media.public_url.clone(), is_tls: settings.server.tls.is_some() },
            drainer: lasting.drainer.clone(),
            book: ledger.book.clone(),
            quota: Arc::new(accounts.access(settings)),
            tenants,
            catalogue: settings.models.catalogue.clone(),
            live: live.clone(),
            aliases: Arc::new(settings.aliases.clone()),
            policy: Arc::new(settings.policy.clone()),
            upstream: self.upstream.clone(),
            ledger: ledger.store(),
            jobs: ledger.jobs.clone(),
            shelf: lasting.shelf,
            settings: settings.api.clone(),
        }
    }
}

/// What a reload leaves as it is, and requests look at.
pub(super) struct Lasting<'a> {
    /// Reads answers on whose callers have left.
    pub(super) drainer: &'a Drainer,
    /// Keeps pictures and videos.
    pub(super) media: &'a Media,
    /// Keeps responses.
    pub(super) shelf: Option<Arc<dyn Shelf>>,
}

pub(super) fn account(settings: &AccountSettings) -> Result<Arc<Account>, String> {
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
