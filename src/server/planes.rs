//! What stands behind the two sockets: the data plane for callers, the admin plane for operators and monitors.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::accept::Connections;
use super::door::Door;
use super::drain::Drain;
use super::guarded_io::IoLimits;
use super::ledger::Faults;
use super::parts::Parts;
use super::reload::Reloader;
use super::service::{AdminPlane, DataPlane};
use super::workers::Workers;
use crate::admin::{self, AdminState, Readiness};
use crate::config::Settings;
use crate::telemetry::metrics::upstream::UpstreamMetrics;
use crate::upstream::Upstream;

/// Connections at once on the admin plane (ours).
const ADMIN_CONNECTIONS: u32 = 64;

/// The data plane of `parts`.
pub(super) fn data(settings: &Settings, parts: &Parts) -> Connections<DataPlane> {
    let reloader = &parts.reloader;
    Connections {
        tls: reloader.tls.clone(),
        limits: limits(settings),
        max_connections: settings.server.max_connections,
        open: Some(reloader.metrics.connections.clone()),
        workers: Workers::new(DataPlane { gateway: reloader.gateway.clone(), door: reloader.door.clone() }),
    }
}

/// The admin plane of `parts`.
pub(super) fn admin(settings: &Settings, parts: &Parts) -> Connections<AdminPlane> {
    let door = Door::new(settings.admin_listen.ip().is_loopback(), settings.server.hosts.clone(), Vec::new());
    let router = admin::router(admin_state(parts));
    Connections {
        tls: None,
        limits: limits(settings),
        max_connections: ADMIN_CONNECTIONS,
        open: None,
        workers: Workers::new(AdminPlane { router, door: Arc::new(ArcSwap::from_pointee(door)) }),
    }
}

fn limits(settings: &Settings) -> IoLimits {
    let server = &settings.server;
    IoLimits { header: server.header_timeout, idle: server.idle_timeout, write: server.write_timeout }
}

/// What the admin plane may ask of the parts.
fn admin_state(parts: &Parts) -> AdminState {
    let (drain, pulse, parts) = (parts.drain.clone(), parts.pulse.clone(), &parts.reloader);
    let (ledger, media) = (parts.ledger.clone(), parts.media.clone());
    let (accounts, shown) = (parts.accounts.clone(), parts.clone());
    AdminState {
        metrics: parts.metrics.clone(),
        ledger: parts.ledger.store(),
        readiness: Arc::new(move || ready(&drain, &ledger.faults(), media.keeper.fault())),
        limits: Arc::new(move || accounts.json()),
        live: Arc::new(move || pulse.live()),
        refresh: Arc::new(move || refresh(&shown)),
        desk: Arc::new(parts.keys.desk()),
        token: parts.keys.token.clone(),
    }
}

/// Brings gauges that nobody updates as they change up to date.
fn refresh(parts: &Reloader) {
    parts.ledger.show(&parts.metrics.ledger);
    show_upstream(&parts.gateway.snapshot().upstream, &parts.metrics.upstream);
    parts.accounts.show(&parts.metrics);
}

/// Those of the upstream's health.
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
