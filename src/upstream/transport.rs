//! The connection pool: HTTP/1.1 over TCP or TLS, with a limit on how long a connection may take.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tower::Service;

use super::body::RequestBody;
use super::error::UpstreamError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The HTTP client of the data path.
pub(super) type HttpClient = Client<TimedConnector, RequestBody>;

/// How long an unused connection is kept (ours; below the 75 s after which common servers close).
const POOL_IDLE: Duration = Duration::from_secs(45);

/// Most bytes buffered for one connection, and of an answer's head (ours): with a thousand slow
/// streams open, this is what each of them costs.
const MOST_BUFFERED: usize = 32 * 1024;

/// What the connection pool needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportSettings {
    /// Where the upstream's API begins.
    pub base_url: BaseUrl,
    /// Limit for name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Certificates (PEM) to trust besides the usual roots.
    pub extra_roots: Option<Vec<u8>>,
}

/// `https://api.siliconflow.cn/v1`, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    /// Path without a slash at the end, such as `/v1`.
    path: String,
}

impl BaseUrl {
    /// The China site (siliconflow-api.md, section 1).
    pub fn siliconflow() -> Self {
        Self { scheme: Scheme::HTTPS, authority: Authority::from_static("api.siliconflow.cn"), path: "/v1".to_owned() }
    }

    /// Parses an `http` or `https` URL without query.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a URL ({error})"))?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err("not a complete URL; write it like `https://api.siliconflow.cn/v1`".to_owned());
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(format!("scheme `{scheme}` is not http or https"));
        }
        if parts.path_and_query.as_ref().is_some_and(|path| path.query().is_some()) {
            return Err("a base URL has no query".to_owned());
        }
        let path = parts.path_and_query.map_or(String::new(), |path| path.path().trim_end_matches('/').to_owned());
        Ok(Self { scheme, authority, path })
    }

    /// The host, without a port: what is sold, and at which price, depends on it.
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// The URL of `path` (which begins with a slash, query included) below this base.
    ///
    /// # Errors
    /// [`UpstreamError::Url`] when the two do not make a URL.
    pub fn join(&self, path: &str) -> Result<Uri, UpstreamError> {
        let url_error = |error: http::Error| UpstreamError::Url(error.to_string());
        let full = PathAndQuery::from_maybe_shared(bytes::Bytes::from([self.path.as_str(), path].concat()))
            .map_err(|error| url_error(error.into()))?;
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(full)
            .build()
            .map_err(url_error)
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without user info, should somebody have put a password there.
        let host = self.authority.as_str().rsplit('@').next().unwrap_or_default();
        write!(formatter, "{}://{host}{}", self.scheme, self.path)
    }
}

/// The client for `settings`.
///
/// # Errors
/// What is wrong with the extra certificates.
pub(super) fn client(settings: &TransportSettings) -> Result<HttpClient, String> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(settings.extra_roots.as_deref())?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let timed = TimedConnector { inner: connector, limit: settings.connect_timeout };
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_timer(TokioTimer::new())
        .http1_max_buf_size(MOST_BUFFERED)
        .http1_writev(false)
        .build(timed))
}

/// Whom to trust: the usual roots, and `extra_roots` (PEM).
///
/// # Errors
/// What is wrong with the extra certificates.
pub fn tls(extra_roots: Option<&[u8]>) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in CertificateDer::pem_slice_iter(extra_roots.unwrap_or_default()) {
        let certificate = certificate.map_err(|error| format!("not PEM certificates ({error})"))?;
        roots.add(certificate).map_err(|error| format!("a certificate cannot be used ({error})"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
}

/// The limit for a new connection passed. An error of its own, so that it can be told apart.
#[derive(Debug, thiserror::Error)]
#[error("connection not ready in time")]
pub(super) struct ConnectTimedOut;

/// A connector with a limit over look-up, TCP and TLS: a handshake may hang as well as a connect.
#[derive(Debug, Clone)]
pub(super) struct TimedConnector {
    inner: HttpsConnector<HttpConnector>,
    limit: Duration,
}

impl Service<Uri> for TimedConnector {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.inner.call(uri));
        Box::pin(async move { connecting.await.map_err(|_| ConnectTimedOut)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_whatever_slashes_are_there() {
        let url = |base, path| BaseUrl::parse(base).unwrap().join(path).unwrap().to_string();
        assert_eq!(url("https://a.cn/v1/", "/models?type=text"), "https://a.cn/v1/models?type=text");
        assert_eq!(url("http://127.0.0.1:1", "/v1/x"), "http://127.0.0.1:1/v1/x");
        assert!(BaseUrl::parse("api.siliconflow.cn/v1").is_err() && BaseUrl::parse("ftp://a/v1").is_err());
        assert_eq!(BaseUrl::parse("https://me:secret@a.cn/v1").unwrap().to_string(), "https://a.cn/v1");
    }
}
