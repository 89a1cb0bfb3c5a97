//! Reading an answer whole.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::relayed::{RelayError, RelayLimits, reason};

/// Reads a body to its end; `None` when it is longer than `most` bytes.
///
/// # Errors
/// [`RelayError`] when it breaks off or a limit passes.
pub async fn collect(mut body: Incoming, most: usize, limits: RelayLimits) -> Result<Option<Bytes>, RelayError> {
    let mut held = Vec::new();
    let mut first = Bytes::new();
    loop {
        let until = (Instant::now() + limits.idle).min(limits.deadline);
        let next = tokio::time::timeout_at(until, body.frame()).await;
        let frame = match next {
            Err(_) if until == limits.deadline => return Err(RelayError::Total),
            Err(_) => return Err(RelayError::Idle(limits.idle)),
            Ok(None) => break,
            Ok(Some(frame)) => frame.map_err(|error| RelayError::Broken(reason(&error)))?,
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.is_empty() && held.is_empty() {
            first = data;
            continue;
        }
        if !first.is_empty() {
            held.extend_from_slice(&std::mem::take(&mut first));
        }
        held.extend_from_slice(&data);
        if held.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(if held.is_empty() { first } else { held.into() }))
}
