//! A gateway from bind to exit.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::accept::{Acceptor, Connections};
use super::budget::Spending;
use super::build::{self, Built, Lasting};
use super::door::Door;
use super::drain::Drain;
use super::guarded_io::IoLimits;
use super::herald::Herald;
use super::jobs::Poller;
use super::keys::{self, Keys};
use super::ledger::{self, Faults, Ledger, Restored};
use super::media::Media;
use super::models::Refresher;
use super::quota::Accounts;
use super::reload::{Reloader, Source, now};
use super::responses::Responses;
use super::service::{AdminPlane, DataPlane};
use super::state::{self, Keeper, Loaded};
use super::tls::TlsSource;
use crate::admin::{self, AdminState, Readiness};
use crate::api::Gateway;
use crate::bridge::responses::shelf::Archive;
use crate::config::Settings;
use crate::quota::Quota;
use crate::quota::budget::Budgets;
use crate::quota::moment::Clock;
use crate::relay::leaving::Drainer;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::upstream::UpstreamMetrics;
use crate::upstream::Upstream;

/// Connections at once on the admin plane (ours).
const ADMIN_CONNECTIONS: u32 = 64;
/// Connections that wait to be accepted (ours).
const BACKLOG: u32 = 1024;
/// What the system may hold of an answer for one caller (bytes; ours). A full buffer takes more only after a third of
/// it has gone: with the megabytes that the system allows by itself, a slow reader of a large answer would look like one
/// who takes nothing.
const SEND_BUFFER: usize = 128 * 1024;

/// How much longer than all its limits of time a request could at most live (ours).
const KEEPER_MARGIN: Duration = Duration::from_secs(600);

/// Why a gateway could not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {0}: {1}. Is another flowgate running? Choose another address with {2}")]
    Bind(SocketAddr, String, &'static str),
    /// A certificate or a key cannot be used.
    #[error("{0}")]
    Settings(String),
}

