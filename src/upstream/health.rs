//! What single models did lately: refused because they are overloaded, or throttled the account.
//!
//! Healthy models have no entry, so that the usual request reads one atomic and takes no lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::Breaker;

/// 503s in a row before a model is left alone for a while (ours).
const BUSY_THRESHOLD: u32 = 10;
/// How many ailing models are remembered (ours); names come from callers.
const MAX_ENTRIES: usize = 1024;
/// How long a 429 is remembered: the window of the minute limits (siliconflow-api.md, section 16).
const THROTTLE_MEMORY: Duration = Duration::from_secs(60);

/// The ailing models of one upstream.
#[derive(Debug, Default)]
pub struct ModelHealth {
    entries: Mutex<HashMap<String, Entry>>,
    count: AtomicUsize,
}

#[derive(Debug)]
struct Entry {
    busy: Breaker,
    throttled: Option<Instant>,
}

impl ModelHealth {
    /// Whether `model` may be called at `now`.
    ///
    /// # Errors
    /// How long it is left alone.
    pub fn admit(&self, model: &str, now: Instant) -> Result<(), Duration> {
        if self.all_well() {
            return Ok(());
        }
        self.lock().get_mut(model).map_or(Ok(()), |entry| entry.busy.admit(now))
    }

    /// `model` answered 503.
    pub fn busy(&self, model: &str, now: Instant) {
        self.update(model, |entry| entry.busy.failed(now));
    }

    /// `model` answered 429.
    pub fn throttled(&self, model: &str, now: Instant) {
        self.update(model, |entry| entry.throttled = Some(now));
    }

    /// `model` answered well at `now`.
    pub fn answered(&self, model: &str, now: Instant) {
        if self.all_well() {
            return;
        }
        let mut entries = self.lock();
        if let Some(entry) = entries.get_mut(model) {
            entry.busy.succeeded();
            if !entry.was_throttled(now) {
                entries.remove(model);
            }
        }
        self.count.store(entries.len(), Ordering::Relaxed);
    }

    /// Whether `model` was throttled within the last minute.
    pub fn was_throttled(&self, model: &str, now: Instant) -> bool {
        !self.all_well() && self.lock().get(model).is_some_and(|entry| entry.was_throttled(now))
    }

    /// How many models are left alone now, or would be but for a try.
    pub fn paused(&self) -> usize {
        if self.all_well() { 0 } else { self.lock().values().filter(|entry| entry.busy.is_open()).count() }
    }

    fn all_well(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, model: &str, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.lock();
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(model) {
            return;
        }
        change(entries.entry(model.to_owned()).or_insert_with(Entry::new));
        self.count.store(entries.len(), Ordering::Relaxed);
    }
}

impl Entry {
    fn new() -> Self {
        Self { busy: Breaker::new(BUSY_THRESHOLD), throttled: None }
    }

    fn was_throttled(&self, now: Instant) -> bool {
        self.throttled.is_some_and(|at| now.duration_since(at) < THROTTLE_MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_busy_model_leaves_the_others_alone() {
        let (health, now) = (ModelHealth::default(), Instant::now());
        for _ in 0..BUSY_THRESHOLD {
            health.busy("a", now);
        }
        assert!(health.admit("a", now).is_err() && health.admit("b", now).is_ok());
        assert_eq!(health.paused(), 1);
        health.answered("a", now);
        assert!(health.admit("a", now).is_ok() && health.all_well() && health.paused() == 0);
    }

    #[test]
    fn a_throttle_is_remembered_for_a_minute() {
        let (health, now) = (ModelHealth::default(), Instant::now());
        health.throttled("a", now);
        health.answered("a", now);
        assert!(health.was_throttled("a", now + Duration::from_secs(59)));
        assert!(!health.was_throttled("a", now + Duration::from_secs(60)));
    }

    #[test]
    fn hostile_names_do_not_pile_up() {
        let (health, now) = (ModelHealth::default(), Instant::now());
        for index in 0..MAX_ENTRIES * 2 {
            health.busy(&index.to_string(), now);
        }
        assert_eq!(health.lock().len(), MAX_ENTRIES);
    }
}
