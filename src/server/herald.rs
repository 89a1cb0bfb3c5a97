//! Tells somebody when a budget is nearly used up, or is: one message for each threshold, sent in the background.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::ExposeSecret;
use tokio::sync::{Mutex, mpsc};
use tracing::warn;

use crate::config::{BudgetSettings, Settings};
use crate::quota::budget::Crossing;
use crate::telemetry::metrics::Metrics;
use crate::upstream::{TransportSettings, hmac, post};

/// Messages that wait to be sent (ours): more than that have a common cause, and the first ones tell it.
const MOST_WAITING: usize = 64;
/// Pauses before it is tried again (ours).
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];
/// Time for one try (ours).
const PATIENCE: Duration = Duration::from_secs(10);
/// Who signed the body, if there is a secret: `sha256=` and the HMAC-SHA256 of the body in hex.
const SIGNATURE: HeaderName = HeaderName::from_static("x-flowgate-signature");

/// See the module.
#[derive(Debug)]
pub(super) struct Herald {
    queue: mpsc::Sender<Crossing>,
    waiting: Mutex<mpsc::Receiver<Crossing>>,
    metrics: Arc<Metrics>,
}

impl Herald {
    /// One who has nothing to tell yet.
    pub(super) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        Arc::new(Self { queue, waiting: Mutex::new(waiting), metrics })
    }

    /// Takes a message, and never blocks.
    pub(super) fn tell(&self, crossing: Crossing) {
        if self.queue.try_send(crossing).is_err() {
            self.metrics.budgets.webhook("dropped");
        }
    }

    /// Sends messages one by one, for as long as it is polled.
    pub(super) async fn run(&self, settings: impl Fn() -> Settings) {
        while let Some(crossing) = self.waiting.lock().await.recv().await {
            let view = &crossing.view;
            let (scope, name, period) = (view.scope.label(), view.scope.name(), view.period.label());
            let (limit, used) = (view.unit.shown(view.limit), view.used_percent());
            warn!(scope, %name, period, limit, used, "a budget passed its {} threshold", crossing.threshold.label());
            let Settings { budget, transport, .. } = settings();
            if budget.webhook.is_some() {
                let is_sent = deliver(&budget, &transport, message(&crossing)).await;
                self.metrics.budgets.webhook(if is_sent { "ok" } else { "failed" });
            }
        }
    }
}

/// What is sent: the budget as everywhere else, which threshold, and when.
fn message(crossing: &Crossing) -> Bytes {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let threshold = crossing.threshold.label();
    let message = serde_json::json!({"event": "budget", "threshold": threshold, "at": now, "budget": &crossing.view});
    message.to_string().into()
}

/// Whether anybody took `body`, at once or after a pause.
async fn deliver(settings: &BudgetSettings, transport: &TransportSettings, body: Bytes) -> bool {
    let Some(url) = &settings.webhook else { return false };
    let headers = headers(settings, &body);
    let pauses = PAUSES.into_iter().map(Some).chain([None]);
    for pause in pauses {
        // The address may have a secret in it: it is in no log line.
        match post(transport, url, headers.clone(), body.clone(), PATIENCE).await {
            Ok(status) if status.is_success() => return true,
            Ok(status) => warn!(%status, "the webhook of budgets refused a message"),
            Err(error) => warn!(error, "a message about a budget did not reach its webhook"),
        }
        let Some(pause) = pause else { break };
        tokio::time::sleep(pause).await;
    }
    false
}

fn headers(settings: &BudgetSettings, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("flowgate/", env!("CARGO_PKG_VERSION"))));
    let sign = |secret: &str| HeaderValue::try_from(format!("sha256={}", hmac::hex(secret.as_bytes(), body))).ok();
    let signature = settings.webhook_secret.as_ref().and_then(|secret| sign(secret.expose_secret()));
    headers.extend(signature.map(|signature| (SIGNATURE, signature)));
    headers
}