/// A gateway that listens and is about to serve.
pub struct Server {
    data: Acceptor<DataPlane>,
    admin: Acceptor<AdminPlane>,
    reloader: Arc<Reloader>,
    keeper: Arc<Keeper>,
    ledger: Arc<Ledger>,
    responses: Arc<Responses>,
    herald: Arc<Herald>,
    media: Arc<Media>,
    poller: Arc<Poller>,
    drain: Drain,
    /// Connections, and answers that are read on without one.
    connections: TaskTracker,
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
    pub async fn bind(settings: Settings, source: Source) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new().map_err(|error| StartError::Settings(error.to_string()))?);
        let built = Built::new(&settings, &metrics).map_err(StartError::Settings)?;
        let tls = settings.server.tls.clone().map(TlsSource::new);
        // The demo leaves nothing behind.
        let is_kept = source.overrides.upstream.is_none();
        let mut loaded = if is_kept { Some(Loaded::open(&settings)?) } else { None };
        let keys = Keys::open(&settings, is_kept, metrics.clone());
        let keys = Arc::new(keys.map_err(|error| StartError::Settings(error.to_string()))?);
        let of_file = settings;
        let settings = keys.with_stored(&of_file).map_err(StartError::Settings)?;
        keys.take_file(&of_file);
        let tenants = keys.tenants(&settings);
        if tenants.is_open() && !settings.server.listen.ip().is_loopback() {
            return Err(StartError::Settings(keys::exposed(settings.server.listen)));
        }
        let journal = loaded.as_ref().map(|loaded| loaded.journal.clone());
        let written = Arc::new(Notify::new());
        let recorder = state::recorder(journal.clone(), written.clone(), metrics.clone(), settings.ledger.is_kept);
        let clock = Clock::system();
        let quota = Quota::new(clock, settings.queue.bounds, Box::new(recorder));
        let Restored { last_seq, spent } = Restored::from(loaded.as_mut())?;
        let herald = Herald::new(metrics.clone());
        let teller = herald.clone();
        let budgets = Budgets::telling(clock, move |crossing| teller.tell(crossing));
        let accounts = Accounts::new(quota.clone(), &settings, &spent, Spending::new(clock, budgets));
        if let Some(loaded) = &loaded {
            accounts.estimator.import(&loaded.snapshot.estimates);
        }
        accounts.restore(&settings, loaded.as_mut().map(Loaded::records).unwrap_or_default());
        let ledger = Arc::new(Ledger::new(&settings, loaded.as_ref(), last_seq, &accounts, &metrics));
        ledger.seed(&accounts.spending).map_err(|error| StartError::Settings(ledger::unusable(&error)))?;
        let keeper = Keeper {
            book: ledger.book.clone(),
            journal,
            written,
            quota: quota.clone(),
            accounts: accounts.clone(),
            metrics: metrics.clone(),
            longest: settings.api.total_timeout + settings.queue.max_wait + KEEPER_MARGIN,
        };
        let models = Arc::new(Refresher::new(loaded.as_ref().map(|loaded| &loaded.folder), metrics.clone()));
        models.load(&settings.transport.base_url.to_string());
        let (drain, connections) = (Drain::default(), TaskTracker::new());
        let drainer = Drainer::new(connections.clone(), drain.end());
        let media = Arc::new(Media::open(&settings, loaded.as_ref(), &metrics)?);
        let archive = loaded.as_ref().map(|loaded| loaded.database.clone() as Arc<dyn Archive>);
        let responses = Responses::new(archive, settings.responses);
        let lasting = Lasting { drainer: &drainer, media: &media, shelf: responses.configure(settings.responses) };
        let snapshot = built.snapshot(&settings, tenants, &accounts, &models.live, &ledger, lasting);
        let gateway = Arc::new(Gateway::new(snapshot, metrics.clone(), settings.server.body_memory));
        let door = Arc::new(ArcSwap::from_pointee(build::door(&settings.server, settings.server.listen)));
        let reloader = Reloader {
            source: source.pinned(&settings),
            listen: settings.server.listen,
            gateway: gateway.clone(),
            door: door.clone(),
            tls: tls.map(Arc::new),
            metrics: metrics.clone(),
            accounts,
            quota,
            models,
            ledger: ledger.clone(),
            drainer,
            media: media.clone(),
            responses: responses.clone(),
            keys: keys.clone(),
            current: Mutex::new((settings.clone(), built)),
        };
        let poller = Poller {
            ledger: ledger.clone(),
            spending: reloader.accounts.spending.clone(),
            gateway: gateway.clone(),
            keeper: media.keeper.clone(),
            metrics: metrics.clone(),
            told: Mutex::default(),
        };
        keys.put_in_force(&settings);
        metrics.loaded(true, now());
        let limits = limits(&settings);
        let data = Connections {
            tls: reloader.tls.clone(),
            limits,
            max_connections: settings.server.max_connections,
            open: Some(metrics.connections.clone()),
            plane: DataPlane { gateway: gateway.clone(), door },
        };
        let admin = Connections {
            tls: None,
            limits,
            max_connections: ADMIN_CONNECTIONS,
            open: None,
            plane: admin_plane(
                &settings,
                gateway,
                reloader.accounts.clone(),
                ledger.clone(),
                &media,
                &keys,
                drain.clone(),
            ),
        };
        Ok(Self {
            data: Acceptor {
                listener: listen(settings.server.listen, "server.listen or --listen").await?,
                connections: data,
            },
            admin: Acceptor {
                listener: listen(settings.admin_listen, "admin.listen or --admin-listen").await?,
                connections: admin,
            },
            reloader: Arc::new(reloader),
            keeper: Arc::new(keeper),
            ledger,
            responses,
            herald,
            media,
            poller: Arc::new(poller),
            drain,
            connections,
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
        self.reloader.accounts.tiers()
    }

    /// How many keys open the gateway, those of the store too; `None` while anybody may call.
    pub fn keys(&self) -> Option<usize> {
        let tenants = &self.reloader.gateway.snapshot().tenants;
        (!tenants.is_open()).then(|| tenants.count())
    }

    /// Reads the configuration again, as SIGHUP does.
    pub fn reload_handle(&self) -> impl Fn() + Send + Sync + use<> {
        let reloader = self.reloader.clone();
        move || reloader.reload()
    }

    /// Serves until `stop` is ready, then finishes what is open: up to the drain time, or until
    /// `hurry` is ready. Returns how many connections had to be cut.
    pub async fn run(self, stop: impl Future<Output = ()>, hurry: impl Future<Output = ()>) -> usize {
        let (connections, servants) = (self.connections.clone(), TaskTracker::new());
        let drain = self.drain.clone();
        servants.spawn(self.data.run(drain.clone(), connections.clone()));
        // The admin plane answers to the end, so that a probe can see the drain.
        let admin_drain = Drain::default();
        let admin_connections = TaskTracker::new();
        servants.spawn(self.admin.run(admin_drain.clone(), admin_connections.clone()));
        // Those who wait for their turn are served to the end as well.
        let is_over = CancellationToken::new();
        let time = keep_time(self.reloader.quota.clone(), self.reloader.metrics.clone());
        servants.spawn(is_over.clone().run_until_cancelled_owned(time));
        let (herald, reloader) = (self.herald.clone(), self.reloader.clone());
        let telling = async move { herald.run(|| reloader.settings()).await };
        servants.spawn(is_over.clone().run_until_cancelled_owned(telling));
        let keeper = self.keeper.clone();
        servants.spawn(is_over.clone().run_until_cancelled_owned(async move { keeper.write_soon().await }));
        let (ledger, reloader) = (self.ledger.clone(), self.reloader.clone());
        let filing = async move { ledger.run(|| reloader.settings().ledger.keep).await };
        servants.spawn(is_over.clone().run_until_cancelled_owned(filing));
        let media = self.media.clone();
        let (poller, reloader) = (self.poller.clone(), self.reloader.clone());
        let asking = async move { poller.run(|| reloader.settings().jobs.poll).await };
        servants.spawn(is_over.clone().run_until_cancelled_owned(asking));
        let sweeping = async move { media.run().await };
        servants.spawn(is_over.clone().run_until_cancelled_owned(sweeping));
        servants.spawn(is_over.clone().run_until_cancelled_owned(self.responses.clone().run()));
        // A key that is taken back while the last streams finish is taken back.
        let keys = self.reloader.keys.clone().watch(self.reloader.clone());
        servants.spawn(is_over.clone().run_until_cancelled_owned(keys));
        tokio::select! {
            () = stop => {}
            () = self.reloader.watch() => {}
            () = self.keeper.clone().run(|| self.reloader.settings()) => {}
            () = self.reloader.models.run(&self.reloader.gateway, || self.reloader.settings().models.refresh) => {}
        }
        drain.begin();
        let cut = finish(&connections, &drain, self.drain_timeout, hurry).await;
        is_over.cancel();
        admin_drain.cut();
        admin_connections.close();
        servants.close();
        tokio::join!(admin_connections.wait(), servants.wait());
        // What is not in the database now is in the journal.
        self.ledger.filer.iter().for_each(|filer| filer.file());
        self.responses.file();
        self.keeper.save();
        cut
    }
}

