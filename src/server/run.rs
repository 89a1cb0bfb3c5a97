//! A gateway from bind to exit.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::accept::Acceptor;
use super::background::{self, Background};
use super::drain::Drain;
use super::error::StartError;
use super::listener::listen;
use super::parts::Parts;
use super::planes;
use super::reload::Source;
use super::service::{AdminPlane, DataPlane};
use crate::config::Settings;

/// A gateway that listens and is about to serve.
pub struct Server {
    data: Acceptor<DataPlane>,
    admin: Acceptor<AdminPlane>,
    parts: Parts,
    drain_timeout: Duration,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("data", &self.data_address()).finish_non_exhaustive()
    }
}

impl Server {
    /// Binds both planes. `source` is where reloads read from.
    ///
    /// # Errors
    /// [`StartError`] when an address or a certificate cannot be used.
    #[expect(clippy::unused_async, reason = "a listener belongs to the runtime it is made in")]
    pub async fn bind(settings: Settings, source: Source) -> Result<Self, StartError> {
        let (parts, settings) = Parts::new(&settings, source)?;
        Ok(Self {
            data: Acceptor {
                listener: listen(settings.server.listen, "server.listen or --listen")?,
                connections: planes::data(&settings, &parts),
            },
            admin: Acceptor {
                listener: listen(settings.admin_listen, "admin.listen or --admin-listen")?,
                connections: planes::admin(&settings, &parts),
            },
            parts,
            drain_timeout: settings.server.drain_timeout,
        })
    }

    /// Where the data plane listens; the port is real even if 0 was asked for.
    pub fn data_address(&self) -> Option<SocketAddr> {
        self.data.listener.local_addr().ok()
    }

    /// Where the admin plane listens.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.listener.local_addr().ok()
    }

    /// The tier of each account, and why: `main L0 (nothing spent this month or last)`.
    pub fn tiers(&self) -> Vec<String> {
        self.parts.reloader.accounts.tiers()
    }

    /// How many keys open the gateway, those of the store too; `None` while anybody may call.
    pub fn keys(&self) -> Option<usize> {
        let tenants = &self.parts.reloader.gateway.snapshot().tenants;
        (!tenants.is_open()).then(|| tenants.count())
    }

    /// Reads the configuration again, as SIGHUP does.
    pub fn reload_handle(&self) -> impl Fn() + Send + Sync + use<> {
        let reloader = self.parts.reloader.clone();
        move || reloader.reload()
    }

    /// Serves until `stop` is ready, then finishes what is open: up to the drain time, or until
    /// `hurry` is ready. Returns how many connections had to be cut.
    pub async fn run(self, stop: impl Future<Output = ()>, hurry: impl Future<Output = ()>) -> usize {
        let Self { data, admin, mut parts, drain_timeout } = self;
        let background = Background::start(&mut parts);
        let Parts { drain, connections, .. } = &parts;
        let acceptors = TaskTracker::new();
        acceptors.spawn(data.run(drain.clone(), connections.clone()));
        // The admin plane answers to the end, so that a probe can see the drain.
        let (admin_drain, admin_connections) = (Drain::default(), TaskTracker::new());
        acceptors.spawn(admin.run(admin_drain.clone(), admin_connections.clone()));
        tokio::select! {
            () = stop => {}
            () = background::tend(&parts) => {}
        }
        drain.begin();
        let cut = drain.finish(connections, drain_timeout, hurry).await;
        admin_drain.cut();
        admin_connections.close();
        acceptors.close();
        tokio::join!(admin_connections.wait(), acceptors.wait(), background.stop());
        background::save(&parts);
        cut
    }
}
