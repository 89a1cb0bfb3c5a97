//! The accept loop: connections up to a number, each under its limits of time, HTTP/1.1 or HTTP/2,
//! plain or TLS.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::active::Activity;
use super::drain::Drain;
use super::guarded_io::{GuardedIo, IoLimits};
use super::service::{Plane, PlaneService};
use super::tls::TlsSource;
use super::workers::Workers;

/// Most bytes buffered for one connection, and of a request's head (ours; nginx's default for heads).
const MOST_BUFFERED: usize = 32 * 1024;
/// Streams at once on one HTTP/2 connection (ours; browsers use about 100).
const H2_STREAMS: u32 = 256;
/// Pause after a failed accept (ours): out of descriptors, a busy loop would help nobody.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listening socket and what becomes of its connections.
pub(super) struct Acceptor<P: Plane> {
    pub(super) listener: TcpListener,
    pub(super) connections: Connections<P>,
}

/// Everything that a connection needs. It outlives the listener, which closes when the drain begins,
/// so that new callers are refused at once and may turn to another replica.
pub(super) struct Connections<P: Plane> {
    pub(super) tls: Option<Arc<TlsSource>>,
    pub(super) limits: IoLimits,
    pub(super) max_connections: u32,
    pub(super) open: Option<IntGauge>,
    pub(super) workers: Arc<Workers<P>>,
}

impl<P: Plane> Acceptor<P> {
    /// Accepts until the drain begins. Connections run in `tasks`.
    pub(super) async fn run(self, drain: Drain, tasks: TaskTracker) {
        let room = Arc::new(Semaphore::new(self.connections.max_connections as usize));
        let connections = Arc::new(self.connections);
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &room) => accepted,
                () = drain.begins() => return,
            };
            let Some((stream, peer, permit)) = accepted else { continue };
            tasks.spawn(connections.clone().connection(stream, peer, permit, drain.clone()));
        }
    }
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer.ip(), permit)),
        Err(error) => {
            warn!(%error, "cannot accept a connection; if descriptors ran out, raise the limit of open files");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

impl<P: Plane> Connections<P> {
    async fn connection(self: Arc<Self>, stream: TcpStream, peer: IpAddr, _permit: OwnedSemaphorePermit, drain: Drain) {
        let _open = self.open.clone().map(Counted::new);
        let _unset = stream.set_nodelay(true);
        match self.tls.as_ref().map(|tls| TlsAcceptor::from(tls.current())) {
            None => self.serve(stream, peer, &drain).await,
            Some(acceptor) => {
                let handshake = tokio::time::timeout(self.limits.header, acceptor.accept(stream));
                match handshake.await {
                    Ok(Ok(stream)) => self.serve(stream, peer, &drain).await,
                    Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
                    Err(_elapsed) => debug!("TLS handshake took too long"),
                }
            }
        }
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: IpAddr, drain: &Drain) {
        let activity = Arc::new(Activity::new());
        let io = TokioIo::new(GuardedIo::new(stream, self.limits, activity.clone(), drain.clone()));
        let builder = builder();
        let service = PlaneService::new(self.workers.clone(), peer, activity);
        let connection = builder.serve_connection(io, service).into_owned();
        let result = drain.watch(connection, |connection| connection.graceful_shutdown()).await;
        if let Some(Err(error)) = result {
            debug!(error, "a connection ended early");
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().writev(false).max_buf_size(MOST_BUFFERED).timer(TokioTimer::new()).header_read_timeout(None);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS)
        .max_header_list_size(MOST_BUFFERED as u32)
        .max_send_buf_size(MOST_BUFFERED)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// A gauge that is one higher while this lives.
struct Counted(IntGauge);

impl Counted {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
