//! Reading a caller's body: within its size, within its time, within the memory of the whole gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use prometheus::IntGauge;
use tokio::time::Instant;

/// Every KiB received earns a body one more second, so that a slow line is served and a trickle is
/// not (ours; the rule of Apache's mod_reqtimeout).
const BYTES_PER_SECOND: u64 = 1024;

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Larger than allowed (bytes).
    #[error("The request body is larger than {0} bytes, the most this endpoint takes.")]
    TooLarge(u64),
    /// It came too slowly.
    #[error("The request body did not arrive in time ({0:?} and a second for each KiB).")]
    TooSlow(Duration),
    /// The connection broke.
    #[error("The request body broke off: {0}")]
    Broken(String),
    /// Too many bodies are held already.
    #[error("The gateway holds as many request bodies as it has memory for. Try again in a second.")]
    NoRoom,
}

/// Limits on one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Most bytes.
    pub most_bytes: u64,
    /// Time for the body, besides what its bytes earn.
    pub timeout: Duration,
}

impl BodyLimits {
    /// When a body begun at `start`, of which `received` bytes are here, is too late.
    pub fn deadline(&self, start: Instant, received: u64) -> Instant {
        start + self.timeout + Duration::from_secs(received / BYTES_PER_SECOND)
    }

    /// Refuses a body that says at the outset that it is too large.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`].
    pub fn check_declared(&self, body: &Incoming) -> Result<(), BodyError> {
        if body.size_hint().lower() > self.most_bytes { Err(BodyError::TooLarge(self.most_bytes)) } else { Ok(()) }
    }
}

/// The memory that all bodies together may take.
#[derive(Debug, Clone)]
pub struct Room {
    held: Arc<AtomicU64>,
    most: u64,
    gauge: IntGauge,
}

impl Room {
    /// Room for `most` bytes; `gauge` shows how many are taken.
    pub fn new(most: u64, gauge: IntGauge) -> Self {
        Self { held: Arc::default(), most, gauge }
    }

    fn take(&self, bytes: u64) -> Result<(), BodyError> {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        self.gauge.add(signed(bytes));
        if before + bytes > self.most { Err(BodyError::NoRoom) } else { Ok(()) }
    }

    fn give_back(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.gauge.sub(signed(bytes));
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A body that was read; its room is given back when it is dropped.
#[derive(Debug)]
pub struct HeldBody {
    /// The bytes as they were received.
    pub bytes: Bytes,
    room: Place,
}

#[derive(Debug)]
struct Place {
    room: Room,
    taken: u64,
}

impl Place {
    fn grow(&mut self, bytes: u64) -> Result<(), BodyError> {
        self.taken += bytes;
        self.room.take(bytes)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.give_back(self.taken);
    }
}

impl HeldBody {
    /// Takes room for what is made of it.
    ///
    /// # Errors
    /// [`BodyError::NoRoom`].
    pub fn hold_more(&mut self, bytes: u64) -> Result<(), BodyError> {
        self.room.grow(bytes)
    }

    /// How many bytes of the gateway's room it takes.
    pub fn held_bytes(&self) -> u64 {
        self.room.taken
    }
}

/// Reads `body` to its end. Nothing is reserved for what a length header promises.
///
/// # Errors
/// [`BodyError`] when a limit passes or the connection breaks.
pub async fn read(body: &mut Incoming, limits: BodyLimits, room: &Room) -> Result<HeldBody, BodyError> {
    limits.check_declared(body)?;
    let start = Instant::now();
    let mut place = Place { room: room.clone(), taken: 0 };
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    loop {
        let deadline = limits.deadline(start, place.taken);
        let next = tokio::time::timeout_at(deadline, body.frame()).await;
        let Some(frame) = next.map_err(|_| BodyError::TooSlow(limits.timeout))? else { break };
        let frame = frame.map_err(|error| BodyError::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        place.grow(data.len() as u64)?;
        if place.taken > limits.most_bytes {
            return Err(BodyError::TooLarge(limits.most_bytes));
        }
        if body.is_end_stream() && first.is_empty() && rest.is_empty() {
            return Ok(HeldBody { bytes: data, room: place });
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&data);
        }
    }
    let bytes = if rest.is_empty() { first } else { Bytes::from(rest) };
    Ok(HeldBody { bytes, room: place })
}
