//! A gateway without its sockets: every part, made from settings and joined.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio_util::task::TaskTracker;

use super::accounting::Accounting;
use super::build::{self, Built, Lasting};
use super::drain::Drain;
use super::error::StartError;
use super::herald::Herald;
use super::jobs::Poller;
use super::keys::{self, Keys};
use super::live::Pulse;
use super::media::Media;
use super::models::Refresher;
use super::reload::{Reloader, Source, now};
use super::responses::Responses;
use super::state::{Keeper, Loaded};
use super::tls::TlsSource;
use crate::api::Gateway;
use crate::bridge::responses::shelf::Archive;
use crate::config::Settings;
use crate::relay::leaving::Drainer;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::{Exporter, Tracer};

/// See the module.
pub(super) struct Parts {
    /// What a reload changes, and with it most of the rest.
    pub(super) reloader: Arc<Reloader>,
    /// Makes the snapshots.
    pub(super) keeper: Arc<Keeper>,
    /// Tells somebody when a budget is nearly used up.
    pub(super) herald: Arc<Herald>,
    /// Asks how jobs are doing.
    pub(super) poller: Arc<Poller>,
    /// Looks at what is done now.
    pub(super) pulse: Arc<Pulse>,
    /// Sends traces.
    pub(super) traces: Exporter,
    /// Tells requests that the end has come.
    pub(super) drain: Drain,
    /// Connections, and answers that are read on without one.
    pub(super) connections: TaskTracker,
}

impl Parts {
    /// The parts that the settings of a file mean, and those settings with what the store adds. `source` is where reloads
    /// read from. Blocks on the disk.
    ///
    /// # Errors
    /// [`StartError`] when a certificate, a key or something on the disk cannot be used.
    pub(super) fn new(of_file: &Settings, source: Source) -> Result<(Self, Settings), StartError> {
        let metrics = Arc::new(Metrics::new().map_err(StartError::told)?);
        let built = Built::new(of_file, &metrics).map_err(StartError::Settings)?;
        let (tracer, traces) = Tracer::new(of_file.traces.as_ref(), &metrics).map_err(StartError::Settings)?;
        let is_kept = source.overrides.is_kept();
        let mut loaded = if is_kept { Some(Loaded::open(of_file)?) } else { None };
        let (keys, settings) = keys_of(of_file, is_kept, &metrics)?;
        let accounting = Accounting::new(&settings, loaded.as_mut(), &metrics)?;
        let models = Arc::new(Refresher::new(loaded.as_ref().map(|loaded| &loaded.folder), metrics.clone()));
        models.load(&settings.transport.base_url.to_string());
        let media = Arc::new(Media::open(&settings, loaded.as_ref(), &metrics)?);
        let archive = loaded.as_ref().map(|loaded| loaded.database.clone() as Arc<dyn Archive>);
        let responses = Responses::new(archive, settings.responses);
        let (drain, connections) = (Drain::default(), TaskTracker::new());
        let drainer = Drainer::new(connections.clone(), drain.end());
        let lasting = Lasting { drainer: &drainer, media: &media, shelf: responses.configure(settings.responses) };
        let Accounting { quota, accounts, ledger, herald, keeper } = accounting;
        let snapshot = built.snapshot(&settings, keys.tenants(&settings), &accounts, &models.live, &ledger, lasting);
        let reloader = Reloader {
            source: source.pinned(&settings),
            listen: settings.server.listen,
            gateway: Arc::new(Gateway::new(snapshot, metrics.clone(), settings.server.body_memory, tracer)),
            door: Arc::new(ArcSwap::from_pointee(build::door(&settings.server, settings.server.listen))),
            tls: settings.server.tls.clone().map(TlsSource::new).map(Arc::new),
            metrics,
            accounts,
            quota,
            models,
            ledger,
            drainer,
            media,
            responses,
            keys,
            current: Mutex::new((settings.clone(), built)),
        };
        reloader.keys.put_in_force(&settings);
        reloader.metrics.loaded(true, now());
        let poller = Arc::new(poller(&reloader));
        let (gateway, accounts) = (reloader.gateway.clone(), reloader.accounts.clone());
        let pulse = Arc::new(Pulse::new(gateway, accounts, reloader.quota.clone()));
        Ok((Self { reloader: Arc::new(reloader), keeper, herald, poller, pulse, traces, drain, connections }, settings))
    }
}

/// The keys of file and store, and the settings with both. A gateway that others can reach has some.
fn keys_of(of_file: &Settings, is_kept: bool, metrics: &Arc<Metrics>) -> Result<(Arc<Keys>, Settings), StartError> {
    let keys = Keys::open(of_file, is_kept, metrics.clone()).map_err(StartError::told)?;
    let settings = keys.with_stored(of_file).map_err(StartError::Settings)?;
    keys.take_file(of_file);
    if keys.tenants(&settings).is_open() && !settings.server.listen.ip().is_loopback() {
        return Err(StartError::Settings(keys::exposed(settings.server.listen)));
    }
    Ok((Arc::new(keys), settings))
}

fn poller(parts: &Reloader) -> Poller {
    Poller {
        ledger: parts.ledger.clone(),
        spending: parts.accounts.spending.clone(),
        gateway: parts.gateway.clone(),
        keeper: parts.media.keeper.clone(),
        metrics: parts.metrics.clone(),
        told: Mutex::default(),
    }
}
