//! Moments, and the clock that the rest of the room never reads by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// A moment: microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Moment(pub u64);

impl Moment {
    /// So many seconds after 1970.
    pub const fn of_seconds(seconds: u64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This long later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// This long earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }
}

/// Whole microseconds.
fn micros(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000).saturating_add(span.subsec_micros().into())
}

/// What the clocks say. Spans are measured by one that never jumps; hours and days by the wall's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Never goes back and never jumps, but started at the wall's time.
    pub at: Moment,
    /// The wall's time.
    pub wall: Moment,
}

impl Now {
    /// Both clocks at one moment.
    pub const fn both(at: Moment) -> Self {
        Self { at, wall: at }
    }

    /// Both clocks so much later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self { at: self.at.plus(span), wall: self.wall.plus(span) }
    }
}

/// Follows `tokio::time`, so that paused time moves windows and timers together.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    began: Moment,
    /// None where time is simulated.
    wall: Option<Arc<Wall>>,
}

impl Clock {
    /// The clock of a running gateway.
    pub fn system() -> Self {
        Self { started: Instant::now(), began: wall(), wall: Some(Arc::default()) }
    }

    /// A clock that shows `began` now and moves with `tokio::time` alone.
    pub fn simulated(began: Moment) -> Self {
        Self { started: Instant::now(), began, wall: None }
    }

    /// What it says.
    pub fn now(&self) -> Now {
        self.at(Instant::now())
    }

    /// What it says at `instant`, which is now or a moment ago: whoever has looked at the time already need not look again.
    pub fn at(&self, instant: Instant) -> Now {
        let at = self.began.plus(instant.saturating_duration_since(self.started));
        Now { at, wall: self.wall.as_ref().map_or(at, |wall| wall.at(at)) }
    }

    /// The timer's instant for a moment of [`Now::at`].
    pub fn instant(&self, at: Moment) -> Instant {
        self.started + at.since(self.began)
    }
}

/// How far the wall's clock is ahead, looked at once in a while: a look costs as much as many a step of a request.
#[derive(Debug, Default)]
struct Wall {
    /// Microseconds; of one that is behind so many below 2⁶⁴.
    ahead: AtomicU64,
    looked: AtomicU64,
}

impl Wall {
    /// When somebody sets the clock, that is seen so much later (ours).
    const LOOK_AGAIN: Duration = Duration::from_secs(1);

    fn at(&self, at: Moment) -> Moment {
        if at.since(Moment(self.looked.load(Ordering::Relaxed))) >= Self::LOOK_AGAIN {
            self.ahead.store(wall().0.wrapping_sub(at.0), Ordering::Relaxed);
            self.looked.store(at.0, Ordering::Relaxed);
        }
        Moment(at.0.wrapping_add(self.ahead.load(Ordering::Relaxed)))
    }
}

fn wall() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(micros(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walls_clock_is_looked_at_once_a_second() {
        let clock = Wall::default();
        let is_now = |shown: Moment| {
            let now = wall();
            now.since(shown).max(shown.since(now)) < Duration::from_millis(400)
        };
        let at = |millis| clock.at(Moment::of_seconds(1000).plus(Duration::from_millis(millis)));
        let first = at(0);
        assert!(is_now(first));
        // Between two looks it moves with the other clock.
        assert_eq!(at(999), first.plus(Duration::from_millis(999)));
        // Somebody has set it back by a second, as far as the other clock knows.
        assert!(is_now(at(1000)));
        assert_eq!(at(1001).since(at(1000)), Duration::from_millis(1));
    }
}
