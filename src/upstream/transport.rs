//! The connection pool: HTTP/1.1 over TCP or TLS, with a limit on how long a connection may take.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
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

/// The name of the upstream in the URLs of requests. The connector knows better where it is, and the pool, which looks it up
/// letter by letter twice for each request, is done with it soon.
const PLACE: &str = "u";

/// `https://api.siliconflow.cn/v1`, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Its scheme and authority, such as `https://api.siliconflow.cn/`.
    origin: Uri,
    /// Path without a slash at the end, such as `/v1`.
    path: String,
    /// What the `host` header says: the port only if it is not the scheme's own.
    host_header: HeaderValue,
    /// [`PLACE`].
    place: Authority,
}

impl BaseUrl {
    /// The China site (siliconflow-api.md, section 1).
    pub fn siliconflow() -> Self {
        Self {
            origin: Uri::from_static("https://api.siliconflow.cn/"),
            path: "/v1".to_owned(),
            host_header: HeaderValue::from_static("api.siliconflow.cn"),
            place: Authority::from_static(PLACE),
        }
    }

    /// Parses an `http` or `https` URL without query.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a URL ({error})"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err("not a complete URL; write it like `https://api.siliconflow.cn/v1`".to_owned());
        };
        let usual_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(format!("scheme `{scheme}` is not http or https")),
        };
        if uri.query().is_some() {
            return Err("a base URL has no query".to_owned());
        }
        let port = authority.port_u16().filter(|port| *port != usual_port);
        let host = port.map_or_else(|| authority.host().to_owned(), |port| format!("{}:{port}", authority.host()));
        let host_header = HeaderValue::try_from(host).map_err(|error| format!("not a host ({error})"))?;
        let path = uri.path().trim_end_matches('/').to_owned();
        let mut parts = uri.into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        let origin = Uri::from_parts(parts).map_err(|error| format!("not a URL ({error})"))?;
        Ok(Self { origin, path, host_header, place: Authority::from_static(PLACE) })
    }

    /// The host, without a port: what is sold, and at which price, depends on it.
    pub fn host(&self) -> &str {
        self.origin.host().unwrap_or_default()
    }

    /// Host and port, the scheme's own where none is written.
    pub fn server(&self) -> (&str, u16) {
        let usual = if self.origin.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        (self.host(), self.origin.port_u16().unwrap_or(usual))
    }

    /// The value of the `host` header, so that nobody works it out for each request.
    pub(super) fn host_header(&self) -> HeaderValue {
        self.host_header.clone()
    }

    /// The URL of `path` (which begins with a slash, query included) below this base, as a request carries it.
    ///
    /// # Errors
    /// [`UpstreamError::Url`] when the two do not make a URL.
    pub(super) fn join(&self, path: &str) -> Result<Uri, UpstreamError> {
        let url_error = |error: http::Error| UpstreamError::Url(error.to_string());
        let full = PathAndQuery::from_maybe_shared(bytes::Bytes::from([self.path.as_str(), path].concat()))
            .map_err(|error| url_error(error.into()))?;
        let mut parts = Parts::default();
        (parts.scheme, parts.authority) = (Some(Scheme::HTTP), Some(self.place.clone()));
        parts.path_and_query = Some(full);
        Uri::from_parts(parts).map_err(|error| url_error(error.into()))
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without user info, should somebody have put a password there.
        let authority = self.origin.authority().map(Authority::as_str).unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        write!(formatter, "{}://{host}{}", self.origin.scheme_str().unwrap_or_default(), self.path)
    }
}

/// A client for `settings` that calls the host of `to` and no other, whatever the URLs of its requests say.
///
/// # Errors
/// What is wrong with the extra certificates.
pub(super) fn client_of(to: Uri, settings: &TransportSettings) -> Result<HttpClient, String> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(settings.extra_roots.as_deref())?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let timed = TimedConnector { inner: connector, to, limit: settings.connect_timeout };
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_timer(TokioTimer::new())
        .http1_max_buf_size(MOST_BUFFERED)
        .http1_writev(false)
        .build(timed))
}

/// The client of the upstream.
///
/// # Errors
/// What is wrong with the extra certificates.
pub(super) fn client(settings: &TransportSettings) -> Result<HttpClient, String> {
    client_of(settings.base_url.origin.clone(), settings)
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

/// A connector to one place, with a limit over look-up, TCP and TLS: a handshake may hang as well as a connect.
#[derive(Debug, Clone)]
pub(super) struct TimedConnector {
    inner: HttpsConnector<HttpConnector>,
    to: Uri,
    limit: Duration,
}

impl Service<Uri> for TimedConnector {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, _place: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.inner.call(self.to.clone()));
        Box::pin(async move { connecting.await.map_err(|_| ConnectTimedOut)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_whatever_slashes_are_there() {
        let url = |base, path| BaseUrl::parse(base).unwrap().join(path).unwrap().to_string();
        assert_eq!(url("https://a.cn/v1/", "/models?type=text"), "http://u/v1/models?type=text");
        assert_eq!(url("http://127.0.0.1:1", "/v1/x"), "http://u/v1/x");
        let origin = |base| BaseUrl::parse(base).unwrap().origin.to_string();
        assert_eq!(origin("https://a.cn/v1/"), "https://a.cn/");
        assert_eq!(origin("http://127.0.0.1:1"), "http://127.0.0.1:1/");
        let host = |base| BaseUrl::parse(base).unwrap().host_header();
        assert_eq!(host("https://a.cn:443/v1"), "a.cn");
        assert_eq!(host("http://me:secret@a.cn:443/v1"), "a.cn:443");
        assert_eq!(host("http://[::1]:8080/v1"), "[::1]:8080");
        assert!(BaseUrl::parse("api.siliconflow.cn/v1").is_err() && BaseUrl::parse("ftp://a/v1").is_err());
        assert_eq!(BaseUrl::parse("https://me:secret@a.cn/v1").unwrap().to_string(), "https://a.cn/v1");
    }
}
