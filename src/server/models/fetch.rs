//! One attempt to fetch the upstream's list: bounded in time and size.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt, Limited};

use crate::catalog::live::LiveList;
use crate::telemetry::trace::RequestTrace;
use crate::upstream::{Call, RequestBody, Upstream};

/// Time for the whole list (ours).
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest list that is read (bytes; ours: a real one is about 20 KiB).
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Asks the upstream for its list: once, for so long, and up to a size.
///
/// # Errors
/// What went wrong, in a sentence without any text of the upstream.
pub(super) async fn fetch(upstream: &Upstream) -> Result<LiveList, String> {
    let fetched = tokio::time::timeout(PATIENCE, fetch_unlimited(upstream)).await;
    fetched.unwrap_or_else(|_| Err(format!("it did not come within {} s", PATIENCE.as_secs())))
}

async fn fetch_unlimited(upstream: &Upstream) -> Result<LiveList, String> {
    let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
    let call = Call {
        method: Method::GET,
        path: "/models",
        headers: &headers,
        model: "",
        lease: None,
        reservation: None,
        first_byte_timeout: PATIENCE,
        retries: 0,
        trace: &RequestTrace::default(),
    };
    let answer = upstream.call(&call, RequestBody::Full(Bytes::new())).await.map_err(|error| error.to_string())?;
    let (status, lease) = (answer.response.status(), answer.lease);
    if !status.is_success() {
        return Err(format!("the upstream answered {status}"));
    }
    let body = Limited::new(answer.response.into_body(), MOST_BYTES).collect().await;
    let body = body.map_err(|_| format!("it broke off, or is larger than {} MiB", MOST_BYTES >> 20))?.to_bytes();
    // It is kept and shown to callers.
    let body = lease.account().mask(&body);
    let text = std::str::from_utf8(&body).map_err(|_| "the answer is no text".to_owned())?;
    LiveList::parse(text, SystemTime::now()).map_err(|error| error.to_string())
}
