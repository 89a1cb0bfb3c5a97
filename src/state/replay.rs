//! How the files are read at the start, and put right: what is good comes back, what is not is cut off or set aside.
//!
//! Good is the snapshot and, of the journals from its generation on, all records up to the first fault. Each step can
//! be repeated, so a process that is killed here does no harm.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::StateError;
use super::files::{self, Files};
use super::format::{self, Ending, Header, Kind, Parsed, Unreadable};
use super::writer::{Backlog, Durability, Writer};

/// What was in the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// The newest snapshot.
    pub snapshot: Option<Vec<u8>>,
    /// The records that were appended after it, in order.
    pub records: Vec<Vec<u8>>,
    /// What is missing, if something is.
    pub torn: Option<Torn>,
}

/// What a start could not read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Torn {
    /// What was found and what was done, for the log.
    pub description: String,
    /// Whether it is more than the end of a file that its writer did not finish. That alone is what kill -9 may
    /// leave: nobody was told that it was safe.
    pub is_damage: bool,
    /// Where damaged bytes were put.
    pub aside: Vec<PathBuf>,
}

impl Torn {
    fn add(&mut self, fault: &str) {
        if !self.description.is_empty() {
            self.description.push_str("; ");
        }
        self.description.push_str(fault);
    }
}

/// Reads all files: what was in them, where to go on, and the generation that the snapshot names (0 if there is none).
pub(super) fn open(files: &Files, durability: Durability) -> Result<(Replay, Writer, u64), StateError> {
    let stored = Stored::read(files)?;
    let mut repair = Repair::new(files);
    let snapshot = repair.snapshot(stored.snapshot)?;
    repair.begin_at(snapshot, stored.journals.first().map(|(generation, _)| *generation));
    for (generation, bytes) in &stored.journals {
        repair.journal(*generation, bytes)?;
    }
    let writer = match repair.last {
        Some(last) => Writer::resume(files, last, repair.backlog(), durability)?,
        None => Writer::begin(files, repair.next, 0, durability)?,
    };
    Ok((repair.into_replay(), writer, snapshot))
}

/// The bytes of all files, as they were found.
struct Stored {
    snapshot: Option<Vec<u8>>,
    journals: Vec<(u64, Vec<u8>)>,
}

impl Stored {
    /// A later version is refused here, before anything is changed.
    fn read(files: &Files) -> Result<Self, StateError> {
        let snapshot = known(Kind::Snapshot, &files.snapshot())?;
        let mut journals = Vec::new();
        for generation in files.generations()? {
            let bytes = known(Kind::Journal, &files.journal(generation))?;
            journals.extend(bytes.map(|bytes| (generation, bytes)));
        }
        Ok(Self { snapshot, journals })
    }
}

fn known(kind: Kind, file: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let bytes = files::read(file)?;
    match bytes.as_deref().map(|bytes| format::parse_header(kind, bytes)) {
        Some(Err(Unreadable::Newer(version))) => Err(StateError::Newer { file: file.to_owned(), version }),
        _ => Ok(bytes),
    }
}

struct Repair<'a> {
    files: &'a Files,
    replay: Replay,
    torn: Torn,
    /// The generation that comes next.
    next: u64,
    /// The last good journal: its generation and its length (bytes).
    last: Option<(u64, u64)>,
}

impl<'a> Repair<'a> {
    fn new(files: &'a Files) -> Self {
        Self { files, replay: Replay::default(), torn: Torn::default(), next: 1, last: None }
    }

