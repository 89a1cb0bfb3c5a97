//! A book, a log that may fail, and a store, killed at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::ledger::Written;

/// A log in memory that can be broken.
#[derive(Default)]
struct Memory {
    lines: Mutex<Vec<Line>>,
    deferred: Mutex<Vec<Line>>,
    is_broken: AtomicBool,
}

#[derive(Debug, Clone, PartialEq)]
enum Line {
    Row(Box<Row>),
    End(Box<End>),
}

impl Memory {
    fn put(&self, line: Line) -> Result<(), String> {
        let mut deferred = self.deferred.lock().unwrap();
        // It holds a few only.
        if deferred.len() >= 3 && self.is_broken.load(Ordering::Relaxed) {
            return Err("no room".to_owned());
        }
        deferred.push(line);
        Ok(())
    }

    /// What a start reads.
    fn written(&self) -> BTreeMap<u64, Row> {
        let mut written = Written::default();
        for line in std::mem::take(&mut *self.lines.lock().unwrap()) {
            match line {
                Line::Row(row) => written.row(*row),
                Line::End(end) => written.end(&end),
            }
        }
        written.into_rows()
    }
}

impl Log for Arc<Memory> {
    fn defer(&self, row: &Row) -> Result<(), String> {
        self.put(Line::Row(Box::new(row.clone())))
    }

    fn defer_end(&self, end: &End) -> Result<(), String> {
        self.put(Line::End(Box::new(end.clone())))
    }

    fn flush(&self) -> Result<(), String> {
        let mut deferred = self.deferred.lock().unwrap();
        if !deferred.is_empty() {
            self.probe()?;
        }
        self.lines.lock().unwrap().append(&mut deferred);
        Ok(())
    }

    fn probe(&self) -> Result<(), String> {
        if self.is_broken.load(Ordering::Relaxed) { Err("no room".to_owned()) } else { Ok(()) }
    }
}

fn book(log: &Arc<Memory>, last: u64, on_fault: OnFault) -> Book {
    Book::new(Some(Box::new(log.clone())), last, on_fault, Box::new(|_| {}))
}

/// As a request does that is over: what the book knows is not said again.
fn close(book: &Book, row: Row) {
    if !book.end(&End::of(&row), |begun| begun.model == row.model) {
        book.close(row);
    }
}

fn row(seq: u64, outcome: &'static str) -> Row {
    Row { seq, outcome: outcome.into(), ..Row::default() }
}

#[test]
fn a_request_that_cannot_be_written_down_is_refused_or_kept_in_memory() {
    let log = Arc::new(Memory::default());
    let book = book(&log, 7, OnFault::Refuse);
    log.is_broken.store(true, Ordering::Relaxed);
    let first = book.open(row(0, "unknown")).unwrap();
    assert_eq!(book.flush(), Err(Unwritable("no room".to_owned())));
    close(&book, row(first, "refused"));
    assert_eq!(book.standing().refusal.as_deref(), Some("no room"));
    book.configure(OnFault::GoOn);
    let second = book.open(row(0, "unknown")).unwrap();
    book.flush().unwrap();
    close(&book, row(second, "complete"));
    let standing = book.standing();
    assert_eq!((standing.open, standing.pending, standing.failures, standing.refusal), (0, 2, 3, None));
    // It heals by itself, and the log gets what it has missed.
    log.is_broken.store(false, Ordering::Relaxed);
    book.mend();
    let written = [(first, row(first, "refused")), (second, row(second, "complete"))];
    assert_eq!((book.standing().fault, log.written()), (None, BTreeMap::from(written)));
}

#[test]
fn an_end_says_only_what_the_beginning_did_not() {
    let log = Arc::new(Memory::default());
    let book = book(&log, 0, OnFault::GoOn);
    let begun = |seq| Row { id: "req_1".into(), model: "a".into(), attempts: 1, ..row(seq, "unknown") };
    let seq = book.open(begun(0)).unwrap();
    close(&book, Row { outcome: "complete".into(), output_tokens: 7, first_ms: Some(3), ..begun(seq) });
    // Another model in the end, one that was never opened, and one whose beginning was never written.
    let turned = book.open(begun(0)).unwrap();
    close(&book, Row { model: "b".into(), ..begun(turned) });
    close(&book, begun(0));
    book.flush().unwrap();
    let lost = book.open(begun(0)).unwrap();
    let _room_is_used_up = (book.open(begun(0)), book.open(begun(0)));
    log.is_broken.store(true, Ordering::Relaxed);
    let unwritten = book.open(begun(0)).unwrap();
    log.is_broken.store(false, Ordering::Relaxed);
    [lost, unwritten].into_iter().for_each(|seq| close(&book, begun(seq)));
    book.flush().unwrap();
    let is_end = |seq| move |line: &&Line| matches!(line, Line::End(end) if end.seq == seq);
    let lines = log.lines.lock().unwrap().clone();
    let ends = [seq, turned, lost, unwritten].map(|seq| lines.iter().filter(is_end(seq)).count());
    assert_eq!(ends, [1, 0, 1, 0], "{lines:?}");
    let written = log.written();
    let whole = Row { outcome: "complete".into(), output_tokens: 7, first_ms: Some(3), ..begun(seq) };
    assert_eq!((&written[&seq], &*written[&turned].model, written.len()), (&whole, "b", 7));
}

