//! The only place of this room that reads a clock. Everything else is handed the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// How far Asia/Shanghai, where SiliconFlow counts its days, is ahead of UTC; no summer time since 1991.
const AHEAD: Duration = Duration::from_secs(8 * 3600);

/// Time as people in Shanghai read it off the wall when the emulator started, and evenly on from there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    started: Instant,
    began: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), began: since_1970() + AHEAD }
    }

    /// Time since 1970-01-01 00:00 in Shanghai: days begin at whole multiples of a day.
    pub(super) fn now(self) -> Duration {
        self.began + self.started.elapsed()
    }
}

/// Seconds since 1970, for `created` fields and `Expires`.
pub(super) fn unix_seconds() -> u64 {
    since_1970().as_secs()
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
