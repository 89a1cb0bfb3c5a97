//! A copy of the whole database as it is at one moment, made while the gateway runs.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{BUSY, Database, PRIVATE};
use crate::ledger::StoreError;

impl Database {
    /// Copies what is in the database to a new file, which is safe on the disk afterwards. Nobody who writes waits for it.
    /// Blocks for as long as it takes to write all of it.
    ///
    /// # Errors
    /// [`StoreError`], for a file that is there already too: it is left as it is. Nothing is left of a copy that failed.
    pub fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        let unwritten = |error: std::io::Error| StoreError::Failed(file.display().to_string(), error.to_string());
        // SQLite fills a file that is empty: so it has its rights from the beginning.
        let copy = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(file).map_err(unwritten)?;
        let copied = self.fill(file).and_then(|()| copy.sync_all().map_err(unwritten));
        if copied.is_err() {
            let _nothing_to_add = fs::remove_file(file);
        }
        copied
    }

    /// On a connection of its own: those that read may write nowhere, not even to another file.
    fn fill(&self, file: &Path) -> Result<(), StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(self.failed())?;
        connection.busy_timeout(BUSY).map_err(self.failed())?;
        let name = file.to_str().ok_or_else(|| {
            StoreError::Failed(file.display().to_string(), "the name of the file is no text".to_owned())
        })?;
        connection.execute("VACUUM INTO ?1", [name]).map_err(|error| Self::error(file, error)).map(drop)
    }
}
