//! The folder itself: made if it is not there, and held by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StateError;

/// Only the user who runs flowgate reads the state: it tells who asked how much, and holds hashes of keys.
const PRIVATE_FOLDER: u32 = 0o700;
pub(super) const PRIVATE_FILE: u32 = 0o600;

const LOCK: &str = "lock";

/// A state folder that is ours. It is held until the last clone and the last journal of it are dropped, or the
/// process ends in whatever way.
#[derive(Debug, Clone)]
pub struct Folder(Arc<Held>);

#[derive(Debug)]
struct Held {
    path: PathBuf,
    /// The system lets go of the lock with the last descriptor of the file, even after kill -9.
    lock: File,
}

impl Drop for Held {
    /// Not left to the closing of the file: a process that is just being started by another thread has a copy of the
    /// descriptor for a moment.
    fn drop(&mut self) {
        let _closing_does_it_too = self.lock.unlock();
    }
}

impl Folder {
    /// Makes the folder at `path` (and those above it) unless it is there, and takes it for this process. Blocks on
    /// the disk, never on another process.
    ///
    /// # Errors
    /// [`StateError::InUse`] while another process has it; [`StateError::Unusable`] and [`StateError::NoLocks`] when
    /// it cannot be made, written or locked.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StateError> {
        let path = path.as_ref();
        let folder = || path.to_owned();
        let mut lock = make(path).map_err(|source| StateError::Unusable { folder: folder(), source })?;
        match lock.try_lock() {
            Ok(()) => leave_number(&mut lock),
            Err(TryLockError::WouldBlock) => {
                return Err(StateError::InUse { folder: folder(), process: read_number(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(StateError::NoLocks { folder: folder(), source }),
        }
        Ok(Self(Arc::new(Held { path: folder(), lock })))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

/// The folder, and its lock file.
fn make(folder: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE);
    options.open(folder.join(LOCK))
}

/// The number of this process, for the error of the next one. It only informs: on a full disk it is left out.
fn leave_number(lock: &mut File) {
    let number = std::process::id().to_string();
    let _only_informs = lock.set_len(0).and_then(|()| lock.write_all(number.as_bytes()));
}

fn read_number(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.rewind().and_then(|()| lock.take(16).read_to_string(&mut text)).ok()?;
    text.parse().ok()
}