#[test]
fn nothing_is_sent_that_memory_has_no_room_for() {
    let log = Arc::new(Memory::default());
    let book = book(&log, 0, OnFault::GoOn);
    (0..MOST_PENDING).for_each(|_| close(&book, row(0, "complete")));
    assert!(book.open(row(0, "unknown")).is_err() && book.standing().refusal.is_some());
    book.batch(1);
    book.filed();
    assert!(book.open(row(0, "unknown")).is_ok() && book.standing().refusal.is_none());
}

#[derive(Debug, Clone)]
enum Step {
    Open,
    Close(usize),
    /// So many rows go to the store; with `false` the process dies before the book hears of it.
    File(usize),
    Snapshot,
    Break(bool),
    Mend,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Open),
        5 => (0..8usize).prop_map(Step::Close),
        2 => (0..5usize).prop_map(Step::File),
        1 => Just(Step::Snapshot),
        1 => any::<bool>().prop_map(Step::Break),
        1 => Just(Step::Mend),
        1 => Just(Step::Kill),
    ]
}

/// What outlasts a process: a snapshot, the log since, and the store.
#[derive(Default)]
struct Disk {
    log: Arc<Memory>,
    store: BTreeMap<u64, Row>,
}

impl Disk {
    fn file(&mut self, row: &Row) {
        self.store.entry(row.seq).or_insert_with(|| row.clone());
    }

    /// What a start does: of each number the last row counts, and all are filed.
    fn restart(&mut self) -> Book {
        let log = std::mem::take(&mut self.log);
        log.written().values().for_each(|row| self.file(row));
        book(&self.log, self.store.keys().next_back().copied().unwrap_or(0), OnFault::Refuse)
    }
}

proptest! {
    #[test]
    fn what_was_sent_is_there_once_whenever_the_process_dies(steps in proptest::collection::vec(step(), 0..120)) {
        let mut disk = Disk::default();
        let mut book = disk.restart();
        let (mut open, mut sent, mut ended): (Vec<u64>, BTreeSet<u64>, BTreeSet<u64>) = Default::default();
        for step in steps.into_iter().chain([Step::Break(false), Step::Mend, Step::Kill]) {
            match step {
                Step::Open => {
                    let Ok(seq) = book.open(row(0, "unknown")) else { continue };
                    if book.flush().is_ok() {
                        open.push(seq);
                        sent.insert(seq);
                    } else {
                        close(&book, row(seq, "refused"));
                    }
                }
                Step::Close(index) if index < open.len() => {
                    let seq = open.swap_remove(index);
                    close(&book, row(seq, "complete"));
                    // While the log is broken, a death may leave it as it was opened.
                    if book.flush().is_ok() && book.standing().fault.is_none() {
                        ended.insert(seq);
                    }
                }
                Step::Close(_) => {}
                Step::File(count) => {
                    book.batch(count).iter().for_each(|row| disk.file(row));
                    // It may die before it hears of that, or fail and try again.
                    if count % 2 == 0 {
                        book.filed();
                    }
                }
                Step::Snapshot => {
                    let rows = book.unfiled().into_iter().map(|row| Line::Row(Box::new(row)));
                    *disk.log.lines.lock().unwrap() = rows.collect();
                }
                Step::Break(is_broken) => disk.log.is_broken.store(is_broken, Ordering::Relaxed),
                Step::Mend => book.mend(),
                Step::Kill => {
                    book = disk.restart();
                    open.clear();
                }
            }
        }
        prop_assert!(sent.iter().all(|seq| disk.store.contains_key(seq)));
        prop_assert!(disk.store.iter().all(|(seq, row)| sent.contains(seq) || row.outcome != "complete"));
        for seq in ended {
            prop_assert_eq!(disk.store[&seq].outcome.as_ref(), "complete", "{}", seq);
        }
    }
}
