//! A circuit breaker: after several failures in a row nothing is sent for a while, then one request
//! tries. Pure; the time is handed in.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row, and for how long to stop calling.
#[derive(Debug, Clone)]
pub struct Breaker {
    threshold: u32,
    failures: u32,
    open_until: Option<Instant>,
    next_pause: Duration,
}

/// The first pause; each further failure doubles it (ours).
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause (ours).
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Breaker {
    /// A closed breaker that opens after `threshold` failures in a row.
    pub fn new(threshold: u32) -> Self {
        Self { threshold, failures: 0, open_until: None, next_pause: FIRST_PAUSE }
    }

    /// Whether a call may be made at `now`. When the pause is over one caller is let through to try,
    /// and the pause begins anew for the others until its result is known.
    ///
    /// # Errors
    /// How long to wait before it is worth asking again.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.open_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                self.open_until = Some(now + self.next_pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A call failed at `now`.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.threshold {
            self.open_until = Some(now + self.next_pause);
            self.next_pause = (self.next_pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A call succeeded: closed again, and forgotten what was.
    pub fn succeeded(&mut self) {
        *self = Self::new(self.threshold);
    }

    /// Whether calls are held back, or would be but for a try.
    pub fn is_open(&self) -> bool {
        self.open_until.is_some()
    }

    /// Whether there is anything to forget.
    pub fn is_troubled(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_pauses_tries_and_closes() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut breaker = Breaker::new(3);
        for _ in 0..2 {
            breaker.failed(at(0));
        }
        assert_eq!(breaker.admit(at(0)), Ok(()));
        breaker.failed(at(0));
        assert_eq!(breaker.admit(at(400)), Err(Duration::from_millis(600)));
        assert_eq!(breaker.admit(at(1000)), Ok(()), "one may try");
        assert!(breaker.admit(at(1001)).is_err(), "the others wait for its result");
        breaker.failed(at(1100));
        assert_eq!(breaker.admit(at(1100)), Err(Duration::from_secs(2)), "the pause doubles");
        breaker.succeeded();
        assert!(breaker.admit(at(1101)).is_ok() && !breaker.is_open() && !breaker.is_troubled());
    }

    #[test]
    fn the_pause_has_an_end() {
        let start = Instant::now();
        let mut breaker = Breaker::new(1);
        for _ in 0..100 {
            breaker.failed(start);
        }
        assert_eq!(breaker.admit(start), Err(LONGEST_PAUSE));
    }
}
