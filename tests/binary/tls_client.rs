//! A client that shows what happens below HTTP: which certificate, which protocol.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::program::Home;

/// A certificate for `localhost`, trusted only by those who are given it.
pub(super) struct Certificate(CertifiedKey<KeyPair>);

impl Certificate {
    pub(super) fn new() -> Self {
        Self(rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap())
    }

    /// Puts it where the configuration names it: `tls/cert.pem` and `tls/key.pem`.
    pub(super) fn install(&self, home: &Home) {
        home.write("tls/key.pem", &self.key_pem());
        home.write("tls/cert.pem", &self.pem());
    }

    pub(super) fn pem(&self) -> String {
        self.0.cert.pem()
    }

    pub(super) fn key_pem(&self) -> String {
        self.0.signing_key.serialize_pem()
    }

    pub(super) fn der(&self) -> &CertificateDer<'static> {
        self.0.cert.der()
    }
}

/// What the configuration says of it.
pub(super) const TLS: &str = "[server.tls]\ncert_file = \"tls/cert.pem\"\nkey_file = \"tls/key.pem\"\n";

/// A handshake that offers `protocols` and trusts `certificates`.
pub(super) async fn connect(
    address: SocketAddr,
    certificates: &[&Certificate],
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.der().clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The protocol that both sides agreed on.
pub(super) fn protocol(stream: &TlsStream<TcpStream>) -> Option<String> {
    let protocol = stream.get_ref().1.alpn_protocol()?;
    Some(String::from_utf8_lossy(protocol).into_owned())
}

/// The certificate that was shown.
pub(super) fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// An HTTP/2 connection; it lives as long as this.
pub(super) struct Http2 {
    requests: hyper::client::conn::http2::SendRequest<Full<Bytes>>,
    _connection: JoinSet<()>,
}

impl Http2 {
    pub(super) async fn over(stream: TlsStream<TcpStream>) -> Self {
        let (requests, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { drop(connection.await) });
        Self { requests, _connection: tasks }
    }

    pub(super) async fn post(&mut self, path: &str, body: &serde_json::Value) -> Response<Incoming> {
        let request = Request::post(format!("https://localhost{path}")).header("content-type", "application/json");
        let request = request.body(Full::from(body.to_string())).unwrap();
        self.requests.ready().await.unwrap();
        self.requests.send_request(request).await.unwrap()
    }
}

/// The whole body; `None` if it broke off.
pub(super) async fn text(response: Response<Incoming>) -> Option<String> {
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some(String::from_utf8_lossy(&body).into_owned())
}
