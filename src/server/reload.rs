//! A new configuration in force without a dropped stream: on SIGHUP, and when a file changes.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::build::{self, Built, Lasting};
use super::door::Door;
use super::keys::{self, Keys};
use super::ledger::{self, Ledger};
use super::media::Media;
use super::models::Refresher;
use super::quota::Accounts;
use super::responses::Responses;
use super::tls::TlsSource;
use crate::api::Gateway;
use crate::config::{self, Environment, Overrides, Settings, stamps};
use crate::quota::Quota;
use crate::relay::leaving::Drainer;
use crate::telemetry::metrics::Metrics;
use crate::tenant::OnRevoke;

/// Editors and ConfigMaps change files in several steps; this long after the last one they are read.
const SETTLE: Duration = Duration::from_millis(200);

/// Where a configuration comes from, again and again.
#[derive(Debug, Clone)]
pub struct Source {
    /// What the command line said.
    pub overrides: Overrides,
    /// Whether the environment is that of the process (then `.env` is read again), or this one.
    pub environment: Option<Environment>,
}

impl Source {
    /// The same source, bound to the file that `settings` came from: if that file vanishes, a reload
    /// is refused instead of falling back to other places or to the defaults.
    pub(super) fn pinned(mut self, settings: &Settings) -> Self {
        self.overrides.file = self.overrides.file.or_else(|| settings.file.clone());
        self
    }

    fn load(&self) -> Result<Settings, String> {
        let environment = match &self.environment {
            Some(environment) => environment.clone(),
            None => Environment::of_process()?,
        };
        config::load(&self.overrides, &environment).map_err(|error| error.to_string())
    }
}

/// The parts of a running gateway that a reload changes.
pub(super) struct Reloader {
    pub(super) source: Source,
    /// Where the data plane really listens.
    pub(super) listen: SocketAddr,
    pub(super) gateway: Arc<Gateway>,
    pub(super) door: Arc<ArcSwap<Door>>,
    pub(super) tls: Option<Arc<TlsSource>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) quota: Arc<Quota>,
    pub(super) models: Arc<Refresher>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) drainer: Drainer,
    pub(super) media: Arc<Media>,
    pub(super) responses: Arc<Responses>,
    pub(super) keys: Arc<Keys>,
    pub(super) current: Mutex<(Settings, Built)>,
}

impl Reloader {
    /// Reads the configuration again. A broken one changes nothing but a log line and a metric.
    pub(super) fn reload(&self) {
        match self.source.load().and_then(|settings| self.apply(settings)) {
            Ok(()) => {
                self.metrics.reloaded(true, now());
                info!("the configuration was loaded again");
            }
            Err(faults) => {
                self.metrics.reloaded(false, now());
                error!("the new configuration was refused, the old one stays in force:\n{faults}");
            }
        }
    }

