//! What goes on beside the requests: some of it until the end begins, the rest until the last stream is over.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use super::parts::Parts;
use crate::quota::Quota;
use crate::telemetry::metrics::Metrics;

/// The tasks that the last streams need as well: those who wait for their turn are served to the end, and a key that is
/// taken back meanwhile is taken back.
#[derive(Default)]
pub(super) struct Background {
    tasks: TaskTracker,
    is_over: CancellationToken,
}

impl Background {
    /// Starts them.
    pub(super) fn start(parts: &mut Parts) -> Self {
        let background = Self::default();
        let reloader = &parts.reloader;
        background.spawn(keep_time(reloader.quota.clone(), reloader.metrics.clone()));
        background.spawn(reloader.responses.clone().run());
        background.spawn(reloader.keys.clone().watch(reloader.clone()));
        let (herald, source) = (parts.herald.clone(), reloader.clone());
        background.spawn(async move { herald.run(|| source.settings()).await });
        let keeper = parts.keeper.clone();
        background.spawn(async move { keeper.write_soon().await });
        let (ledger, source) = (reloader.ledger.clone(), reloader.clone());
        background.spawn(async move { ledger.run(|| source.settings().ledger.keep).await });
        let (poller, source) = (parts.poller.clone(), reloader.clone());
        background.spawn(async move { poller.run(|| source.settings().jobs.poll).await });
        let media = reloader.media.clone();
        background.spawn(async move { media.run().await });
        let pulse = parts.pulse.clone();
        background.spawn(async move { pulse.run().await });
        // Sends the spans of the last requests too.
        background.tasks.spawn(std::mem::take(&mut parts.traces).run(background.is_over.clone()));
        background
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.is_over.clone().run_until_cancelled_owned(task));
    }

    /// Ends them where they are. Nothing is lost: what they had left to write is written by [`save`].
    pub(super) async fn stop(self) {
        self.is_over.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Does what ends when no new requests are welcome, for as long as it is polled: nothing new is put in force any more.
pub(super) async fn tend(parts: &Parts) {
    let reloader = &parts.reloader;
    tokio::select! {
        () = reloader.watch() => {}
        () = parts.keeper.clone().run(|| reloader.settings()) => {}
        () = reloader.models.run(&reloader.gateway, || reloader.settings().models.refresh) => {}
    }
}

/// Writes down what nobody has written yet. What is not in the database then is in the journal. Blocks.
pub(super) fn save(parts: &Parts) {
    parts.reloader.ledger.filer.iter().for_each(|filer| filer.file());
    parts.reloader.responses.file();
    parts.keeper.save();
}

/// Wakes those who wait. A mistake there must not leave them waiting.
async fn keep_time(quota: Arc<Quota>, metrics: Arc<Metrics>) {
    while AssertUnwindSafe(quota.keep_time()).catch_unwind().await.is_err() {
        metrics.panics.inc();
        error!("the quota's clock panicked and goes on; this is a mistake of the gateway, please report it");
    }
}
