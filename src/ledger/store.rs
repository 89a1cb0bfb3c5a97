//! What keeps rows for good: SQLite today, PostgreSQL for several replicas.

use super::query::Query;
use super::row::Row;
use super::sum::Sum;

/// Why a store did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk.
    #[error("no room on the disk for {0}")]
    Full(String),
    /// Another process has it for longer than can be waited.
    #[error("{0} is locked by another process")]
    Locked(String),
    /// There is none, and whoever asks only reads.
    #[error("there is no ledger in {0} yet: `flowgate serve` makes one when it starts")]
    Missing(String),
    /// An earlier version wrote it, and whoever asks only reads.
    #[error("{0} was written by an older flowgate: this one's `serve` brings it up to date when it starts")]
    Older(String),
    /// A later version wrote it.
    #[error("{0} was written by a newer flowgate: run that one, or restore a backup of before")]
    Newer(String),
    /// It is damaged.
    #[error("{0} is damaged: {1}")]
    Damaged(String, String),
    /// Anything else that the database or the disk says.
    #[error("{0}: {1}")]
    Failed(String, String),
}

/// Keeps rows. Every method blocks; none may be called on the way of a request.
pub trait Store: std::fmt::Debug + Send + Sync {
    /// Files `rows`: all of them or none. Those whose number is there already are left as they are, so that filing
    /// again after a failure counts nothing twice.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was filed then.
    fn file_all(&self, rows: &[&Row]) -> Result<(), StoreError>;

    /// The same, of rows that lie side by side.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was filed then.
    fn file(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.file_all(&rows.iter().collect::<Vec<_>>())
    }

    /// The largest number filed; 0 if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    fn last_seq(&self) -> Result<u64, StoreError>;

    /// Sums of what was filed, sorted by their groups.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sums(&self, query: &Query) -> Result<Vec<Sum>, StoreError>;

    /// Rows with numbers above `after`, in their order, at most `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn rows(&self, after: u64, most: usize) -> Result<Vec<Row>, StoreError>;

    /// Rows with numbers below `before`, the largest first, at most `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn rows_before(&self, before: u64, most: usize) -> Result<Vec<Row>, StoreError>;

    /// Between which numbers all rows of these days lie, both included; others may lie there too. `None` where there are
    /// no rows of these days.
    ///
    /// # Errors
    /// [`StoreError`].
    fn span(&self, _from_day: u64, _until_day: u64) -> Result<Option<(u64, u64)>, StoreError> {
        Ok(Some((0, u64::MAX)))
    }

    /// Forgets rows from before `at_ms`, at most `most` of them, and returns how many there were. Sums stay.
    ///
    /// # Errors
    /// [`StoreError`].
    fn forget(&self, at_ms: u64, most: usize) -> Result<u64, StoreError>;

    /// Everything that is wrong with what is kept, for people; empty when nothing is.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot even be looked at.
    fn check(&self) -> Result<Vec<String>, StoreError>;
}
