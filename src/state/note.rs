//! One small file in the state folder that is replaced as a whole: what is worth keeping over a restart, and no loss when
//! it is gone.

use std::path::Path;

use super::files::{self, Files};
use super::{Folder, StateError};

/// Larger files are none of ours (bytes; ours).
const MOST: u64 = 16 * 1024 * 1024;

/// A file `NAME.note` in the folder.
#[derive(Debug)]
pub struct Note {
    files: Files,
}

impl Note {
    /// The one called `name`; it need not be there yet.
    pub fn new(folder: &Folder, name: &str) -> Self {
        Self { files: Files::new(folder, name) }
    }

    /// What stands in it; `None` if it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self) -> Result<Option<Vec<u8>>, StateError> {
        read(&self.files.note())
    }

    /// What stands in the note `name` of the folder at `path`, whoever has that folder: a note is whole at every moment.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn peek(path: &Path, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        read(&files::note(path, name))
    }

    /// Puts `bytes` in its place, in one step: who reads meanwhile sees the old ones or the new ones. Blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written; the old one stays.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), StateError> {
        self.put(bytes, false)
    }

    /// The same, and it outlasts a power cut. Waits for the disk.
    ///
    /// # Errors
    /// When it cannot be written; the old one stays.
    pub fn replace_for_good(&self, bytes: &[u8]) -> Result<(), StateError> {
        self.put(bytes, true)?;
        self.files.sync_folder()
    }

    fn put(&self, bytes: &[u8], is_synced: bool) -> Result<(), StateError> {
        let new = self.files.new_note();
        self.files.create(&new, bytes, is_synced)?;
        self.files.rename(&new, &self.files.note())
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let is_ours = std::fs::metadata(path).is_ok_and(|file| file.len() <= MOST);
    if is_ours { files::read(path) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_replaced_as_a_whole() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let note = Note::new(&folder, "models");
        assert_eq!(note.read().unwrap(), None);
        for text in ["first", "second, and longer", "3"] {
            note.replace(text.as_bytes()).unwrap();
            assert_eq!(note.read().unwrap().as_deref(), Some(text.as_bytes()));
            assert_eq!(Note::peek(home.path(), "models").unwrap().as_deref(), Some(text.as_bytes()));
        }
        let names = std::fs::read_dir(home.path()).unwrap().map(|file| file.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        assert_eq!(names, ["lock", "models.note"]);
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(home.path().join("models.note")).unwrap();
        file.set_len(MOST + 1).unwrap();
        assert_eq!(Note::peek(home.path(), "models").unwrap(), None);
    }
}