/// Wakes those who wait. A mistake there must not leave them waiting.
async fn keep_time(quota: Arc<Quota>, metrics: Arc<Metrics>) {
    while AssertUnwindSafe(quota.keep_time()).catch_unwind().await.is_err() {
        metrics.panics.inc();
        error!("the quota's clock panicked and goes on; this is a mistake of the gateway, please report it");
    }
}

/// Waits for open connections; the number of those that had to be cut.
async fn finish(connections: &TaskTracker, drain: &Drain, limit: Duration, hurry: impl Future<Output = ()>) -> usize {
    connections.close();
    if !connections.is_empty() {
        info!(open = connections.len(), "no new requests; finishing the open ones");
    }
    let is_done = tokio::select! {
        () = connections.wait() => true,
        () = tokio::time::sleep(limit) => false,
        () = hurry => false,
    };
    let cut = if is_done { 0 } else { connections.len() };
    if cut > 0 {
        warn!(cut, "the time to finish is over; closing what is still open");
    }
    drain.cut();
    connections.wait().await;
    cut
}

fn limits(settings: &Settings) -> IoLimits {
    let server = &settings.server;
    IoLimits { header: server.header_timeout, idle: server.idle_timeout, write: server.write_timeout }
}

fn admin_plane(
    settings: &Settings,
    gateway: Arc<Gateway>,
    accounts: Arc<Accounts>,
    ledger: Arc<Ledger>,
    media: &Arc<Media>,
    keys: &Keys,
    drain: Drain,
) -> AdminPlane {
    let media = media.clone();
    let metrics = gateway.metrics().clone();
    let refresh = {
        let (metrics, accounts, ledger) = (metrics.clone(), accounts.clone(), ledger.clone());
        move || {
            ledger.show(&metrics.ledger);
            show_upstream(&gateway.snapshot().upstream, &metrics.upstream);
            accounts.show(&metrics);
        }
    };
    let state = AdminState {
        metrics,
        ledger: ledger.store(),
        readiness: Arc::new(move || ready(&drain, &ledger.faults(), media.keeper.fault())),
        limits: Arc::new(move || accounts.json()),
        refresh: Arc::new(refresh),
        desk: Arc::new(keys.desk()),
        token: keys.token.clone(),
    };
    let door = Door::new(settings.admin_listen.ip().is_loopback(), settings.server.hosts.clone(), Vec::new());
    AdminPlane { router: admin::router(state), door: Arc::new(ArcSwap::from_pointee(door)) }
}

