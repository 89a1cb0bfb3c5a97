//! kill -9 at any moment: whatever was appended before is there, once and in order.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use flowgate::state::{Journal, Replay};

use super::support::{child, given_folder, open, replay, tell};

const ROUNDS: usize = 30;

/// A part of a record that begins with its number; some are so long that a write is cut by a kill.
fn part(number: u64) -> Vec<u8> {
    [number.to_le_bytes().as_slice(), &vec![b'x'; length(number)]].concat()
}

/// How much follows a number.
fn length(number: u64) -> usize {
    if number.is_multiple_of(3) { 20_000 } else { 50 }
}

/// The numbers in a record.
fn numbers(mut record: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    while !record.is_empty() {
        numbers.push(number(record));
        record = &record[part(number(record)).len()..];
    }
    numbers
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(*bytes.first_chunk().unwrap())
}

/// How many were appended, from the first on. The snapshot says how many it stands for.
fn count(found: &Replay) -> u64 {
    let first = found.snapshot.as_deref().map_or(0, number);
    let numbers: Vec<u64> = found.records.iter().flat_map(|record| numbers(record)).collect();
    let expected: Vec<u64> = (first..first + numbers.len() as u64).collect();
    assert_eq!(numbers, expected);
    assert!(found.torn.as_ref().is_none_or(|torn| !torn.is_damage), "{:?}", found.torn);
    expected.last().map_or(first, |last| last + 1)
}

/// Appends `several` numbers at a time, and tells the last when it is safe.
fn append(journal: &Journal, next: &Mutex<u64>, several: u64) {
    let mut next = next.lock().unwrap();
    let numbers = *next..*next + several;
    numbers.clone().for_each(|number| journal.defer(part(number)).unwrap());
    journal.flush().unwrap();
    *next = numbers.end;
    tell(&format!("safe {}", numbers.end));
}

fn compact(journal: &Journal, next: &Mutex<u64>) {
    let next = next.lock().unwrap();
    let snapshot = next.to_le_bytes();
    let compaction = journal.begin_compaction().unwrap();
    drop(next);
    compaction.finish(&snapshot).unwrap();
}

/// Two threads append, and one compacts, until the process is killed.
fn work(folder: &Path) {
    let (journal, found) = open(folder);
    let next = Mutex::new(count(&found));
    tell("");
    std::thread::scope(|scope| {
        for several in [1, 4] {
            let (journal, next) = (&journal, &next);
            scope.spawn(move || {
                loop {
                    append(journal, next, several);
                }
            });
        }
        loop {
            compact(&journal, &next);
        }
    });
}

/// The last number that was told; one that was cut off by the kill is only too small.
fn last_told(lines: &mut Lines<BufReader<ChildStdout>>, most: usize) -> Option<u64> {
    let told = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("safe ")?.parse().ok());
    told.take(most).last()
}

/// Runs the worker, kills it at a random moment, and returns the last number that it told.
fn killed(folder: &Path) -> u64 {
    let mut worker = child(&[], "kill::nothing_is_lost_and_nothing_comes_twice", folder);
    let mut worker = worker.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    let first = last_told(&mut lines, 1).expect("the worker has ended by itself");
    let pause = Duration::from_micros(RandomState::new().build_hasher().finish() % 60_000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(pause);
            worker.kill().unwrap();
            worker.wait().unwrap();
        });
        last_told(&mut lines, usize::MAX).unwrap_or(first)
    })
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    if let Some(folder) = given_folder() {
        return work(&folder);
    }
    let home = tempfile::tempdir().unwrap();
    let mut before = 0;
    for round in 0..ROUNDS {
        let told = killed(home.path());
        let found = replay(home.path());
        let there = count(&found);
        assert!(there >= told && told > before, "round {round}: {there} are there, {told} were told, {before} before");
        before = there;
    }
    assert!(replay(home.path()).snapshot.is_some(), "no compaction was ever finished");
}
