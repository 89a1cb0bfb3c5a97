//! Connections that only read: what they see is whole, they never wait for the writer, and it never waits for them.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::{BUSY, Database, FILE, schema};
use crate::ledger::StoreError;

/// Idle connections that are kept (ours): each has up to 2 MB of pages.
const MOST_IDLE: usize = 2;

/// Connections that nobody uses at the moment.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<Vec<Connection>>);

impl Database {
    /// Opens the database in `folder` to read it, whether the gateway has it open or not. Makes no tables, and writing to
    /// it fails.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is none, [`StoreError::Older`] and [`StoreError::Newer`] if it is another version's.
    pub fn open_to_read(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Err(StoreError::Missing(folder.display().to_string()));
        }
        let connection = connect(&path).map_err(|error| Self::error(&path, error))?;
        schema::is_current(&connection, &path)?;
        Ok(Self::with(connection, path))
    }

    /// Lets `look` read. Connections are kept for those who come after, but for those on which something failed.
    ///
    /// # Errors
    /// What the database says, in our words.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let idle = || self.readers.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let connection = kept.map_or_else(|| connect(&self.path), Ok).map_err(self.failed())?;
        let seen = look(&connection).map_err(self.failed())?;
        let mut idle = idle();
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
        Ok(seen)
    }
}

/// SQLite's own read-only mode would leave files beside a database that nobody else has open; this one cleans up.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}