/// Brings the gauges of the upstream's health up to date.
fn show_upstream(upstream: &Upstream, metrics: &UpstreamMetrics) {
    let now = Instant::now();
    metrics.breaker_open.set(i64::from(upstream.is_open()));
    metrics.paused_models.set(i64::try_from(upstream.models.paused()).unwrap_or(i64::MAX));
    metrics.keys(upstream.accounts().map(|account| (&**account.name(), account.is_resting(now))));
}

/// Whether new requests are welcome, and what is not as it should be.
fn ready(drain: &Drain, faults: &Faults, media: Option<String>) -> Readiness {
    let mut notes = Vec::new();
    notes.extend(drain.has_begun().then(|| "draining".to_owned()));
    notes.extend(faults.refusal.as_ref().map(|fault| format!("requests are refused: {fault}")));
    notes.extend(faults.journal.as_ref().map(|fault| format!("the ledger's journal: {fault}")));
    notes.extend(faults.store.as_ref().map(|fault| format!("the ledger's database: {fault}")));
    notes.extend(media.map(|fault| format!("pictures and videos are not kept: {fault}")));
    Readiness { is_ready: !drain.has_begun() && faults.refusal.is_none(), notes }
}

#[expect(clippy::unused_async, reason = "a listener belongs to the runtime it is made in")]
async fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, StartError> {
    let failed = |error: std::io::Error| StartError::Bind(address, error.to_string(), setting);
    let socket =
        socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None).map_err(failed)?;
    socket.set_reuse_address(true).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    socket.set_send_buffer_size(SEND_BUFFER).map_err(failed)?;
    socket.bind(&address.into()).map_err(failed)?;
    socket.listen(BACKLOG.cast_signed()).map_err(failed)?;
    TcpListener::from_std(socket.into()).map_err(failed)
}
