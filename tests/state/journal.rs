//! The journal in good times: what was appended comes back once and in order, snapshots take the place of records.

use std::sync::Mutex;

use flowgate::state::{Backlog, Durability, Folder, Journal};

use super::support::{file, files, open, replay, texts, with};

#[test]
fn what_was_appended_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let (journal, found) = open(home.path());
    assert_eq!(found, flowgate::state::Replay::default());
    journal.append(b"one").unwrap();
    journal.append(b"").unwrap();
    journal.append("two").unwrap();
    drop(journal);
    let (journal, found) = open(home.path());
    assert_eq!((texts(&found), &found.torn), (vec!["one", "", "two"], &None));
    journal.append(b"three").unwrap();
    drop(journal);
    assert_eq!(texts(&replay(home.path())), ["one", "", "two", "three"]);
}

#[test]
fn what_goes_with_one_write_is_one_record() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = open(home.path());
    journal.defer("one, ").unwrap();
    journal.defer("two").unwrap();
    journal.flush().unwrap();
    journal.flush().unwrap();
    journal.defer("three, ").unwrap();
    journal.append("four").unwrap();
    journal.defer("five").unwrap();
    drop(journal);
    let path = file(home.path(), "1.journal");
    assert_eq!(texts(&replay(home.path())), ["one, two", "three, four", "five"]);
    // There as a whole or not at all.
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(texts(&replay(home.path())), ["one, two", "three, four"]);
}

/// Much that is deferred is written before somebody asks for it.
#[test]
fn memory_for_what_is_deferred_is_bounded() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = open(home.path());
    (0..100).for_each(|_| journal.defer([b'x'; 1000]).unwrap());
    assert_eq!(file(home.path(), "1.journal").metadata().unwrap().len(), 32 + 12 + 66_000);
    drop(journal);
    let found = replay(home.path());
    assert_eq!(found.records.iter().map(Vec::len).collect::<Vec<_>>(), [66_000, 34_000]);
}

#[test]
fn a_snapshot_takes_the_place_of_what_it_holds() {
    let home = with(&["one", "two"]);
    let (journal, _) = open(home.path());
    journal.compact_with(|| b"one and two".to_vec()).unwrap();
    journal.append(b"three").unwrap();
    assert_eq!(files(home.path()), ["2.journal", "snapshot"]);
    drop(journal);
    let found = replay(home.path());
    assert_eq!((found.snapshot.as_deref(), texts(&found)), (Some(&b"one and two"[..]), vec!["three"]));
    assert_eq!(found.torn, None);
}

#[test]
fn the_backlog_is_what_a_start_would_read() {
    let home = with(&["one"]);
    let (journal, _) = open(home.path());
    let of = |records, bytes| Backlog { records, bytes };
    assert_eq!(journal.backlog(), of(1, 12 + 3));
    journal.defer("two").unwrap();
    journal.append("three").unwrap();
    assert_eq!(journal.backlog(), of(2, 2 * 12 + 11));
    let compaction = journal.begin_compaction().unwrap();
    journal.append(b"four").unwrap();
    assert_eq!(journal.backlog(), of(3, 3 * 12 + 15));
    compaction.finish(b"").unwrap();
    assert_eq!(journal.backlog(), of(1, 12 + 4));
    drop(journal);
    assert_eq!(open(home.path()).0.backlog(), of(1, 12 + 4));
}

#[test]
fn a_compaction_that_was_given_up_costs_nothing() {
    let home = with(&["one"]);
    let (journal, _) = open(home.path());
    for record in ["two", "three"] {
        drop(journal.begin_compaction().unwrap());
        journal.append(record.as_bytes()).unwrap();
    }
    drop(journal);
    let (journal, found) = open(home.path());
    assert_eq!((texts(&found), &found.torn), (vec!["one", "two", "three"], &None));
    journal.compact_with(|| b"all".to_vec()).unwrap();
    assert_eq!(files(home.path()), ["4.journal", "snapshot"]);
}

/// The slower of two compactions must not put back what the quicker one has replaced.
#[test]
fn compactions_may_overtake_each_other() {
    let home = with(&["one"]);
    let (journal, _) = open(home.path());
    let slow = journal.begin_compaction().unwrap();
    journal.append(b"two").unwrap();
    let quick = journal.begin_compaction().unwrap();
    journal.append(b"three").unwrap();
    quick.finish(b"one, two").unwrap();
    slow.finish(b"one").unwrap();
    drop(journal);
    let found = replay(home.path());
    assert_eq!((found.snapshot.as_deref(), texts(&found)), (Some(&b"one, two"[..]), vec!["three"]));
}

#[test]
fn a_snapshot_that_panics_changes_nothing() {
    let home = with(&["one"]);
    let (journal, _) = open(home.path());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        journal.compact_with(|| panic!("a fault of the owner"))
    }));
    assert!(panicked.is_err());
    journal.append(b"two").unwrap();
    drop(journal);
    assert_eq!(texts(&replay(home.path())), ["one", "two"]);
}

/// Four threads append while one compacts: each record comes back once, in the order of its thread.
#[test]
fn appends_and_compactions_run_side_by_side() {
    const EACH: u8 = 200;
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = open(home.path());
    let known = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let (journal, known) = (&journal, &known);
            scope.spawn(move || {
                for number in 0..EACH {
                    let mut known = known.lock().unwrap();
                    journal.append([thread, number]).unwrap();
                    known.extend([thread, number]);
                }
            });
        }
        for _ in 0..10 {
            let known = known.lock().unwrap();
            let snapshot = known.clone();
            let compaction = journal.begin_compaction().unwrap();
            drop(known);
            compaction.finish(&snapshot).unwrap();
        }
    });
    drop(journal);
    let found = replay(home.path());
    let all = [found.snapshot.unwrap(), found.records.concat()].concat();
    assert_eq!(all, known.into_inner().unwrap());
    assert_eq!(all.len(), 4 * 2 * usize::from(EACH));
}

#[test]
fn journals_of_one_folder_do_not_touch_each_other() {
    let home = tempfile::tempdir().unwrap();
    for durability in [Durability::Process, Durability::Power] {
        let folder = Folder::open(home.path()).unwrap();
        let names = ["quota", "quotas", "q"];
        let journals = names.map(|name| Journal::open(&folder, name, durability).unwrap());
        for (name, (journal, _)) in names.iter().zip(&journals) {
            journal.append(name.as_bytes()).unwrap();
            journal.compact_with(|| name.as_bytes().to_vec()).unwrap();
            journal.append(name.as_bytes()).unwrap();
        }
        drop(journals);
        for name in names {
            let (_, found) = Journal::open(&folder, name, durability).unwrap();
            assert_eq!((found.snapshot.as_deref(), texts(&found)), (Some(name.as_bytes()), vec![name]));
        }
    }
}