    /// The generation that the snapshot names; 0 without one.
    fn snapshot(&mut self, bytes: Option<Vec<u8>>) -> Result<u64, StateError> {
        self.files.remove(&self.files.new_snapshot())?;
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Ok(0) };
        if let Ok(Parsed { header, records, ending: Ending::Whole, .. }) = format::parse(Kind::Snapshot, &bytes)
            && let [snapshot] = records[..]
        {
            self.replay.snapshot = Some(snapshot.to_vec());
            return Ok(header.generation);
        }
        self.set_aside_whole(&self.files.snapshot(), &bytes, "is damaged: what it held is lost")?;
        Ok(0)
    }

    /// Journals count from the snapshot's generation on, or from the `first` that is there.
    fn begin_at(&mut self, snapshot: u64, first: Option<u64>) {
        self.next = if snapshot == 0 { first.unwrap_or(1) } else { snapshot };
        if self.replay.snapshot.is_none() && self.next > 1 && self.torn.description.is_empty() {
            self.torn.add("the snapshot is gone: what it held is lost");
            self.torn.is_damage = true;
        }
    }

    fn journal(&mut self, generation: u64, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.files.journal(generation);
        if generation < self.next {
            // The snapshot holds it.
            return self.files.remove(&path);
        }
        match format::parse(Kind::Journal, bytes) {
            Ok(parsed) if self.follows(generation, parsed.header) => self.take(&path, bytes, &parsed),
            Ok(Parsed { header, records, ending: Ending::Whole, .. })
                if header.generation == generation && records.is_empty() =>
            {
                self.files.remove(&path)
            }
            Err(Unreadable::Short) => self.forget_short(&path, bytes),
            Ok(_) => self.set_aside_whole(&path, bytes, "does not follow what was read before it"),
            Err(_) => self.set_aside_whole(&path, bytes, "is no journal from its first bytes on"),
        }
    }

    fn follows(&self, generation: u64, header: Header) -> bool {
        let has_right_place = generation == self.next && header.generation == generation;
        has_right_place && self.last.is_none_or(|(_, length)| length == header.preceding)
    }

    /// A file whose writer was killed before it had a header. It never had a record.
    fn forget_short(&mut self, path: &Path, bytes: &[u8]) -> Result<(), StateError> {
        if !bytes.is_empty() {
            self.torn.add(&format!("{} ended within its first {} bytes and was removed", name(path), bytes.len()));
        }
        self.files.remove(path)
    }

    fn take(&mut self, path: &Path, bytes: &[u8], parsed: &Parsed<'_>) -> Result<(), StateError> {
        self.replay.records.extend(parsed.records.iter().map(|record| record.to_vec()));
        let whole = parsed.whole_bytes as u64;
        self.last = Some((parsed.header.generation, whole));
        self.next = parsed.header.generation.saturating_add(1);
        let rest = &bytes[parsed.whole_bytes..];
        match parsed.ending {
            Ending::Whole => return Ok(()),
            Ending::Torn => self.torn.add(&format!(
                "{} ended with {} bytes of a record that was not written to its end; they were cut off",
                name(path),
                rest.len()
            )),
            Ending::Damaged => self.set_aside(path, rest, &format!("is damaged from byte {whole} on"))?,
        }
        self.files.shorten(path, whole)
    }

    fn set_aside_whole(&mut self, path: &Path, bytes: &[u8], fault: &str) -> Result<(), StateError> {
        self.set_aside(path, bytes, fault)?;
        self.files.remove(path)
    }

    fn set_aside(&mut self, path: &Path, bytes: &[u8], fault: &str) -> Result<(), StateError> {
        let aside = self.files.set_aside(bytes)?;
        self.torn.add(&format!("{} {fault}; its {} bytes are now in {}", name(path), bytes.len(), name(&aside)));
        self.torn.is_damage = true;
        self.torn.aside.push(aside);
        Ok(())
    }

    /// Counted anew rather than kept on the way: it is what the records take.
    fn backlog(&self) -> Backlog {
        let mut backlog = Backlog::default();
        self.replay.records.iter().for_each(|record| backlog.count(record));
        backlog
    }

    fn into_replay(self) -> Replay {
        let torn = Some(self.torn).filter(|torn| !torn.description.is_empty());
        Replay { torn, ..self.replay }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().into_owned()
}
