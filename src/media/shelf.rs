//! What is kept: which files there are, how large they are together, which goes first. A file is written under another name and
//! renamed when it is whole; what a crash or a power cut has torn all the same is found by its length at the start, and by its
//! digest before it is handed out for the first time.
//!
//! Where there is no folder (in a demo that could make none) files have no names at all: they live as long as somebody has them open.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::name::{Id, Label};

/// Only the user who runs flowgate reads them.
const PRIVATE: u32 = 0o600;
/// How the names of files end that are not whole yet.
const PART: &str = ".part";
/// Files that are remembered at once (ours): some 150 bytes of memory for each.
const MOST_FILES: usize = 50_000;
/// The same of files without a name, each of which costs a descriptor (ours).
const MOST_NAMELESS: usize = 256;
/// Bytes read at once when a digest is checked (ours).
const BLOCK: usize = 256 << 10;

/// Where things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// In a folder that is this process's own.
    Folder {
        /// The folder, which is there.
        path: PathBuf,
        /// Whether what is kept outlasts a power cut (each file waits for the disk).
        is_synced: bool,
    },
    /// Nowhere: it goes with the process. The folder is where the system puts such files.
    Nowhere(PathBuf),
}

impl Home {
    fn folder(&self) -> &Path {
        match self {
            Self::Folder { path, .. } | Self::Nowhere(path) => path,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Shelf {
    home: Home,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    things: HashMap<Id, Thing>,
    /// The oldest first.
    ages: BTreeSet<(u64, Id)>,
    bytes: u64,
}

#[derive(Debug, Clone)]
struct Thing {
    label: Label,
    /// The file itself, where it has no name.
    nameless: Option<Arc<File>>,
    /// Whether its bytes are known to be what the label says.
    is_proven: bool,
}

/// A file that is not whole yet. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    is_named: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.is_named {
            let _not_there_any_more = fs::remove_file(&self.path);
        }
    }
}

impl Shelf {
    /// Finds what is there. Blocks on the disk. Drafts of an earlier life and files of another length than their names say are
    /// removed; files with other names are left alone.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn open(home: Home) -> io::Result<Self> {
        let mut index = Index::default();
        if let Home::Folder { path, .. } = &home {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                match Label::read(name) {
                    Some(label) if entry.metadata()?.len() == label.length => {
                        index.add(Thing { label, nameless: None, is_proven: false });
                    }
                    None if !name.ends_with(PART) => {}
                    _torn => fs::remove_file(entry.path())?,
                }
            }
        }
        Ok(Self { home, index: Mutex::new(index) })
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Files and bytes.
    pub(super) fn sums(&self) -> (usize, u64) {
        let index = self.index();
        (index.things.len(), index.bytes)
    }

    /// A new file for `id` to be written to.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn draft(&self, id: &str) -> io::Result<(File, Draft)> {
        let path = self.home.folder().join(format!("{id}{PART}"));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(PRIVATE).open(&path)?;
        let mut draft = Draft { path, is_named: true };
        if matches!(self.home, Home::Nowhere(_)) {
            fs::remove_file(&draft.path)?;
            draft.is_named = false;
        }
        Ok((file, draft))
    }

    /// Puts a whole file in its place, when there is room for it within `most` bytes: the oldest make room. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk does not do it.
    pub(super) fn place(&self, mut draft: Draft, file: &Arc<File>, label: Label, most: u64) -> io::Result<()> {
        self.make_room(label.length, most);
        if let Home::Folder { path, is_synced } = &self.home {
            if *is_synced {
                file.sync_all()?;
            }
            fs::rename(&draft.path, path.join(label.file()))?;
            draft.is_named = false;
            if *is_synced {
                File::open(path)?.sync_all()?;
            }
        }
        let nameless = matches!(self.home, Home::Nowhere(_)).then(|| file.clone());
        self.index().add(Thing { label, nameless, is_proven: true });
        Ok(())
    }

    fn make_room(&self, length: u64, most: u64) {
        let most_files = if matches!(self.home, Home::Nowhere(_)) { MOST_NAMELESS } else { MOST_FILES };
        let mut index = self.index();
        while index.bytes.saturating_add(length) > most || index.things.len() >= most_files {
            let Some(oldest) = index.ages.first().copied() else { return };
            self.remove(&mut index, oldest.1);
        }
    }

    /// Removes what was kept before `at` (Unix seconds).
    pub(super) fn forget_before(&self, at: u64) {
        let mut index = self.index();
        while let Some((_, id)) = index.ages.first().copied().filter(|(age, _)| *age < at) {
            self.remove(&mut index, id);
        }
    }

    /// Removes `id`.
    pub(super) fn forget(&self, id: Id) {
        self.remove(&mut self.index(), id);
    }

    fn remove(&self, index: &mut Index, id: Id) {
        if let Some(thing) = index.take(id) {
            // Whoever has it open reads it to its end.
            let _not_there_any_more = fs::remove_file(self.home.folder().join(thing.label.file()));
        }
    }

    /// What is known of `id`.
    pub(super) fn label(&self, id: Id) -> Option<Label> {
        self.index().things.get(&id).map(|thing| thing.label)
    }

    /// Opens `id`. Blocks on the disk; the first time after a start as long as it takes to read it.
    pub(super) fn read(&self, id: Id) -> Option<(Label, Arc<File>)> {
        let thing = self.index().things.get(&id)?.clone();
        let opened = match &thing.nameless {
            Some(file) => Ok(file.clone()),
            None => File::open(self.home.folder().join(thing.label.file())).map(Arc::new),
        };
        let is_right = |file: &File| io::Result::Ok(thing.is_proven || digest(file)? == thing.label.digest);
        match opened.and_then(|file| Ok((is_right(&file)?, file))) {
            Ok((true, file)) => {
                self.index().things.entry(id).and_modify(|thing| thing.is_proven = true);
                Some((thing.label, file))
            }
            // Torn, or somebody has removed it.
            Ok((false, _)) | Err(_) => {
                let mut index = self.index();
                self.remove(&mut index, id);
                None
            }
        }
    }
}

impl Index {
    fn add(&mut self, thing: Thing) {
        let label = thing.label;
        if let Some(old) = self.things.insert(label.id, thing) {
            self.bytes -= old.label.length;
            self.ages.remove(&(old.label.at, label.id));
        }
        self.bytes += label.length;
        self.ages.insert((label.at, label.id));
    }

    fn take(&mut self, id: Id) -> Option<Thing> {
        let thing = self.things.remove(&id)?;
        self.bytes -= thing.label.length;
        self.ages.remove(&(thing.label.at, id));
        Some(thing)
    }
}

fn digest(file: &File) -> io::Result<[u8; 32]> {
    let (mut digest, mut block, mut at) = (Sha256::new(), vec![0; BLOCK], 0);
    loop {
        match file.read_at(&mut block, at)? {
            0 => return Ok(digest.finalize().into()),
            count => {
                digest.update(&block[..count]);
                at += count as u64;
            }
        }
    }
}
