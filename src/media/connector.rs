//! Connections that lead only where they may: the addresses of a name are looked at once, and what was looked at is what is
//! connected to, so a name server that answers differently the second time (DNS rebinding) is not asked a second time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::error::MediaError;
use super::hosts::Way;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Time for one address (ours): the next one may answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Addresses of a name that are tried (ours).
const MOST_TRIED: usize = 4;

/// Finds the addresses of a host and port.
pub(super) type Resolve = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The system's resolver.
pub(super) fn system() -> Resolve {
    Arc::new(|host, port| {
        Box::pin(async move {
            if let Ok(address) = host.parse::<IpAddr>() {
                return Ok(vec![SocketAddr::new(address, port)]);
            }
            Ok(tokio::net::lookup_host((host, port)).await?.collect())
        })
    })
}

/// See the module.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) resolve: Resolve,
    pub(super) way: Way,
}

impl Connector {
    async fn connect(self, url: Uri) -> Result<TcpStream, BoxError> {
        let host = url.host().ok_or(MediaError::Url)?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 });
        let found =
            (self.resolve)(host, port).await.map_err(|_| MediaError::Unreachable("name not found".to_owned()))?;
        let mut allowed = found.into_iter().filter(|address| self.way.leads_to(*address)).take(MOST_TRIED).peekable();
        if allowed.peek().is_none() {
            return Err(MediaError::Address.into());
        }
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for address in allowed {
            match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
                // The system's word for where it leads, which nobody can have changed meanwhile.
                Ok(Ok(stream)) if self.way.leads_to(stream.peer_addr()?) => return Ok(stream),
                Ok(Ok(_elsewhere)) => return Err(MediaError::Address.into()),
                Ok(Err(error)) => last = error,
                Err(_too_slow) => {}
            }
        }
        Err(MediaError::Unreachable(last.kind().to_string()).into())
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let connecting = self.clone().connect(url);
        Box::pin(async move { Ok(TokioIo::new(connecting.await?)) })
    }
}
