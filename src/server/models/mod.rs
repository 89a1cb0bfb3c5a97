//! The upstream's own list of models, fetched in the background: at start, from time to time, and when the upstream
//! changes. The last good one is kept on disk. Nobody waits for it: a list that is slow, broken, empty or huge changes
//! nothing but a metric and a log line.

mod fetch;
mod kept;
mod shown;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{error, info, warn};

use self::fetch::fetch;
use self::kept::{NOTE, read, seconds, write};
pub use self::shown::{ModelDifferences, models_diff, models_of};
use crate::api::Gateway;
use crate::catalog::live::{Live, LiveList};
use crate::state::{Folder, Note};
use crate::telemetry::metrics::Metrics;

/// The first pause after a failure; it doubles up to the usual one (ours).
const FIRST_PAUSE: Duration = Duration::from_secs(60);

/// Whoever fetches the list.
#[derive(Debug)]
pub(super) struct Refresher {
    /// The list in use.
    pub(super) live: Arc<Live>,
    /// Told when the configuration has changed.
    pub(super) changed: Notify,
    /// The upstream that the list is of.
    base_url: Mutex<String>,
    note: Option<Arc<Note>>,
    metrics: Arc<Metrics>,
}

impl Refresher {
    /// One that has no list yet; without a folder nothing is kept.
    pub(super) fn new(folder: Option<&Folder>, metrics: Arc<Metrics>) -> Self {
        Self {
            live: Arc::default(),
            changed: Notify::new(),
            base_url: Mutex::default(),
            note: folder.map(|folder| Arc::new(Note::new(folder, NOTE))),
            metrics,
        }
    }

    /// Takes up the list that an earlier life has kept, if it is of the upstream at `base_url`.
    pub(super) fn load(&self, base_url: &str) {
        let kept = self.note.as_ref().and_then(|note| {
            note.read().map_err(|error| warn!(%error, "the kept list of models cannot be read")).ok().flatten()
        });
        self.take(base_url, kept.and_then(|kept| read(&kept, base_url)));
    }

    /// Fetches the list whenever it is due, for as long as it is polled.
    pub(super) async fn run(&self, gateway: &Gateway, period: impl Fn() -> Duration) {
        let (mut tried, mut failures): (Option<Instant>, u32) = (None, 0);
        loop {
            let due = due(tried, failures, period());
            tokio::select! {
                () = until(due) => {
                    let fetched = AssertUnwindSafe(self.refresh(gateway)).catch_unwind().await;
                    let is_good = fetched.unwrap_or_else(|_panic| {
                        self.metrics.panics.inc();
                        error!("fetching the list of models panicked; this is a mistake of the gateway, please report it");
                        false
                    });
                    (tried, failures) = (Some(Instant::now()), if is_good { 0 } else { failures.saturating_add(1) });
                }
                () = self.changed.notified() => {
                    let base_url = gateway.snapshot().upstream.base_url().to_string();
                    if *self.base_url() != base_url {
                        self.take(&base_url, None);
                        (tried, failures) = (None, 0);
                    }
                }
            }
        }
    }

    /// Fetches the list once; whether that went well.
    async fn refresh(&self, gateway: &Gateway) -> bool {
        let upstream = gateway.snapshot().upstream.clone();
        let base_url = upstream.base_url().to_string();
        match fetch(&upstream).await {
            Ok(list) => {
                info!(models = list.ids().count(), "the upstream's list of models was fetched");
                self.keep(&base_url, &list).await;
                self.metrics.models.refreshed("ok");
                self.take(&base_url, Some(list));
                true
            }
            Err(error) => {
                warn!(error, "the upstream's list of models could not be fetched; the last one stays in use");
                self.metrics.models.refreshed("failed");
                false
            }
        }
    }

    fn take(&self, base_url: &str, list: Option<LiveList>) {
        *self.base_url() = base_url.to_owned();
        let fetched = list.as_ref().map_or(0, |list| seconds(list.fetched));
        self.metrics.models.listed(list.as_ref().map_or(0, |list| list.ids().count()), fetched);
        self.live.replace(list);
    }

    /// Writes the list down, beside the requests.
    async fn keep(&self, base_url: &str, list: &LiveList) {
        let (Some(note), Some(bytes)) = (self.note.clone(), write(base_url, list)) else { return };
        let written = tokio::task::spawn_blocking(move || note.replace(&bytes)).await;
        if let Ok(Err(error)) = written {
            warn!(%error, "the list of models could not be kept");
        }
    }

    fn base_url(&self) -> std::sync::MutexGuard<'_, String> {
        self.base_url.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When to fetch next: at once, after a pause that grows with the failures, or after the usual time; `None` is never.
fn due(tried: Option<Instant>, failures: u32, period: Duration) -> Option<Instant> {
    if period.is_zero() {
        return None;
    }
    let pause = match failures {
        0 => period,
        _ => FIRST_PAUSE.saturating_mul(2u32.saturating_pow((failures - 1).min(10))).min(period),
    };
    Some(tried.map_or_else(Instant::now, |tried| tried + pause))
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_are_tried_again_sooner_but_not_at_once() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        assert_eq!(due(None, 0, hour), Some(now));
        assert_eq!(due(Some(now), 0, hour), Some(now + hour));
        assert_eq!(due(Some(now), 1, hour), Some(now + FIRST_PAUSE));
        assert_eq!(due(Some(now), 3, hour), Some(now + FIRST_PAUSE * 4));
        assert_eq!(due(Some(now), u32::MAX, hour), Some(now + hour));
        assert_eq!(due(Some(now), 1, Duration::from_secs(5)), Some(now + Duration::from_secs(5)));
        assert_eq!(due(None, 0, Duration::ZERO), None);
    }
}
