//! Kept responses in a running gateway: what is kept can be found at once, and goes to the archive beside the requests.

mod memory;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::bridge::responses::shelf::{Archive, Kept, Shelf, ShelfError};
use crate::config::ResponseSettings;
use memory::Memory;

/// How long responses may wait to be filed together (ours).
const SOON: Duration = Duration::from_millis(50);
/// Time until an archive that failed is tried again (ours).
const AGAIN: Duration = Duration::from_secs(1);
/// How often old responses are looked for (ours).
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// Most that waits for the archive (bytes; ours): a disk that fails must not fill the memory.
const MOST_WAITING: u64 = 64 * 1024 * 1024;

/// Whoever keeps responses.
pub(super) struct Responses {
    archive: Arc<dyn Archive>,
    settings: Mutex<ResponseSettings>,
    waiting: Mutex<Waiting>,
    /// Held while something goes to the archive or out of it: what was forgotten must not come back.
    filing: Mutex<()>,
    changed: Notify,
}

/// What is not in the archive yet.
#[derive(Default)]
struct Waiting {
    kept: HashMap<String, Arc<Kept>>,
    bytes: u64,
    /// Whether the archive did not take the last batch.
    is_failing: bool,
}

impl std::fmt::Debug for Responses {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Responses").finish_non_exhaustive()
    }
}

impl Responses {
    /// One over `archive`; without one everything stays in memory.
    pub(super) fn new(archive: Option<Arc<dyn Archive>>, settings: ResponseSettings) -> Arc<Self> {
        Arc::new(Self {
            archive: archive.unwrap_or_else(|| Arc::new(Memory::default())),
            settings: Mutex::new(settings),
            waiting: Mutex::default(),
            filing: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Puts other settings in force, and returns where requests keep their responses, if they may.
    pub(super) fn configure(self: &Arc<Self>, settings: ResponseSettings) -> Option<Arc<dyn Shelf>> {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        settings.is_kept.then(|| self.clone() as Arc<dyn Shelf>)
    }

    /// Files what comes and removes what is old, for as long as it is polled. Sleeps while nothing happens.
    pub(super) async fn run(self: Arc<Self>) {
        tokio::join!(self.clone().filing(), self.pruning());
    }

    async fn filing(self: Arc<Self>) {
        loop {
            let (is_empty, is_failing) = {
                let waiting = self.waiting();
                (waiting.kept.is_empty(), waiting.is_failing)
            };
            if is_empty {
                self.changed.notified().await;
            }
            tokio::time::sleep(if is_failing { AGAIN } else { SOON }).await;
            let own = self.clone();
            let _panicked_and_was_told = tokio::task::spawn_blocking(move || own.file()).await;
        }
    }

    async fn pruning(self: Arc<Self>) {
        loop {
            let own = self.clone();
            let _panicked_and_was_told = tokio::task::spawn_blocking(move || own.prune()).await;
            tokio::time::sleep(PRUNE_EVERY).await;
        }
    }

    /// Files all that waits. Blocks.
    pub(super) fn file(&self) {
        let _nothing_is_forgotten_meanwhile = self.filing.lock().unwrap_or_else(PoisonError::into_inner);
        let batch: Vec<Arc<Kept>> = self.waiting().kept.values().cloned().collect();
        if batch.is_empty() {
            return;
        }
        let filed = self.archive.file(&batch);
        let mut waiting = self.waiting();
        match filed {
            Ok(()) => {
                for kept in &batch {
                    waiting.take(&kept.id);
                }
                if std::mem::take(&mut waiting.is_failing) {
                    info!("responses can be kept again");
                }
            }
            Err(error) if !std::mem::replace(&mut waiting.is_failing, true) => {
                error!(%error, "responses cannot be kept and wait in memory; requests go on");
            }
            Err(_) => {}
        }
    }

    fn prune(&self) {
        let settings = self.settings();
        match self.archive.prune(since(settings), settings.most_bytes) {
            Ok(0) => {}
            Ok(count) => info!(count, "old responses were removed"),
            Err(error) => warn!(%error, "old responses cannot be removed now"),
        }
    }

    fn settings(&self) -> ResponseSettings {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self, id: &str) -> Option<Arc<Kept>> {
        let kept = self.kept.remove(id)?;
        self.bytes -= kept.bytes();
        Some(kept)
    }
}

/// What was made before is too old (unix seconds).
fn since(settings: ResponseSettings) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    settings.keep.map_or(0, |keep| now.saturating_sub(keep).as_secs())
}

impl Shelf for Responses {
    fn keep(&self, kept: Kept) {
        let mut waiting = self.waiting();
        let bytes = kept.bytes();
        if waiting.bytes + bytes > MOST_WAITING {
            warn!("a response is not kept: too many wait for the disk");
            return;
        }
        waiting.take(&kept.id);
        waiting.bytes += bytes;
        waiting.kept.insert(kept.id.clone(), Arc::new(kept));
        self.changed.notify_one();
    }

    fn find(&self, key: &str, id: &str) -> Result<Option<Kept>, ShelfError> {
        let since = since(self.settings());
        if let Some(kept) = self.waiting().kept.get(id) {
            let is_found = *kept.key == *key && kept.created_at >= since;
            return Ok(is_found.then(|| (**kept).clone()));
        }
        self.archive.find(key, id, since)
    }

    fn forget(&self, key: &str, id: &str) -> Result<bool, ShelfError> {
        let _nothing_is_filed_meanwhile = self.filing.lock().unwrap_or_else(PoisonError::into_inner);
        let was_waiting = {
            let mut waiting = self.waiting();
            let is_own = waiting.kept.get(id).is_some_and(|kept| *kept.key == *key);
            is_own && waiting.take(id).is_some()
        };
        Ok(self.archive.remove(key, id)? || was_waiting)
    }
}
