//! A circuit breaker: after several failures in a row nothing is sent for a while, then one request
//! tries. Pure; the time is handed in.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row, and for how long to stop calling.
#[derive(Debug, Clone)]
pub struct Breaker {
    threshold: u32,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Calls are made; so many failed in a row.
    Closed { failures: u32 },
    /// No calls before `until`.
    Open { until: Instant, pause: Duration },
    /// One call tries; the others wait, and after `until` another one may try.
    Trying { until: Instant, pause: Duration },
}

/// The first pause; each further failure doubles it (ours).
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause (ours).
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Breaker {
    /// A closed breaker that opens after `threshold` failures in a row.
    pub fn new(threshold: u32) -> Self {
        Self { threshold, state: State::Closed { failures: 0 } }
    }

    /// Whether a call may be made at `now`. When the pause is over one caller is let through to try.
    ///
    /// # Errors
    /// How long to wait before it is worth asking again.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.state {
            State::Closed { .. } => Ok(()),
            State::Open { until, .. } | State::Trying { until, .. } if now < until => Err(until - now),
            State::Open { pause, .. } | State::Trying { pause, .. } => {
                self.state = State::Trying { until: now + pause, pause };
                Ok(())
            }
        }
    }

    /// A call failed at `now`. While it is open that is a call from before: it says nothing new.
    pub fn failed(&mut self, now: Instant) {
        self.state = match self.state {
            State::Closed { failures } if failures + 1 < self.threshold => State::Closed { failures: failures + 1 },
            State::Closed { .. } => State::Open { until: now + FIRST_PAUSE, pause: FIRST_PAUSE },
            State::Open { .. } => self.state,
            State::Trying { pause, .. } => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                State::Open { until: now + pause, pause }
            }
        };
    }

    /// A call succeeded: closed again, and forgotten what was.
    pub fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// Whether calls are held back, or would be but for a try.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// Whether there is anything to forget.
    pub fn is_troubled(&self) -> bool {
        !matches!(self.state, State::Closed { failures: 0 })
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
        let mut now = Instant::now();
        let mut breaker = Breaker::new(1);
        for _ in 0..100 {
            breaker.failed(now);
            now += breaker.admit(now).err().unwrap_or_default();
            assert!(breaker.admit(now).is_ok());
        }
        breaker.failed(now);
        assert_eq!(breaker.admit(now), Err(LONGEST_PAUSE));
    }

    #[test]
    fn a_burst_counts_once() {
        let now = Instant::now();
        let mut breaker = Breaker::new(3);
        for _ in 0..40 {
            breaker.failed(now);
        }
        assert_eq!(breaker.admit(now), Err(FIRST_PAUSE));
    }
}
