//! The keeper of pictures and videos in a running gateway: where it keeps them, with which secret it signs, what it may fetch.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

use super::error::StartError;
use super::state::Loaded;
use crate::config::Settings;
use crate::media::{Home, Keeper};
use crate::state::{Durability, Folder, Note, StateError};
use crate::telemetry::metrics::Metrics;
use crate::upstream;

/// The note in the state folder that holds the secret which signs links.
const SECRET: &str = "media-secret";
/// How often old things are looked for (ours).
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// A keeper, and its folder, which is this process's own for as long as it is held.
pub(super) struct Media {
    pub(super) keeper: Arc<Keeper>,
    _folder: Option<Folder>,
}

impl Media {
    /// The keeper of a gateway with this state; one that leaves nothing behind where there is none. Blocks on the disk.
    ///
    /// # Errors
    /// When the folder or the secret cannot be used.
    pub(super) fn open(
        settings: &Settings,
        loaded: Option<&Loaded>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let failed = |error: StateError| StartError::Settings(error.to_string());
        let path = settings.media.dir.clone().unwrap_or_else(|| settings.state.dir.join("media"));
        // The remedy is another setting here.
        let unusable =
            |error: StateError| StartError::Settings(error.to_string().replace("`state.dir`", "`media.dir`"));
        let folder = loaded.map(|_| Folder::open(&path)).transpose().map_err(unusable)?;
        let secret = secret(loaded).map_err(failed)?;
        let is_synced = settings.state.durability == Durability::Power;
        let home = match &folder {
            Some(_) => Home::Folder { path: path.clone(), is_synced },
            None => Home::Nowhere(std::env::temp_dir()),
        };
        let upstream = settings.transport.base_url.to_string();
        let tls = tls(settings).map_err(StartError::Settings)?;
        let keeper =
            Keeper::open(home, &secret, settings.media.clone(), &upstream, tls, metrics.clone(), Arc::new(now));
        let keeper =
            keeper.map_err(|error| StartError::Settings(format!("cannot read {}: {error}", path.display())))?;
        Ok(Self { keeper: Arc::new(keeper), _folder: folder })
    }

    /// Puts new settings in force.
    ///
    /// # Errors
    /// What is wrong with the certificates in them.
    pub(super) fn configure(&self, settings: &Settings) -> Result<(), String> {
        self.keeper.configure(settings.media.clone(), &settings.transport.base_url.to_string(), tls(settings)?);
        Ok(())
    }

    /// Removes what is old, for as long as it is polled.
    pub(super) async fn run(&self) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            let keeper = self.keeper.clone();
            let _panicked_and_was_told = tokio::task::spawn_blocking(move || keeper.sweep()).await;
        }
    }
}

fn tls(settings: &Settings) -> Result<rustls::ClientConfig, String> {
    upstream::tls(settings.transport.extra_roots.as_deref()).map_err(|error| format!("upstream.ca_file: {error}"))
}

/// The secret of this gateway; made the first time.
fn secret(loaded: Option<&Loaded>) -> Result<[u8; 32], StateError> {
    let note = loaded.map(|loaded| Note::new(&loaded.folder, SECRET));
    let kept = note.as_ref().map(Note::read).transpose()?.flatten();
    if let Some(secret) = kept.and_then(|bytes| bytes.try_into().ok()) {
        return Ok(secret);
    }
    let mut secret = [0; 32];
    SystemRandom::new().fill(&mut secret).map_err(|_| StateError::NoRandom)?;
    note.map_or(Ok(()), |note| note.replace_for_good(&secret))?;
    Ok(secret)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
