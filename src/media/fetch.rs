//! Fetches what is behind a link, with limits on everything: where it leads, how long it takes, how much comes, what it is.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

use super::connector::{Connector, Resolve};
use super::error::MediaError;
use super::hosts::{Hosts, Way};
use super::receiver::Receiver;

/// Pauses before another try (ours).
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];
/// Most bytes of an answer's head (ours).
const MOST_HEAD: usize = 32 * 1024;

/// What fetching needs to know.
#[derive(Clone)]
pub(super) struct Fetcher {
    pub(super) hosts: Hosts,
    pub(super) timeout: Duration,
    pub(super) tls: Arc<rustls::ClientConfig>,
    pub(super) resolve: Resolve,
}

impl Fetcher {
    /// Hands what is behind `link` to `receiver`. Tried again where that may help, as long as nothing has come. Dropping the
    /// future closes the connection.
    ///
    /// # Errors
    /// [`MediaError`].
    pub(super) async fn fetch(&self, link: &str, receiver: &mut Receiver) -> Result<(), MediaError> {
        let (url, way) = self.way(link)?;
        let connector = Connector { resolve: self.resolve.clone(), way };
        let deadline = Instant::now() + self.timeout;
        let mut pauses = PAUSES.into_iter();
        loop {
            let once = tokio::time::timeout_at(deadline, self.once(&url, connector.clone(), receiver));
            let error = match once.await.unwrap_or(Err(MediaError::TooSlow(self.timeout))) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match pauses.next().filter(|_| error.is_passing() && receiver.is_empty()) {
                Some(pause) if Instant::now() + pause < deadline => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    /// Where `link` leads, and by which way.
    ///
    /// # Errors
    /// Why it must not be followed.
    pub(super) fn way(&self, link: &str) -> Result<(Uri, Way), MediaError> {
        let url: Uri = link.parse().map_err(|_| MediaError::Url)?;
        let way = self.hosts.way(&url)?;
        Ok((url, way))
    }

    async fn once(&self, url: &Uri, connector: Connector, receiver: &mut Receiver) -> Result<(), MediaError> {
        let answer = self.get(url, connector).await?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => return Err(MediaError::Redirect(status.as_u16())),
            status => return Err(MediaError::Status(status.as_u16())),
        }
        if answer.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            // Nobody asked for it, and what is small here may be endless unpacked.
            return Err(MediaError::Content("plain file"));
        }
        let mut body = answer.into_body();
        receiver.check_length(body.size_hint().lower())?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| MediaError::Broken)?;
            if let Ok(data) = frame.into_data() {
                receiver.push(&data).await?;
            }
        }
        Ok(())
    }

    /// Over a connection of its own; nothing that says who asks.
    async fn get(&self, url: &Uri, connector: Connector) -> Result<Response<Incoming>, MediaError> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config((*self.tls).clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(MOST_HEAD)
            .build::<_, Empty<Bytes>>(connector);
        let request = Request::get(url)
            .header(header::USER_AGENT, concat!("flowgate/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT, "image/*, video/mp4")
            .body(Empty::new())
            .map_err(|_| MediaError::Url)?;
        client.request(request).await.map_err(|error| cause(&error))
    }
}

/// What was behind a failure of the client.
fn cause(error: &hyper_util::client::legacy::Error) -> MediaError {
    let mut source = error.source();
    while let Some(inner) = source {
        match inner.downcast_ref::<MediaError>() {
            Some(MediaError::Address) => return MediaError::Address,
            Some(MediaError::Unreachable(why)) => return MediaError::Unreachable(why.clone()),
            _ => source = inner.source(),
        }
    }
    if error.is_connect() { MediaError::Unreachable("TLS failed".to_owned()) } else { MediaError::Broken }
}
