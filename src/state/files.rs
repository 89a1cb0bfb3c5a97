//! The files of one journal in the folder: their names, how they are made, and what is set aside.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::folder::PRIVATE_FILE;
use super::{Folder, StateError};

/// Files that were set aside and are kept: enough to look at what happened, not enough to fill a disk (ours).
const MOST_ASIDE: usize = 5;

/// `NAME.GENERATION.journal`, `NAME.snapshot`, `NAME.snapshot.new` while it is written, `NAME.damaged-SECONDS`; `NAME.note`
/// and `NAME.note.new` of a note.
#[derive(Debug)]
pub(super) struct Files {
    folder: Folder,
    name: String,
}

impl Files {
    pub(super) fn new(folder: &Folder, name: &str) -> Self {
        Self { folder: folder.clone(), name: name.to_owned() }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("{}.{ending}", self.name))
    }

    pub(super) fn journal(&self, generation: u64) -> PathBuf {
        self.path(&format!("{generation}.journal"))
    }

    pub(super) fn snapshot(&self) -> PathBuf {
        self.path("snapshot")
    }

    pub(super) fn new_snapshot(&self) -> PathBuf {
        self.path("snapshot.new")
    }

    pub(super) fn note(&self) -> PathBuf {
        note(self.folder.path(), &self.name)
    }

    pub(super) fn new_note(&self) -> PathBuf {
        self.path("note.new")
    }

    /// The generations that have a journal, in order.
    pub(super) fn generations(&self) -> Result<Vec<u64>, StateError> {
        let endings = self.endings()?;
        let found = endings.iter().filter_map(|ending| ending.strip_suffix(".journal")?.parse().ok());
        let mut found: Vec<u64> = found.collect();
        found.sort_unstable();
        Ok(found)
    }

    /// What follows `NAME.` in the names of all files that begin so.
    fn endings(&self) -> Result<Vec<String>, StateError> {
        let folder = self.folder.path();
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(StateError::of("list", folder))?;
        let ending = |entry: &DirEntry| {
            Some(entry.file_name().to_str()?.strip_prefix(&self.name)?.strip_prefix('.')?.to_owned())
        };
        Ok(entries.iter().filter_map(ending).collect())
    }

    /// Writes a file anew, from `bytes`; what was there is replaced. More can be appended to it. Nothing of it remains
    /// if that fails.
    pub(super) fn create(&self, path: &Path, bytes: &[u8], is_synced: bool) -> Result<File, StateError> {
        // Not cut to nothing: ext4 writes a file to the disk when one is closed that was, however long it is by then.
        self.remove(path)?;
        let opened = OpenOptions::new().create_new(true).append(true).mode(PRIVATE_FILE).open(path);
        let written = opened.and_then(|mut file| {
            file.write_all(bytes)?;
            if is_synced {
                file.sync_all()?
            }
            Ok(file)
        });
        written.map_err(|error| {
            let _not_there_or_empty = fs::remove_file(path);
            StateError::of("write", path)(error)
        })
    }

    /// Opens a file that is there, to append to it.
    pub(super) fn append_to(&self, path: &Path) -> Result<File, StateError> {
        OpenOptions::new().append(true).open(path).map_err(StateError::of("open", path))
    }

    /// Makes new names and renamings outlast a power cut.
    pub(super) fn sync_folder(&self) -> Result<(), StateError> {
        let folder = self.folder.path();
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(StateError::of("sync", folder))
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, path: &Path) -> Result<(), StateError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StateError::of("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// Keeps the first `length` bytes of a file.
    pub(super) fn shorten(&self, path: &Path, length: u64) -> Result<(), StateError> {
        self.append_to(path)?.set_len(length).map_err(StateError::of("shorten", path))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), StateError> {
        fs::rename(from, to).map_err(StateError::of("rename", from))
    }

    /// Keeps `bytes` of a damaged file in one of their own, on the disk before this returns.
    pub(super) fn set_aside(&self, bytes: &[u8]) -> Result<PathBuf, StateError> {
        let before = self.asides()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        // The clock may stand or go back: the newest must not look like the oldest, which goes first.
        let seconds = before.last().map_or(now, |last| now.max(last.saturating_add(1)));
        let path = self.aside(seconds);
        self.create(&path, bytes, true)?;
        let kept = before.len().min(MOST_ASIDE - 1);
        before[..before.len() - kept].iter().try_for_each(|old| self.remove(&self.aside(*old)))?;
        Ok(path)
    }

    fn aside(&self, seconds: u64) -> PathBuf {
        self.path(&format!("damaged-{seconds}"))
    }

    /// When each of those that are there was set aside (Unix seconds), the oldest first.
    fn asides(&self) -> Result<Vec<u64>, StateError> {
        let endings = self.endings()?;
        let seconds = endings.iter().filter_map(|ending| ending.strip_prefix("damaged-")?.parse().ok());
        let mut seconds: Vec<u64> = seconds.collect();
        seconds.sort_unstable();
        Ok(seconds)
    }
}

/// The file of the note `name` in a folder.
pub(super) fn note(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.note"))
}

/// The bytes of a file; `None` if it is not there.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::of("read", path)(error)),
    }
}
