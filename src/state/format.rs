//! What stands in the files, as bytes in and values out: a header, then records, each with its length and checksums.
//!
//! Pure: knows no file. A snapshot has the form of a journal with one record. All numbers are little-endian.
//!
//! ```text
//! header  magic 8 | version 4 | generation 8 | preceding 8 | CRC-32 of these 4
//! record  length 4 | CRC-32 of generation and length 4 | CRC-32 of generation and bytes 4 | bytes
//! ```
//!
//! The length has a checksum of its own, so that a wrong one is not taken for a record that was cut off, which would
//! throw away all that follows. The generation is in each checksum, so that neither zeros nor a block of an older
//! file is ever a record.

use bytes::{Buf, BufMut};
use crc32fast::Hasher;

/// The version that is written. The header keeps its layout in every later one.
pub const VERSION: u32 = 1;

/// Length of a header (bytes).
pub const HEADER_BYTES: usize = 32;

/// What a record takes besides its own bytes.
pub const FRAME_BYTES: usize = 12;

const SUM_BYTES: usize = 4;

/// Which of the two kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Records, one after the other.
    Journal,
    /// One record: all that happened before a generation.
    Snapshot,
}

impl Kind {
    /// The line end shows a copy that went through a tool for text.
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Journal => b"FLGWJN\r\n",
            Self::Snapshot => b"FLGWSN\r\n",
        }
    }
}

/// What a file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Of a journal its own; of a snapshot that of the first journal which it does not hold.
    pub generation: u64,
    /// Of a journal: how long the one of the generation before was when this one took over (bytes); 0 if there was
    /// none. Shows a loss at the end of that one.
    pub preceding: u64,
}

impl Header {
    /// The first bytes of a file.
    pub fn encode(self, kind: Kind) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut out = &mut bytes[..];
        out.put_slice(kind.magic());
        out.put_u32_le(VERSION);
        out.put_u64_le(self.generation);
        out.put_u64_le(self.preceding);
        let sum = crc32fast::hash(&bytes[..HEADER_BYTES - SUM_BYTES]);
        bytes[HEADER_BYTES - SUM_BYTES..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

/// Appends `record` to `out` as it stands in a file of `generation`. `None`, and nothing is appended, if it is longer
/// than a length can say (4 GiB).
pub fn put(out: &mut Vec<u8>, generation: u64, record: &[u8]) -> Option<()> {
    let start = out.len();
    out.put_bytes(0, FRAME_BYTES);
    out.put_slice(record);
    seal(&mut out[start..], &begun(generation)).map_err(|_| out.truncate(start)).ok()
}

/// The checksum of a generation, with which all in its file begin.
pub(super) fn begun(generation: u64) -> Hasher {
    let mut begun = Hasher::new();
    begun.update(&generation.to_le_bytes());
    begun
}

/// Writes length and checksums into the first [`FRAME_BYTES`] of `framed`, in front of a record; all checksums of its file
/// have [`begun`].
///
/// # Errors
/// How long the record is, if that is too long.
pub(super) fn seal(framed: &mut [u8], begun: &Hasher) -> Result<(), usize> {
    let (mut frame, record) = framed.split_at_mut(FRAME_BYTES);
    let length = u32::try_from(record.len()).map_err(|_| record.len())?;
    frame.put_u32_le(length);
    frame.put_u32_le(sum_after(begun, &length.to_le_bytes()));
    frame.put_u32_le(sum_after(begun, record));
    Ok(())
}

/// How the readable part of a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With its last record.
    Whole,
    /// With a record that was not written to its end, as a process leaves it that was killed while it wrote.
    Torn,
    /// With bytes that are no record; good ones may follow.
    Damaged,
}

/// What stands in a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// Its header.
    pub header: Header,
    /// All records before the first fault.
    pub records: Vec<&'a [u8]>,
    /// Length of the header and these records (bytes).
    pub whole_bytes: usize,
    /// What comes after them.
    pub ending: Ending,
}

/// Why nothing can be read from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is shorter than a header: its writer was killed at the very beginning.
    Short,
    /// Its beginning is no header.
    Damaged,
    /// It is of this later version.
    Newer(u32),
}

/// Reads the bytes of a file of `kind`.
///
/// # Errors
/// Why not even the header could be read.
pub fn parse(kind: Kind, bytes: &[u8]) -> Result<Parsed<'_>, Unreadable> {
    let (header, mut rest) = parse_header(kind, bytes)?;
    let mut records = Vec::new();
    let ending = loop {
        match next(header.generation, rest) {
            Ok(record) => {
                records.push(record);
                rest.advance(FRAME_BYTES + record.len());
            }
            Err(ending) => break ending,
        }
    };
    Ok(Parsed { header, records, whole_bytes: bytes.len() - rest.len(), ending })
}

/// The header, and the bytes that follow it.
pub(super) fn parse_header(kind: Kind, bytes: &[u8]) -> Result<(Header, &[u8]), Unreadable> {
    let (head, rest) = bytes.split_at_checked(HEADER_BYTES).ok_or(Unreadable::Short)?;
    let (checked, mut written_sum) = head.split_at(HEADER_BYTES - SUM_BYTES);
    let mut fields = checked.strip_prefix(kind.magic()).ok_or(Unreadable::Damaged)?;
    if written_sum.get_u32_le() != crc32fast::hash(checked) {
        return Err(Unreadable::Damaged);
    }
    match fields.get_u32_le() {
        VERSION => Ok((Header { generation: fields.get_u64_le(), preceding: fields.get_u64_le() }, rest)),
        newer if newer > VERSION => Err(Unreadable::Newer(newer)),
        _ => Err(Unreadable::Damaged),
    }
}

/// The record that `rest` begins with, or how the file ends here.
fn next(generation: u64, rest: &[u8]) -> Result<&[u8], Ending> {
    if rest.is_empty() {
        return Err(Ending::Whole);
    }
    let (mut frame, body) = rest.split_at_checked(FRAME_BYTES).ok_or(Ending::Torn)?;
    let (length, length_sum, body_sum) = (frame.get_u32_le(), frame.get_u32_le(), frame.get_u32_le());
    if length_sum != sum(generation, &length.to_le_bytes()) {
        // A power cut leaves zeros where a file had grown already and its bytes had not come yet.
        let is_blank = rest.iter().all(|byte| *byte == 0);
        return Err(if is_blank { Ending::Torn } else { Ending::Damaged });
    }
    let record = usize::try_from(length).ok().and_then(|length| body.get(..length)).ok_or(Ending::Torn)?;
    if body_sum == sum(generation, record) {
        return Ok(record);
    }
    Err(if record.len() == body.len() { Ending::Torn } else { Ending::Damaged })
}

fn sum(generation: u64, bytes: &[u8]) -> u32 {
    sum_after(&begun(generation), bytes)
}

/// The sum of `bytes` behind those that have `begun`.
fn sum_after(begun: &Hasher, bytes: &[u8]) -> u32 {
    // A copy, because a new one would look anew at what the processor can.
    let mut hasher = begun.clone();
    hasher.update(bytes);
    hasher.finalize()
}
