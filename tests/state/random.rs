//! Any sequence of appends, compactions and reopenings, then a file cut or changed at any byte: what comes back is
//! what was good before that byte, and all of it if there was no harm.

use std::fs;
use std::path::{Path, PathBuf};

use flowgate::state::format::{FRAME_BYTES, HEADER_BYTES, Kind, parse};
use flowgate::state::{Journal, Replay};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::support::{file, files, open, replay};

type Records = Vec<Vec<u8>>;

#[derive(Debug, Clone)]
enum Step {
    Append(Records),
    Compact,
    GiveUp,
    Reopen,
}

/// What happens to one of the journals, given as a part of its length.
#[derive(Debug, Clone)]
enum Harm {
    None,
    Cut(Index),
    Change(Index, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 5000)];
    let step = prop_oneof![
        8 => vec(record, 0..4).prop_map(Step::Append),
        1 => Just(Step::Compact),
        1 => Just(Step::GiveUp),
        2 => Just(Step::Reopen),
    ];
    vec(step, 0..14)
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        1 => Just(Harm::None),
        3 => any::<Index>().prop_map(Harm::Cut),
        3 => (any::<Index>(), 1..=255u8).prop_map(|(at, bits)| Harm::Change(at, bits)),
    ]
}

/// The snapshot of these tests holds the records themselves.
fn all(found: &Replay) -> Records {
    let snapshot = found.snapshot.as_deref().map(|bytes| serde_json::from_slice::<Records>(bytes).unwrap());
    [snapshot.unwrap_or_default(), found.records.clone()].concat()
}

fn run(folder: &Path, steps: &[Step]) -> Records {
    let (mut journal, mut known) = (open(folder).0, Records::new());
    for step in steps {
        match step {
            Step::Append(parts) => {
                parts.iter().for_each(|part| journal.defer(part).unwrap());
                journal.flush().unwrap();
                known.extend((!parts.is_empty()).then(|| parts.concat()));
            }
            Step::Compact => journal.compact_with(|| serde_json::to_vec(&known).unwrap()).unwrap(),
            Step::GiveUp => drop(journal.begin_compaction().unwrap()),
            Step::Reopen => journal = reopened(journal, folder, &known),
        }
    }
    drop(journal);
    known
}

fn reopened(journal: Journal, folder: &Path, known: &Records) -> Journal {
    drop(journal);
    let (journal, found) = open(folder);
    assert_eq!((&all(&found), &found.torn), (known, &None));
    journal
}

/// Does the harm, and returns how many of the records of all journals stand before it.
fn harmed(folder: &Path, which: Index, harm: &Harm) -> usize {
    let names: Vec<String> = files(folder).into_iter().filter(|name| name.ends_with(".journal")).collect();
    let journals: Vec<PathBuf> = names.iter().map(|name| file(folder, name)).collect();
    let bytes: Vec<Vec<u8>> = journals.iter().map(|path| fs::read(path).unwrap()).collect();
    let which = which.index(journals.len());
    let mut harmed = bytes[which].clone();
    let place = match harm {
        Harm::None => harmed.len(),
        Harm::Cut(at) => at.index(harmed.len() + 1),
        Harm::Change(at, bits) => {
            let at = at.index(harmed.len());
            harmed[at] ^= bits;
            at
        }
    };
    if let Harm::Cut(_) = harm {
        harmed.truncate(place);
    }
    fs::write(&journals[which], &harmed).unwrap();
    let earlier: usize = bytes[..which].iter().map(|bytes| ends(bytes).len()).sum();
    let later: usize = bytes[which + 1..].iter().map(|bytes| ends(bytes).len()).sum();
    let good = ends(&bytes[which]).into_iter().filter(|end| *end <= place).count();
    earlier + good + if harmed == bytes[which] { later } else { 0 }
}

/// Where each record of a journal ends.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut end = HEADER_BYTES;
    let lengths = parse(Kind::Journal, bytes).unwrap().records.into_iter().map(|record| FRAME_BYTES + record.len());
    lengths
        .map(|length| {
            end += length;
            end
        })
        .collect()
}

#[test]
fn what_comes_back_is_what_was_good() {
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let cases = (steps(), any::<Index>(), harm());
    let check = |(steps, which, harm): (Vec<Step>, Index, Harm)| {
        let home = tempfile::tempdir().unwrap();
        let known = run(home.path(), &steps);
        let in_snapshot = known.len() - replay(home.path()).records.len();
        let expected = in_snapshot + harmed(home.path(), which, &harm);

        let (journal, found) = open(home.path());
        prop_assert_eq!(all(&found), &known[..expected]);
        let is_cut = matches!(harm, Harm::Cut(_));
        prop_assert!(found.torn.is_some() || expected == known.len() || is_cut);
        journal.append(b"after").unwrap();
        drop(journal);
        let next = replay(home.path());
        prop_assert_eq!(all(&next), [&known[..expected], &[b"after".to_vec()]].concat());
        prop_assert_eq!(next.torn, None);
        Ok(())
    };
    runner.run(&cases, check).unwrap_or_else(|error| panic!("{error}"));
}
