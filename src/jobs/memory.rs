//! Jobs that go with the process: those of a demo that has no folder to keep them in.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::job::{Job, Kind, Phase};
use super::store::JobStore;
use crate::ledger::{Row, StoreError};

/// See the module.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<(Kind, String), Job>>);

impl Memory {
    fn jobs(&self) -> MutexGuard<'_, BTreeMap<(Kind, String), Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobStore for Memory {
    fn put(&self, job: &Job) -> Result<(), StoreError> {
        self.jobs().insert((job.kind, job.id.clone()), job.clone());
        Ok(())
    }

    fn settle(&self, job: &Job, _rows: &[Row]) -> Result<(), StoreError> {
        self.put(job)
    }

    fn job(&self, kind: Kind, id: &str) -> Result<Option<Job>, StoreError> {
        Ok(self.jobs().get(&(kind, id.to_owned())).cloned())
    }

    fn jobs(&self, kind: Kind, key: &str, after: Option<&str>, most: usize) -> Result<Vec<Job>, StoreError> {
        let jobs = self.jobs();
        let order = |job: &Job| (job.created_at, job.id.clone());
        let before = after.and_then(|id| jobs.get(&(kind, id.to_owned()))).map(order);
        let is_shown = |job: &&Job| {
            job.kind == kind && *job.who.key == *key && before.as_ref().is_none_or(|before| order(job) < *before)
        };
        let mut shown: Vec<Job> = jobs.values().filter(is_shown).cloned().collect();
        shown.sort_by_key(|job| std::cmp::Reverse(order(job)));
        shown.truncate(most);
        Ok(shown)
    }

    fn unfinished(&self) -> Result<Vec<Job>, StoreError> {
        let mut jobs: Vec<Job> = self.jobs().values().filter(|job| !job.phase.is_over()).cloned().collect();
        jobs.sort_by_key(|job| job.created_at);
        Ok(jobs)
    }

    fn remove(&self, kind: Kind, id: &str) -> Result<bool, StoreError> {
        Ok(self.jobs().remove(&(kind, id.to_owned())).is_some())
    }

    fn forget(&self, at: u64) -> Result<(), StoreError> {
        self.jobs().retain(|_, job| job.finished_at.is_none_or(|finished| finished >= at));
        Ok(())
    }

    fn counts(&self) -> Result<Vec<(Kind, Phase, u64)>, StoreError> {
        let mut counts: BTreeMap<(Kind, Phase), u64> = BTreeMap::new();
        self.jobs().values().for_each(|job| *counts.entry((job.kind, job.phase)).or_default() += 1);
        Ok(counts.into_iter().map(|((kind, phase), count)| (kind, phase, count)).collect())
    }
}
