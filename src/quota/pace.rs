//! How fast a lane gives out what it has while several keys want it: evenly, so that whoever comes finds something soon.
//!
//! A rolling minute remembers: what one key takes in a second comes free in one second a minute later, and whoever does not
//! stand in line at that moment waits for another minute. Alone a key may take all at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::moment::Moment;

/// A key that did not come for so long wants nothing (ours); longer than a minute, for which it may stand in line.
const RECENT: Duration = Duration::from_secs(180);
/// How much may go ahead of the even pace (ours).
const AHEAD: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When each key came last.
    keys: HashMap<Arc<str>, Moment>,
    /// When everything that was given out would have been given out evenly.
    even: Moment,
    checked: Moment,
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

    /// When the next request may go, if that is not now.
    pub(super) fn wake(&self, now: Moment) -> Option<Moment> {
        let wake = self.even.minus(AHEAD);
        (self.keys.len() > 1 && wake > now).then_some(wake)
    }

    /// Something was given out that takes `even` at an even pace.
    pub(super) fn took(&mut self, now: Moment, even: Duration) {
        if self.keys.len() > 1 {
            self.even = self.even.max(now).plus(even);
        }
    }
}
