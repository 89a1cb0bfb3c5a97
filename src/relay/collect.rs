//! Reading an answer before its head is passed on: whole, or up to its first event.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::broken::RelayError;
use super::chat_stream::ChatStream;
use super::relayed::{RelayLimits, reason};

/// Reads a body to its end; `None` when it is longer than `most` bytes.
///
/// # Errors
/// [`RelayError`] when it breaks off or a limit passes.
pub async fn collect(mut body: Incoming, most: usize, limits: RelayLimits) -> Result<Option<Bytes>, RelayError> {
    let mut held = Vec::new();
    let mut first = Bytes::new();
    loop {
        let Some(data) = next(&mut body, limits).await? else { break };
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

/// The next data of a body; `None` at its end.
async fn next(body: &mut Incoming, limits: RelayLimits) -> Result<Option<Bytes>, RelayError> {
    loop {
        let until = (Instant::now() + limits.idle).min(limits.deadline);
        let frame = match tokio::time::timeout_at(until, body.frame()).await {
            Err(_) if until == limits.deadline => return Err(RelayError::Total),
            Err(_) => return Err(RelayError::Idle(limits.idle)),
            Ok(None) => return Ok(None),
            Ok(Some(frame)) => frame.map_err(|error| RelayError::Broken(reason(&error)))?,
        };
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

/// The beginning of a stream.
#[derive(Debug)]
pub enum Beginning {
    /// What can go to the caller first; more will come.
    First(Bytes),
    /// The stream is over already: all of it.
    All(Bytes),
}

/// Reads a chat stream until something of it can go to the caller. What breaks before that is still an
/// ordinary error, which clients can act on by its status.
///
/// # Errors
/// [`RelayError`] when it breaks off, a limit passes, or the first thing in it is an error.
pub async fn beginning(
    body: &mut Incoming,
    chat: &mut ChatStream,
    limits: RelayLimits,
) -> Result<Beginning, RelayError> {
    loop {
        let data = next(body, limits).await?;
        let is_over = data.is_none();
        let out = match data {
            Some(data) => chat.push(data),
            None => chat.finish(),
        };
        match chat.fault() {
            Some(fault) if out.is_empty() => return Err(RelayError::Stream(fault.clone())),
            None if is_over => return Ok(Beginning::All(out)),
            _ if !out.is_empty() => return Ok(Beginning::First(out)),
            _ => {}
        }
    }
}
