//! The end of a journal, cut at every byte and with every byte changed: it opens, and has what was whole before that place.

use std::fs;

use super::support::{file, open, replay, texts, with};

/// How much of the journal's end is looked at (bytes).
const END: usize = 8 << 10;

/// Records of different lengths, more than enough.
fn records() -> Vec<String> {
    (0..200).map(|number| format!("{number} {}", "x".repeat(number * 37 % 120))).collect()
}

/// How many records are whole within the first `length` bytes of a journal of all of them.
fn whole(records: &[String], length: usize) -> usize {
    use flowgate::state::format::{FRAME_BYTES, HEADER_BYTES};
    let ends = records.iter().scan(HEADER_BYTES, |end, record| {
        *end += FRAME_BYTES + record.len();
        Some(*end)
    });
    ends.take_while(|end| *end <= length).count()
}

/// What a start finds in a journal of `bytes`.
fn found(bytes: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    fs::write(file(folder.path(), "1.journal"), bytes).unwrap();
    texts(&replay(folder.path())).into_iter().map(str::to_owned).collect()
}

#[test]
fn cut_at_any_byte_of_its_end() {
    let records = records();
    let folder = with(&records.iter().map(String::as_str).collect::<Vec<_>>());
    let bytes = fs::read(file(folder.path(), "1.journal")).unwrap();
    assert!(bytes.len() > END, "{}", bytes.len());
    for length in bytes.len() - END..=bytes.len() {
        assert_eq!(found(&bytes[..length]), records[..whole(&records, length)], "cut at {length}");
    }
}

#[test]
fn with_any_byte_of_its_end_changed() {
    let records = records();
    let folder = with(&records.iter().map(String::as_str).collect::<Vec<_>>());
    let bytes = fs::read(file(folder.path(), "1.journal")).unwrap();
    for place in bytes.len() - END..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << (place % 8);
        assert_eq!(found(&changed), records[..whole(&records, place)], "byte {place}");
    }
}
