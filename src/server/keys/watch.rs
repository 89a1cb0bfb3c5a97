//! Brings changes of the store into force: a task that looks whether there were any.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tracing::{error, info};

use super::Keys;
use crate::server::reload::Reloader;

/// How often it looks (ours): a key that was taken back must open nothing within a second, and a command tells nobody.
const LOOK: Duration = Duration::from_millis(250);

impl Keys {
    /// Looks for as long as it is polled. A mistake there must not leave a revoked key in force.
    pub(in crate::server) async fn watch(self: Arc<Self>, reloader: Arc<Reloader>) {
        loop {
            let round = AssertUnwindSafe(self.round(&reloader)).catch_unwind().await;
            if round.is_err() {
                self.metrics.panics.inc();
                error!(
                    "looking for changed keys panicked and goes on; this is a mistake of the gateway, please report it"
                );
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    async fn round(self: &Arc<Self>, reloader: &Reloader) {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = self.changed.notified() => {}
        }
        let keys = self.clone();
        if tokio::task::spawn_blocking(move || keys.look()).await.unwrap_or(false) {
            reloader.change(|settings| self.refreshed(settings));
            info!("keys or teams were changed");
        }
        self.expire(SystemTime::now(), reloader.on_revoke());
    }
}
