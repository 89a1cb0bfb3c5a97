//! The journal that is written to: whole records or nothing, whatever the disk does.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use bytes::BufMut;
use crc32fast::Hasher;

use super::StateError;
use super::files::Files;
use super::format::{self, FRAME_BYTES, Header, Kind};

/// What an appended record is safe against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of the process, kill -9 included: the system has the bytes. Costs microseconds.
    #[default]
    Process,
    /// A power cut as well: the disk has them. Costs what the disk takes, often milliseconds.
    Power,
}

/// How much is in the journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Records.
    pub records: u64,
    /// Bytes that they take on the disk.
    pub bytes: u64,
}

impl Backlog {
    pub(super) fn count(&mut self, record: &[u8]) {
        self.records += 1;
        self.bytes += (FRAME_BYTES + record.len()) as u64;
    }
}

/// Memory for a record on its way that is kept for the next ones, and how much may be deferred (bytes, ours).
const KEPT_BUFFER: usize = 64 << 10;

/// What can be appended to a journal.
pub trait Encode {
    /// Appends its bytes to `out`.
    fn encode(&self, out: &mut Vec<u8>);
}

impl<T: AsRef<[u8]>> Encode for T {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_ref());
    }
}

/// The file of the newest generation.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    path: PathBuf,
    generation: u64,
    /// Its checksum, for those of its records.
    begun: Hasher,
    /// Length of the header and all whole records (bytes).
    whole: u64,
    /// Whether something else may follow them, which must be cut off before anything is written.
    has_rest: bool,
    /// The record that goes with the next write, with room for its frame; empty where there is none.
    buffer: Vec<u8>,
    durability: Durability,
    /// Everything in the journals that were read, written and deferred so far.
    pub(super) total: Backlog,
    /// The part of it that is in the snapshot by now.
    pub(super) covered: Backlog,
}

impl Writer {
    /// Goes on in the file of `generation`, which ends after `whole` bytes and holds the last of `total` records.
    pub(super) fn resume(
        files: &Files,
        (generation, whole): (u64, u64),
        total: Backlog,
        durability: Durability,
    ) -> Result<Self, StateError> {
        let path = files.journal(generation);
        let file = files.append_to(&path)?;
        Ok(Self::new(file, path, (generation, whole), total, durability))
    }

    /// Begins the file of `generation`, after one of `preceding` bytes.
    pub(super) fn begin(
        files: &Files,
        generation: u64,
        preceding: u64,
        durability: Durability,
    ) -> Result<Self, StateError> {
        let path = files.journal(generation);
        let header = Header { generation, preceding }.encode(Kind::Journal);
        let is_synced = durability == Durability::Power;
        let file = files.create(&path, &header, is_synced)?;
        if is_synced {
            files.sync_folder()?;
        }
        Ok(Self::new(file, path, (generation, header.len() as u64), Backlog::default(), durability))
    }

    fn new(file: File, path: PathBuf, (generation, whole): (u64, u64), total: Backlog, durability: Durability) -> Self {
        let (buffer, covered) = (Vec::new(), Backlog::default());
        let begun = format::begun(generation);
        Self { file, path, generation, begun, whole, has_rest: false, buffer, durability, total, covered }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Turns to a file of the next generation. If that fails, the present one stays in use.
    pub(super) fn turn(&mut self, files: &Files) -> Result<(), StateError> {
        // A file that is followed by another one must end with a whole record.
        self.flush()?;
        self.cut_rest()?;
        let next = Self::begin(files, self.generation + 1, self.whole, self.durability)?;
        *self = Self { total: self.total, covered: self.covered, ..next };
        Ok(())
    }

    /// Appends `part` behind those that were deferred, and writes them: all of them are one record.
    pub(super) fn append(&mut self, part: impl Encode) -> Result<(), StateError> {
        self.take_in(part, Self::flush)
    }

    /// Appends `part` with the next write. Enough of them together are written at once.
    pub(super) fn defer(&mut self, part: impl Encode) -> Result<(), StateError> {
        self.take_in(part, |writer| if writer.buffer.len() < KEPT_BUFFER { Ok(()) } else { writer.flush() })
    }

    /// Puts `part` behind what is to be written. If `then` fails, it never came.
    fn take_in(
        &mut self,
        part: impl Encode,
        then: impl FnOnce(&mut Self) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let (deferred, total) = (self.buffer.len(), self.total);
        if deferred == 0 {
            self.buffer.put_bytes(0, FRAME_BYTES);
            self.total.records += 1;
        }
        part.encode(&mut self.buffer);
        self.total.bytes += (self.buffer.len() - deferred) as u64;
        let taken = then(self);
        if taken.is_err() {
            self.buffer.truncate(deferred);
            self.total = total;
        }
        taken
    }

    /// Writes what was deferred. What cannot be written is tried again with the next write.
    pub(super) fn flush(&mut self) -> Result<(), StateError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        format::seal(&mut self.buffer, &self.begun).map_err(StateError::TooLong)?;
        self.cut_rest()?;
        self.has_rest = true;
        if let Err(error) = self.write() {
            // If this fails as well, the next write tries again before it begins.
            let _cut_later = self.cut_rest();
            return Err(error);
        }
        self.has_rest = false;
        self.whole += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BUFFER);
        Ok(())
    }

    /// One write(2), unless the disk takes only a part.
    fn write(&mut self) -> Result<(), StateError> {
        self.file.write_all(&self.buffer).map_err(StateError::of("write", &self.path))?;
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Power => self.file.sync_data().map_err(StateError::of("sync", &self.path)),
        }
    }

    fn cut_rest(&mut self) -> Result<(), StateError> {
        if self.has_rest {
            self.file.set_len(self.whole).map_err(StateError::of("shorten", &self.path))?;
            self.has_rest = false;
        }
        Ok(())
    }
}
