//! What all lanes share: the clock, the alarms, the journal, and the numbers of requests.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use super::lane::Lane;
use super::moment::{Clock, Moment, Now};
use super::record::RecordRef;

/// Where records go.
pub(super) type Recorder = Box<dyn Fn(&[RecordRef<'_>]) + Send + Sync>;

/// See the module.
pub(super) struct Hub {
    clock: Clock,
    alarms: Mutex<BinaryHeap<Reverse<Alarm>>>,
    set: Notify,
    recorder: Recorder,
    ids: AtomicU64,
}

struct Alarm(Moment, Weak<Lane>);

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hub").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Hub {
    pub(super) fn new(clock: Clock, recorder: Recorder) -> Self {
        let (alarms, set, ids) = (Mutex::default(), Notify::new(), AtomicU64::new(1));
        Self { clock, alarms, set, recorder, ids }
    }

    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Numbers up to `last` are taken.
    pub(super) fn continue_after(&self, last: u64) {
        self.ids.fetch_max(last + 1, Ordering::Relaxed);
    }

    pub(super) fn record(&self, records: &[RecordRef<'_>]) {
        (self.recorder)(records);
    }

    /// Looks at `lane` again at `moment`.
    pub(super) fn wake(&self, lane: &Arc<Lane>, moment: Moment) {
        let mut alarms = lock(&self.alarms);
        let is_first = alarms.peek().is_none_or(|Reverse(first)| moment < first.0);
        alarms.push(Reverse(Alarm(moment, Arc::downgrade(lane))));
        drop(alarms);
        if is_first {
            self.set.notify_one();
        }
    }

    /// Wakes lanes at their moments, for as long as it is polled.
    pub(super) async fn keep_time(&self) {
        loop {
            let now = self.now();
            while let Some(lane) = self.due(now) {
                if let Some(lane) = lane.upgrade() {
                    lane.dispatch(now);
                }
            }
            let next = lock(&self.alarms).peek().map(|Reverse(first)| first.0);
            match next {
                Some(next) => {
                    let _set_or_passed = tokio::time::timeout_at(self.clock.instant(next), self.set.notified()).await;
                }
                None => self.set.notified().await,
            }
        }
    }

    fn due(&self, now: Now) -> Option<Weak<Lane>> {
        let mut alarms = lock(&self.alarms);
        let is_due = alarms.peek().is_some_and(|Reverse(first)| first.0 <= now.at);
        if is_due { alarms.pop().map(|Reverse(alarm)| alarm.1) } else { None }
    }
}

/// A panic while a lock was held costs a request; what is counted is written in single steps and stays good.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
