//! A journal: records appended one after the other, and now and then a snapshot that takes the place of all before it.
//!
//! How no record is lost and none comes twice, wherever the process is killed:
//!
//! 1. A compaction begins by turning to a new file, the journal of the next generation, while no append runs. The
//!    snapshot holds what was appended before that moment, the new file what comes after it.
//! 2. The snapshot, which names the new generation, is written beside the old one, brought to the disk and renamed
//!    over it. Until then the old snapshot and all journals since are in force, from then on the new one and the new
//!    journal: the renaming is the one step that counts. Appends go on meanwhile.
//! 3. Journals older than the snapshot are removed. A reader ignores them, if they are still there.
//!
//! A compaction that fails or is given up after step 1 leaves two journals to be read one after the other, and that
//! is all. Each one says how long the one before it was, so that a reader notices what is missing between them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::files::Files;
use super::format::{self, Header, Kind};
use super::writer::{Encode, Writer};
use super::{Backlog, Durability, Folder, Replay, StateError, replay};

/// An open journal. Any number of threads may use it. It keeps its folder held.
#[derive(Debug)]
pub struct Journal {
    files: Files,
    writer: Mutex<Writer>,
    /// The generation that the snapshot in force names. Locked while one is written, before `writer`.
    snapshot: Mutex<u64>,
}

impl Journal {
    /// Opens the journal `name` of `folder`, made anew if it is not there, with all that was in it. `name` is a word
    /// without dots. It must not be open already: two would write over each other. Blocks while all of it is read.
    ///
    /// A fault in the files is told in [`Replay::torn`], put right and never an error.
    ///
    /// # Errors
    /// [`StateError::Newer`] when a later version wrote it; nothing was changed then. [`StateError::Io`], also when
    /// there is no room to set damaged bytes aside: they are not thrown away.
    pub fn open(folder: &Folder, name: &str, durability: Durability) -> Result<(Self, Replay), StateError> {
        let files = Files::new(folder, name);
        let (replay, writer, snapshot) = replay::open(&files, durability)?;
        Ok((Self { files, writer: Mutex::new(writer), snapshot: Mutex::new(snapshot) }, replay))
    }

    /// Appends a record: all that was [deferred](Self::defer), and `part` behind it. Once this returns it outlasts whatever
    /// the [`Durability`] says. Blocks for microseconds, with [`Durability::Power`] until the disk has it.
    ///
    /// # Errors
    /// [`StateError::Io`] when the disk is full or broken, [`StateError::TooLong`]. Then `part` is not there, and later ones
    /// are appended as if it had never come: it may be tried again. What was deferred before stays deferred.
    pub fn append(&self, part: impl Encode) -> Result<(), StateError> {
        lock(&self.writer).append(part)
    }

    /// Appends `part` with the next write, whoever makes it: for what a process may lose that is killed before
    /// [`Journal::flush`]. Costs no system call, unless there is much of it. All that goes with one write is one record, there
    /// as a whole or not at all: what each part is, and where it ends, is for its owner to tell.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn defer(&self, part: impl Encode) -> Result<(), StateError> {
        lock(&self.writer).defer(part)
    }

    /// Writes what was deferred.
    ///
    /// # Errors
    /// [`StateError::Io`]. It stays deferred.
    pub fn flush(&self) -> Result<(), StateError> {
        lock(&self.writer).flush()
    }

    /// What a start would have to read besides the snapshot: the owner decides by it when to compact.
    pub fn backlog(&self) -> Backlog {
        let writer = lock(&self.writer);
        let (total, covered) = (writer.total, writer.covered);
        Backlog { records: total.records - covered.records, bytes: total.bytes - covered.bytes }
    }

    /// Puts what `snapshot` returns in place of all records so far. Appends are held off while it runs, so that it can
    /// see them all, and go on while its bytes are written. It must not wait for a lock that anybody holds around an
    /// append: that would never end. Owners with such a lock use [`Journal::begin_compaction`].
    ///
    /// # Errors
    /// [`StateError::Io`], [`StateError::TooLong`]. Then all records are still there, and it may be tried again.
    pub fn compact_with(&self, snapshot: impl FnOnce() -> Vec<u8>) -> Result<(), StateError> {
        let mut writer = lock(&self.writer);
        let bytes = snapshot();
        let compaction = self.turn(&mut writer)?;
        drop(writer);
        compaction.finish(&bytes)
    }

    /// Marks the place that a snapshot stands for: all that was appended before. For owners whose own lock guards both
    /// their state and its appends: under that lock, make the snapshot and call this (a tenth of a millisecond, and with
    /// [`Durability::Power`] a wait for the disk); then let go of it and call [`Compaction::finish`].
    ///
    /// # Errors
    /// [`StateError::Io`]. Then nothing has changed.
    pub fn begin_compaction(&self) -> Result<Compaction<'_>, StateError> {
        self.turn(&mut lock(&self.writer))
    }

    fn turn(&self, writer: &mut Writer) -> Result<Compaction<'_>, StateError> {
        writer.turn(&self.files)?;
        Ok(Compaction { journal: self, generation: writer.generation(), covered: writer.total })
    }

    fn write_snapshot(&self, generation: u64, snapshot: &[u8]) -> Result<(), StateError> {
        let mut bytes = Header { generation, preceding: 0 }.encode(Kind::Snapshot).to_vec();
        format::put(&mut bytes, generation, snapshot).ok_or(StateError::TooLong(snapshot.len()))?;
        let (new, path) = (self.files.new_snapshot(), self.files.snapshot());
        self.files.create(&new, &bytes, true)?;
        self.files.rename(&new, &path)?;
        self.files.sync_folder()
    }

    /// What cannot be removed now is ignored and removed by the next start.
    fn remove_older(&self, generation: u64) {
        for old in self.files.generations().unwrap_or_default().into_iter().filter(|old| *old < generation) {
            let _removed_by_the_next_start = self.files.remove(&self.files.journal(old));
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _told_by_the_last_append = self.flush();
    }
}

/// A compaction that has begun. Dropped without [`Compaction::finish`], it has changed nothing that counts.
#[must_use = "records pile up until a snapshot takes their place"]
#[derive(Debug)]
pub struct Compaction<'a> {
    journal: &'a Journal,
    /// The first generation that the snapshot does not hold.
    generation: u64,
    covered: Backlog,
}

impl Compaction<'_> {
    /// Puts `snapshot` in place of all records from before [`Journal::begin_compaction`]. Blocks until the disk has it
    /// (milliseconds); appends go on meanwhile. If a later compaction was quicker, there is nothing left to do.
    ///
    /// # Errors
    /// [`StateError::Io`], [`StateError::TooLong`]. Then all records are still there.
    pub fn finish(self, snapshot: &[u8]) -> Result<(), StateError> {
        let mut in_force = lock(&self.journal.snapshot);
        if *in_force >= self.generation {
            return Ok(());
        }
        self.journal.write_snapshot(self.generation, snapshot)?;
        *in_force = self.generation;
        lock(&self.journal.writer).covered = self.covered;
        self.journal.remove_older(self.generation);
        Ok(())
    }
}

/// Nothing is half done when a lock is let go, so a panic of its holder spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
