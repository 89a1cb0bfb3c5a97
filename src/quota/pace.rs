//! How fast a lane gives out what it has while some keys stand in line and others do not: evenly, so that whoever comes
//! finds something soon.
//!
//! A rolling minute remembers: what one key takes in a second comes free in one second a minute later, and whoever does not
//! stand in line at that moment waits for another minute. Alone a key may take all at once.

use std::sync::Arc;
use std::time::Duration;

use super::map::QuickMap;
use super::moment::Moment;

/// A key that did not come for so long wants nothing (ours); longer than a minute, for which it may stand in line.
const RECENT: Duration = Duration::from_secs(180);
/// How much may go ahead of the even pace (ours).
const AHEAD: Duration = Duration::from_secs(1);
/// How much one look at a full window says about how full it gets, and one request about others' size (ours).
const NEWS: f64 = 0.05;
/// Less than that is never given out evenly (ours): the rest would be lost.
const LEAST: f64 = 0.98;
/// By how much more is tried with each request that was given something (ours).
const MORE: f64 = 0.000_5;
/// A window that gets full before it should leaves a gap; so a little less than fills it is given out (ours).
const LESS: f64 = 0.99;

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    /// When each key came last.
    keys: QuickMap<Arc<str>, Moment>,
    /// When everything that was given out would have been given out evenly.
    even: Moment,
    checked: Moment,
    /// The part of the limit at which the window was full lately: guesses need room, so it is never all of it.
    full: f64,
    /// How long what one request gets takes at an even pace (seconds, a running mean).
    usual: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { keys: QuickMap::default(), even: Moment::default(), checked: Moment::default(), full: 1.0, usual: 0.0 }
    }
}

impl Pace {
    /// A request of `key` came.
    pub(super) fn seen(&mut self, now: Moment, key: &Arc<str>) {
        match self.keys.get_mut(key) {
            Some(last) => *last = now,
            None => drop(self.keys.insert(key.clone(), now)),
        }
        if now.since(self.checked) > RECENT {
            self.keys.retain(|_, last| now.since(*last) < RECENT);
            self.checked = now;
        }
    }

    /// When the next request may go, if that is not now, while `in_line` keys stand in line. It is for the sake of those who
    /// do not: where all do, or a minute holds few requests, there is nothing to even out.
    pub(super) fn wake(&self, now: Moment, in_line: usize) -> Option<Moment> {
        let wake = self.even.minus(AHEAD);
        let is_worth_it = self.keys.len() > in_line.max(1) && self.usual < AHEAD.as_secs_f64();
        (is_worth_it && wake > now).then_some(wake)
    }

    /// Something was given out. `even` says how long it takes if so large a part of the limit is given out evenly.
    pub(super) fn took(&mut self, now: Moment, even: impl FnOnce(f64) -> Duration) {
        if self.keys.len() > 1 {
            let even = even(self.full * LESS);
            self.usual += NEWS * (even.as_secs_f64() - self.usual);
            self.even = self.even.max(now).plus(even);
            self.full = (self.full + MORE).min(1.0);
        }
    }

    /// Nothing could be given out because the window was full, with `level` of the limit counting.
    pub(super) fn blocked(&mut self, level: f64) {
        self.full += NEWS * (level.clamp(LEAST, 1.0) - self.full);
    }
}
