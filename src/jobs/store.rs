//! What keeps jobs.

use super::job::{Job, Kind, Phase};
use crate::ledger::{Row, StoreError};

/// Keeps jobs. Every method blocks.
pub trait JobStore: std::fmt::Debug + Send + Sync {
    /// Keeps a new job, or what is new of one that there is.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed then.
    fn put(&self, job: &Job) -> Result<(), StoreError>;

    /// Keeps what is new of a job and files the rows of what it used, both or neither: however often it is tried, they are
    /// there once.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed then.
    fn settle(&self, job: &Job, rows: &[Row]) -> Result<(), StoreError>;

    /// The job of this kind with this id.
    ///
    /// # Errors
    /// [`StoreError`].
    fn job(&self, kind: Kind, id: &str) -> Result<Option<Job>, StoreError>;

    /// Jobs of a kind that `key` has made, the latest first: those before the job `after`, at most `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn jobs(&self, kind: Kind, key: &str, after: Option<&str>, most: usize) -> Result<Vec<Job>, StoreError>;

    /// Those that are not over, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn unfinished(&self) -> Result<Vec<Job>, StoreError>;

    /// Forgets a job; whether it was there.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove(&self, kind: Kind, id: &str) -> Result<bool, StoreError>;

    /// Forgets those that were over before `at` (Unix seconds).
    ///
    /// # Errors
    /// [`StoreError`].
    fn forget(&self, at: u64) -> Result<(), StoreError>;

    /// How many there are of each kind and phase.
    ///
    /// # Errors
    /// [`StoreError`].
    fn counts(&self) -> Result<Vec<(Kind, Phase, u64)>, StoreError>;
}
