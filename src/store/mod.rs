//! The database in the state folder: SQLite in one file, `flowgate.db`, for ledger, keys and kept responses.
//!
//! Knows what rows and keys are, and how they are kept; not who asks. Several processes may have it open: the gateway and
//! commands beside it. Every method blocks.

mod backup;
mod jobs;
mod keys;
mod ledger;
mod reader;
mod responses;
mod schema;
#[cfg(test)]
mod tests;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, ffi};

use crate::ledger::StoreError;
use ledger::Known;
use reader::Readers;

/// The file's name in the state folder.
pub const FILE: &str = "flowgate.db";

/// Only their owner reads our files: they have names and hashes of keys.
const PRIVATE: u32 = 0o600;

/// How long a statement waits for another process (ours): a command beside the gateway writes for milliseconds.
const BUSY: Duration = Duration::from_secs(2);

/// How much of the journal that SQLite writes ahead is kept once it is empty (bytes; ours). A reader that takes long makes it
/// grow.
const WAL_LEFT: u32 = 16 * 1024 * 1024;
/// Statements that are kept prepared (ours): all there are.
const STATEMENTS: usize = 64;

/// An open database.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    writer: Mutex<Connection>,
    /// Numbers of what rows share.
    known: Mutex<Known>,
    readers: Readers,
}

impl Database {
    /// Opens the database in `folder`, which must be there, and brings its tables up to date. `is_synced`: whether
    /// what was filed outlasts a power failure.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(folder: &Path, is_synced: bool) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let failed = |error| Self::error(&path, error);
        // SQLite would let others read it, where they can enter the folder; the files beside it have the rights of this one.
        let unmade = |error: std::io::Error| StoreError::Failed(path.display().to_string(), error.to_string());
        OpenOptions::new().append(true).create(true).mode(PRIVATE).open(&path).map_err(unmade)?;
        let mut connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", if is_synced { "FULL" } else { "NORMAL" }).map_err(failed)?;
        connection.pragma_update(None, "journal_size_limit", WAL_LEFT).map_err(failed)?;
        schema::migrate(&mut connection, &path)?;
        Ok(Self::with(connection, path))
    }

    fn with(writer: Connection, path: PathBuf) -> Self {
        writer.set_prepared_statement_cache_capacity(STATEMENTS);
        Self { path, writer: Mutex::new(writer), known: Mutex::default(), readers: Readers::default() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The one connection that writes.
    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What SQLite says, in our words.
    fn failed(&self) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
        |error| Self::error(&self.path, error)
    }

    fn error(path: &Path, error: rusqlite::Error) -> StoreError {
        let place = path.display().to_string();
        // No room for the index of the journal that is written ahead; everywhere else SQLite says "full" itself.
        if error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE) {
            return StoreError::Full(place);
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full(place),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked(place),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(place, error.to_string()),
            // Text where a number should be, or a number that cannot be.
            None if is_misread(&error) => StoreError::Damaged(place, told(&error)),
            _ => StoreError::Failed(place, error.to_string()),
        }
    }
}

/// Whether what was read is not what only we could have written.
fn is_misread(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
}

/// What is wrong, for people; of what was misread without what SQLite's words add to it.
fn told(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::FromSqlConversionFailure(_, _, what) => what.to_string(),
        _ => error.to_string(),
    }
}
