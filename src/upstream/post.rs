//! A message to somebody else than the upstream, over the same kind of connection.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};

use super::body::RequestBody;
use super::transport::{TransportSettings, client_of};

/// Posts `body` to `url` once, over a connection of its own, and tells the status of the answer, which is not read; a
/// redirect is not followed. Dropping the future gives it up.
///
/// # Errors
/// Why there was no answer within `patience`; never any part of the URL.
pub async fn post(
    settings: &TransportSettings,
    url: &Uri,
    headers: HeaderMap,
    body: Bytes,
    patience: Duration,
) -> Result<StatusCode, String> {
    let client = client_of(url.clone(), settings)?;
    let mut request = Request::post(url).body(RequestBody::Full(body)).map_err(|error| error.to_string())?;
    request.headers_mut().extend(headers);
    let answer = tokio::time::timeout(patience, client.request(request)).await;
    let answer = answer.map_err(|_| format!("no answer within {} s", patience.as_secs()))?;
    answer.map(|answer| answer.status()).map_err(|error| error.to_string())
}
