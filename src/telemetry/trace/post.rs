//! The way to the collector: OTLP over HTTP, protobuf in a POST.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::settings::TraceSettings;

/// Limit for one message and its answer (OpenTelemetry's `OTEL_EXPORTER_OTLP_TIMEOUT`).
const TIMEOUT: Duration = Duration::from_secs(10);
/// More of an answer is not read (bytes; ours).
const MOST_ANSWER: usize = 64 * 1024;

/// Where traces go.
pub(super) struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: Uri,
    headers: HeaderMap,
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Collector({self})")
    }
}

/// Host and port: a path may hold a token.
impl fmt::Display for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.endpoint.authority().map_or("", |authority| authority.as_str());
        formatter.write_str(authority.rsplit('@').next().unwrap_or_default())
    }
}

impl Collector {
    /// The one that `settings` name. It is not called yet.
    ///
    /// # Errors
    /// Why TLS cannot be had.
    pub(super) fn new(settings: &TraceSettings) -> Result<Self, String> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| format!("TLS cannot be used for traces: {error}"))?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let mut headers: HeaderMap = settings.headers.iter().cloned().collect();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("flowgate/", env!("CARGO_PKG_VERSION"))));
        Ok(Self { client, endpoint: settings.endpoint.clone(), headers })
    }

    /// Sends a message; the body of its answer.
    ///
    /// # Errors
    /// Why it did not arrive, without anything that the collector said.
    pub(super) async fn post(&self, message: Bytes) -> Result<Bytes, String> {
        let answered = tokio::time::timeout(TIMEOUT, self.exchange(message)).await;
        answered.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))
    }

    async fn exchange(&self, message: Bytes) -> Result<Bytes, String> {
        let mut request =
            Request::post(self.endpoint.clone()).body(Full::new(message)).map_err(|error| error.to_string())?;
        request.headers_mut().extend(self.headers.clone());
        let answer = self.client.request(request).await.map_err(|error| reason(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST_ANSWER).collect().await;
        if !status.is_success() {
            return Err(format!("it answered {status}"));
        }
        // What was taken was taken, whatever became of the rest of the answer.
        Ok(body.map(|body| body.to_bytes()).unwrap_or_default())
    }
}

/// The innermost cause: it says what happened, the layers above only where.
fn reason(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
