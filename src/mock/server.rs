//! The listener: its own accept loop, so that a connection can be taken away from HTTP in mid-answer (`wire`).
//! Every task belongs to a set owned by its parent: dropping [`MockServer`] ends them all.

use super::control::MockControl;
use super::emulator::Emulator;
use super::quota::QuotaUse;
use super::routes;
use super::settings::MockSettings;
use super::wire::{self, Hijack, Script};
use axum::Router;
use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;
use tracing::debug;

/// A running emulator. Dropping it stops it and cuts its connections.
#[derive(Debug)]
pub struct MockServer {
    addr: SocketAddr,
    control: MockControl,
    tasks: JoinSet<()>,
}

/// Starts an emulator; it listens when this returns.
///
/// # Errors
/// When the address cannot be had.
pub async fn start(settings: MockSettings) -> std::io::Result<MockServer> {
    let listener = TcpListener::bind(settings.listen).await?;
    let addr = listener.local_addr()?;
    let emulator = Emulator::shared(settings)?;
    let control = MockControl::of(emulator.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(accept(listener, routes::all(emulator)));
    Ok(MockServer { addr, control, tasks })
}

impl MockServer {
    /// Where it listens, with the real port.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a client takes as its base URL: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Counters, records and switches, as under `/mock/` over HTTP.
    #[must_use]
    pub fn control(&self) -> &MockControl {
        &self.control
    }

    /// What became of every quota: [`MockControl::quota`].
    #[must_use]
    pub fn quota(&self) -> Vec<QuotaUse> {
        self.control.quota()
    }

    /// Stops at once: closes the listener and cuts every connection. Returns when all tasks are gone.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    /// Runs until the task is dropped. For a program that does nothing else.
    pub async fn run(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn accept(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => { connections.spawn(serve(socket, router.clone())); }
                // Out of descriptors, most likely: wait for some to be given back.
                Err(error) => {
                    debug!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
        }
    }
}

async fn serve(socket: TcpStream, router: Router) {
    if let Err(error) = speak(socket, router).await {
        debug!(%error, "a connection to the emulator ended early");
    }
}

async fn speak(socket: TcpStream, router: Router) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    socket.set_nodelay(true)?;
    let (hijack, mut scripts) = Hijack::pair();
    let service = service_fn(move |request| answer(router.clone(), hijack.clone(), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    let script: Script = tokio::select! {
        biased;
        Some(script) = scripts.recv() => script,
        ended = &mut connection => return Ok(ended?),
    };
    wire::play(connection.into_parts().io, script).await?;
    Ok(())
}

type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

fn answer(router: Router, hijack: Hijack, request: Request<hyper::body::Incoming>) -> Answer {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(hijack);
    Box::pin(router.oneshot(request))
}
