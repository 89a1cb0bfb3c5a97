//! Files that were torn, damaged or left over: what is good comes back, the rest is told and kept, and it goes on.

use std::fs;
use std::path::Path;

use flowgate::state::format::{FRAME_BYTES, HEADER_BYTES, Header, Kind, VERSION, put};
use flowgate::state::{Replay, StateError};

use super::support::{file, files, open, replay, texts, try_open, with};

/// Changes the bytes of a file.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// The start after a fault finds `records` and says `words`. It goes on from there, and the next one finds no fault.
fn recovers(folder: &Path, records: &[&str], words: &str) -> Replay {
    let (journal, found) = open(folder);
    assert_eq!(texts(&found), records);
    let torn = found.torn.as_ref().unwrap();
    assert!(torn.description.contains(words) && torn.is_damage != torn.aside.is_empty(), "{torn:?}");
    journal.append(b"after").unwrap();
    drop(journal);
    let next = replay(folder);
    assert_eq!((texts(&next), &next.torn), ([records, &["after"]].concat(), &None));
    assert_eq!(next.snapshot, found.snapshot);
    found
}

fn aside(found: &Replay) -> Vec<Vec<u8>> {
    found.torn.as_ref().unwrap().aside.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn a_torn_end_is_cut_off() {
    for cut in 1..FRAME_BYTES + 5 {
        let home = with(&["one", "two", "three"]);
        change(&file(home.path(), "1.journal"), |bytes| bytes.truncate(bytes.len() - cut));
        let found = recovers(home.path(), &["one", "two"], "1.journal ended with");
        assert!(aside(&found).is_empty());
    }
}

#[test]
fn a_last_record_with_a_wrong_byte_is_cut_off() {
    let home = with(&["one", "two", "three"]);
    change(&file(home.path(), "1.journal"), |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert!(aside(&recovers(home.path(), &["one", "two"], "cut off")).is_empty());
}

/// A file that had grown before the power failed.
#[test]
fn zeros_at_the_end_are_cut_off() {
    let home = with(&["one"]);
    change(&file(home.path(), "1.journal"), |bytes| bytes.resize(4096, 0));
    assert!(aside(&recovers(home.path(), &["one"], "cut off")).is_empty());
}

/// Wherever in the middle a byte is wrong, length and checksums included: what follows is kept, never cut off.
#[test]
fn damage_in_the_middle_is_set_aside() {
    for place in 0..FRAME_BYTES + 3 {
        let home = with(&["one", "two", "three"]);
        let damaged = HEADER_BYTES + FRAME_BYTES + 3;
        let path = file(home.path(), "1.journal");
        change(&path, |bytes| bytes[damaged + place] ^= 0x40);
        let rest = fs::read(&path).unwrap()[damaged..].to_vec();
        let found = recovers(home.path(), &["one"], &format!("is damaged from byte {damaged} on"));
        assert_eq!(aside(&found), [rest], "byte {place}");
    }
}

#[test]
fn a_file_without_a_header_is_set_aside() {
    let home = with(&["one", "two"]);
    let path = file(home.path(), "1.journal");
    change(&path, |bytes| bytes[3] ^= 1);
    let whole = fs::read(&path).unwrap();
    assert_eq!(aside(&recovers(home.path(), &[], "no journal")), [whole]);
}

/// What came after the snapshot is still worth having.
#[test]
fn a_damaged_snapshot_is_set_aside() {
    let home = with(&["one"]);
    let (journal, _) = open(home.path());
    journal.compact_with(|| b"snapshot".to_vec()).unwrap();
    journal.append(b"two").unwrap();
    drop(journal);
    change(&file(home.path(), "snapshot"), |bytes| bytes.truncate(bytes.len() - 1));
    let found = replay(home.path());
    assert_eq!((texts(&found), found.snapshot.as_ref(), aside(&found).len()), (vec!["two"], None, 1));
    assert!(found.torn.unwrap().description.contains("snapshot is damaged: what it held is lost"));

    // It is missed until there is a new one.
    let (journal, found) = open(home.path());
    assert_eq!(texts(&found), ["two"]);
    assert!(found.torn.is_some_and(|torn| torn.is_damage && torn.description.contains("the snapshot is gone")));
    journal.compact_with(|| b"two".to_vec()).unwrap();
    drop(journal);
    assert_eq!(replay(home.path()), Replay { snapshot: Some(b"two".to_vec()), ..Replay::default() });
}

/// Two journals, because a compaction was killed: if the first one has lost its end, the second does not follow.
#[test]
fn a_journal_after_a_loss_is_set_aside() {
    let home = with(&["one", "two"]);
    let (journal, _) = open(home.path());
    drop(journal.begin_compaction().unwrap());
    journal.append(b"three").unwrap();
    drop(journal);
    change(&file(home.path(), "1.journal"), |bytes| bytes.truncate(bytes.len() - FRAME_BYTES - 3));
    assert_eq!(aside(&recovers(home.path(), &["one"], "does not follow")).len(), 1);
}

/// A compaction that was killed between its renaming and its end leaves the journal that its snapshot holds.
#[test]
fn a_journal_older_than_the_snapshot_is_ignored() {
    let home = with(&["one", "two"]);
    let old = fs::read(file(home.path(), "1.journal")).unwrap();
    let (journal, _) = open(home.path());
    journal.compact_with(|| b"one, two".to_vec()).unwrap();
    journal.append(b"three").unwrap();
    drop(journal);
    fs::write(file(home.path(), "1.journal"), old).unwrap();
    fs::write(file(home.path(), "snapshot.new"), "half a snapshot").unwrap();
    let found = replay(home.path());
    assert_eq!((texts(&found), &found.torn), (vec!["three"], &None));
    assert_eq!(files(home.path()), ["2.journal", "snapshot"]);
}

/// One that was killed before it had its new journal leaves a part of the header, or an empty file.
#[test]
fn empty_files_are_fine() {
    for beginning in [0, 1, HEADER_BYTES - 1] {
        let home = with(&["one"]);
        let mut header = Header { generation: 2, preceding: 0 }.encode(Kind::Journal).to_vec();
        header.truncate(beginning);
        fs::write(file(home.path(), "2.journal"), header).unwrap();
        let (journal, found) = open(home.path());
        assert_eq!((texts(&found), found.torn.is_some()), (vec!["one"], beginning > 0));
        journal.compact_with(|| b"one".to_vec()).unwrap();
        assert_eq!(files(home.path()), ["2.journal", "snapshot"]);
    }
    let home = tempfile::tempdir().unwrap();
    for name in ["1.journal", "snapshot", "snapshot.new"] {
        fs::write(file(home.path(), name), "").unwrap();
    }
    fs::write(home.path().join("lock"), "").unwrap();
    assert_eq!(replay(home.path()), Replay::default());
}

/// A file of a later version, as its header says it.
fn newer(kind: Kind, generation: u64) -> Vec<u8> {
    let mut bytes = Header { generation, preceding: 0 }.encode(kind).to_vec();
    bytes[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes());
    let sum = crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
    bytes[HEADER_BYTES - 4..].copy_from_slice(&sum.to_le_bytes());
    bytes.extend(b"who knows");
    bytes
}

#[test]
fn a_later_version_is_refused_and_not_touched() {
    for (name, kind) in [("snapshot", Kind::Snapshot), ("2.journal", Kind::Journal)] {
        let home = with(&["one"]);
        change(&file(home.path(), "1.journal"), |bytes| bytes.push(7));
        fs::write(file(home.path(), name), newer(kind, 2)).unwrap();
        let before = files(home.path()).into_iter().map(|name| fs::read(file(home.path(), &name)).unwrap());
        let before: Vec<_> = before.collect();
        let error = try_open(home.path()).unwrap_err();
        assert!(matches!(error, StateError::Newer { version: 2, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("newer flowgate") && text.contains("`state.dir`"), "{text}");
        let after: Vec<_> = files(home.path()).iter().map(|name| fs::read(file(home.path(), name)).unwrap()).collect();
        assert_eq!(before, after);
    }
}

#[test]
fn only_the_newest_of_what_was_set_aside_is_kept() {
    let home = with(&["one"]);
    let mut seen = Vec::new();
    for _ in 0..8 {
        let (journal, _) = open(home.path());
        ["two", "three"].into_iter().for_each(|record| journal.append(record).unwrap());
        drop(journal);
        change(&file(home.path(), "1.journal"), |bytes| bytes[HEADER_BYTES + 2 * FRAME_BYTES + 3] ^= 1);
        seen.extend(replay(home.path()).torn.unwrap().aside);
    }
    let kept: Vec<_> = seen.iter().filter(|path| path.exists()).collect();
    assert_eq!((seen.len(), kept), (8, seen[3..].iter().collect()));
    assert_eq!(texts(&replay(home.path())), ["one"]);
}

/// Bytes of an older file, which a disk may bring back, are no records of a newer one.
#[test]
fn a_record_of_another_generation_is_none() {
    let home = with(&["one"]);
    change(&file(home.path(), "1.journal"), |bytes| {
        put(bytes, 7, b"stray").unwrap();
    });
    assert_eq!(aside(&recovers(home.path(), &["one"], "is damaged")).len(), 1);
}
