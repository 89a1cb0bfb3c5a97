//! Asks the admin plane of a gateway that runs for its open documents. Must not know what is in them.

use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;

use crate::upstream;

/// How long an answer may take (ours).
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of one answer (ours): thousands of models and keys are one or two million.
const MOST: usize = 32 * 1024 * 1024;

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    /// Such as `http://127.0.0.1:4001`.
    pub(super) base: String,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Asker {
    /// One who asks the admin plane at `base`.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub(super) fn new(base: &str) -> Result<Self, String> {
        let base = base.trim_end_matches('/').to_owned();
        let uri: Option<Uri> = base.parse().ok();
        let is_address =
            uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
        if !is_address {
            return Err(format!("`{base}` is no address of an admin plane; write it like http://127.0.0.1:4001"));
        }
        let connector = HttpsConnectorBuilder::new().with_tls_config(upstream::tls(None)?);
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self { base, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// The JSON document at `path` as it is now. Dropping the future gives it up.
    ///
    /// # Errors
    /// Why there is no answer, for people.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let asked = tokio::time::timeout(PATIENCE, self.page(path)).await;
        let page = asked.map_err(|_| format!("{} did not answer within {} s", self.base, PATIENCE.as_secs()))??;
        serde_json::from_slice(&page)
            .map_err(|_| format!("{}{path} is not what a gateway's admin plane answers", self.base))
    }

    async fn page(&self, path: &str) -> Result<Bytes, String> {
        let uri = format!("{}{path}", self.base).parse().map_err(|_| format!("{} is no address", self.base))?;
        let answer = self.client.get(uri).await.map_err(|_| format!("nobody answers at {}", self.base))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                return Err(format!("{} has no {path}: it is no admin plane, or one of an older flowgate", self.base));
            }
            StatusCode::FORBIDDEN => {
                return Err(format!("{} does not know this name of its host; add it to server.hosts", self.base));
            }
            status => return Err(format!("{}{path} answered with {status}", self.base)),
        }
        let body = Limited::new(answer.into_body(), MOST).collect().await;
        body.map(|body| body.to_bytes()).map_err(|_| format!("the answer of {} broke off", self.base))
    }
}