    /// Puts the settings of a file in force: everything that can fail first, then everything at once.
    fn apply(&self, of_file: Settings) -> Result<(), String> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = self.keys.with_stored(&of_file)?;
        self.check_exposure(&settings)?;
        let fresh = if current.1.suits(&settings) { None } else { Some(Built::new(&settings, &self.metrics)?) };
        self.media.configure(&settings)?;
        if let (Some(tls), Some(config)) = (&self.tls, &settings.server.tls) {
            tls.replace(config.clone());
        }
        warn_of_restarts(&current.0, &settings);
        if let Some(fresh) = fresh {
            current.1 = fresh;
        }
        self.keys.take_file(&of_file);
        self.accounts.configure(&settings);
        self.door.store(Arc::new(build::door(&settings.server, self.listen)));
        self.put_in_force(&mut current, settings);
        self.models.changed.notify_one();
        Ok(())
    }

    /// Puts in force what `change` makes of the settings.
    pub(super) fn change(&self, change: impl FnOnce(Settings) -> Settings) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = change(current.0.clone());
        self.put_in_force(&mut current, settings);
    }

    /// What requests look at is made anew.
    fn put_in_force(&self, current: &mut (Settings, Built), settings: Settings) {
        let tenants = self.keys.tenants(&settings);
        self.accounts.spending.configure(&settings);
        if let Err(error) = self.ledger.seed(&self.accounts.spending) {
            error!(%error, "what was spent of a new budget this month cannot be read; it begins at zero until the next start");
        }
        let (live, ledger) = (&self.models.live, &self.ledger);
        let shelf = self.responses.configure(settings.responses);
        let lasting = Lasting { drainer: &self.drainer, media: &self.media, shelf };
        self.gateway.replace(current.1.snapshot(&settings, tenants, &self.accounts, live, ledger, lasting));
        ledger.book.configure(ledger::policy(&settings));
        self.accounts.reconfigure(&settings);
        self.keys.put_in_force(&settings);
        current.0 = settings;
    }

    /// The socket that is bound counts, not the address in the new file.
    fn check_exposure(&self, settings: &Settings) -> Result<(), String> {
        let is_exposed = !self.listen.ip().is_loopback() && self.keys.tenants(settings).is_open();
        if is_exposed { Err(keys::exposed(self.listen)) } else { Ok(()) }
    }

    /// What happens to running streams of a key that is revoked.
    pub(super) fn on_revoke(&self) -> OnRevoke {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).0.on_revoke
    }

    /// The settings in force.
    pub(super) fn settings(&self) -> Settings {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// The files whose change means a reload.
    fn files(&self) -> BTreeSet<PathBuf> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.0.file.iter().chain(&current.0.watched).cloned().collect()
    }

    /// Whether a file changed after it was read, and before anybody watched it.
    fn is_stale(&self, files: &BTreeSet<PathBuf>) -> bool {
        stamps(files) != self.current.lock().unwrap_or_else(PoisonError::into_inner).0.stamps
    }

    /// Reloads whenever a file changes, for as long as it is polled.
    pub(super) async fn watch(&self) {
        loop {
            let files = self.files();
            let (sender, mut changes) = mpsc::channel(1);
            let Some(_watcher) = watcher(&files, sender) else { return std::future::pending().await };
            if self.is_stale(&files) {
                settled(&mut changes).await;
                self.reload();
            }
            // A reload may have brought other files: then they are watched instead.
            while files == self.files() {
                if changes.recv().await.is_none() {
                    return std::future::pending().await;
                }
                settled(&mut changes).await;
                self.reload();
            }
        }
    }
}

/// Waits until nothing has changed for a while.
async fn settled(changes: &mut mpsc::Receiver<()>) {
    while let Ok(Some(())) = tokio::time::timeout(SETTLE, changes.recv()).await {}
}

/// Seconds since the epoch.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Some settings are used once, at start.
fn warn_of_restarts(old: &Settings, new: &Settings) {
    let (a, b) = (&old.server, &new.server);
    let listens = a.listen != b.listen || old.admin_listen != new.admin_listen;
    let limits = (a.header_timeout, a.idle_timeout, a.write_timeout, a.max_connections, a.body_memory, a.drain_timeout)
        != (b.header_timeout, b.idle_timeout, b.write_timeout, b.max_connections, b.body_memory, b.drain_timeout);
    if old.media.dir != new.media.dir {
        warn!("a change to media.dir needs a restart");
    }
    if listens || limits || a.tls.is_some() != b.tls.is_some() || old.log != new.log || old.traces != new.traces {
        warn!(
            "changes to [server] addresses, limits and TLS on or off, to [admin], [log] and [traces] need a restart; the rest is in force"
        );
    }
}

/// Watches the folders of `files`: editors replace files, and a ConfigMap changes by a symbolic link
/// beside them.
fn watcher(files: &BTreeSet<PathBuf>, sender: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let folders: BTreeSet<PathBuf> = files.iter().map(|file| folder(file)).collect();
    if folders.is_empty() {
        return None;
    }
    let names: BTreeSet<OsString> = files.iter().filter_map(|file| file.file_name()).map(OsString::from).collect();
    let report = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| is_change(&event, &names)) {
            let _full_means_one_is_waiting = sender.try_send(());
        }
    };
    let mut watcher = notify::recommended_watcher(report)
        .map_err(|error| warn!(%error, "cannot watch files; use SIGHUP to reload"))
        .ok()?;
    for folder in folders {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
            warn!(%error, folder = %folder.display(), "cannot watch this folder; use SIGHUP to reload");
        }
    }
    Some(watcher)
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Whether one of the watched names changed, or the link by which Kubernetes swaps a whole folder.
fn is_change(event: &notify::Event, names: &BTreeSet<OsString>) -> bool {
    const CONFIG_MAP_LINK: &str = "..data";
    !event.kind.is_access()
        && event
            .paths
            .iter()
            .filter_map(|path| path.file_name())
            .any(|name| names.contains(name) || name == CONFIG_MAP_LINK)
}
