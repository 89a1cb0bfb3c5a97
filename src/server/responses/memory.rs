//! Responses in memory, for a demo that has no folder to keep them in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bridge::responses::shelf::{Archive, Kept, ShelfError};

/// Most that is kept so (bytes; ours).
const MOST: u64 = 32 * 1024 * 1024;

/// Responses by their ids.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<BTreeMap<String, Arc<Kept>>>);

impl Memory {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive for Memory {
    fn file(&self, kept: &[Arc<Kept>]) -> Result<(), ShelfError> {
        self.all().extend(kept.iter().map(|kept| (kept.id.clone(), kept.clone())));
        self.prune(0, MOST).map(drop)
    }

    fn find(&self, key: &str, id: &str, since: u64) -> Result<Option<Kept>, ShelfError> {
        let all = self.all();
        let found = all.get(id).filter(|kept| *kept.key == *key && kept.created_at >= since);
        Ok(found.map(|kept| (**kept).clone()))
    }

    fn remove(&self, key: &str, id: &str) -> Result<bool, ShelfError> {
        let mut all = self.all();
        let is_own = all.get(id).is_some_and(|kept| *kept.key == *key);
        Ok(is_own && all.remove(id).is_some())
    }

    fn prune(&self, since: u64, most_bytes: u64) -> Result<u64, ShelfError> {
        let mut all = self.all();
        let before = all.len();
        all.retain(|_, kept| kept.created_at >= since);
        let mut bytes: u64 = all.values().map(|kept| kept.bytes()).sum();
        while bytes > most_bytes.min(MOST) {
            let oldest = all.values().min_by_key(|kept| kept.created_at).cloned();
            let Some(oldest) = oldest else { break };
            all.remove(&oldest.id);
            bytes -= oldest.bytes();
        }
        Ok((before - all.len()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first() {
        let kept = |id: &str, created_at| {
            let response = "x".repeat(100);
            let (id, key) = (id.to_owned(), "ann".into());
            Arc::new(Kept { id, key, created_at, previous: None, input: Vec::new(), response })
        };
        let memory = Memory::default();
        memory.file(&[kept("a", 3), kept("b", 1), kept("c", 2)]).unwrap();
        assert_eq!(memory.prune(0, 250), Ok(1));
        assert_eq!((memory.find("ann", "b", 0), memory.find("bob", "a", 0)), (Ok(None), Ok(None)));
        assert_eq!(memory.prune(3, u64::MAX), Ok(1));
        assert_eq!((memory.remove("ann", "a"), memory.remove("ann", "a")), (Ok(true), Ok(false)));
    }
}
