//! A full disk: what does not fit is refused and leaves no trace, what fits again is kept.

use std::path::Path;

use flowgate::state::{Journal, StateError};

use super::support::{child, file, files, given_folder, open, replay};

const BIG: [u8; 1000] = [b'x'; 1000];

/// The system refuses bytes beyond the limit of a file as it does on a full disk: the last write is cut short.
#[test]
fn what_does_not_fit_leaves_no_trace() {
    if let Some(folder) = given_folder() {
        return fill(&folder);
    }
    let home = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ && ulimit -f 64 && exec \"$0\" \"$@\"";
    let mut filler = child(&["sh", "-c", script], "full::what_does_not_fit_leaves_no_trace", home.path());
    let output = filler.output().unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complaint}");

    let found = replay(home.path());
    assert_eq!((found.snapshot, found.torn), (None, None));
    let big = found.records.iter().take_while(|record| **record == BIG).count();
    assert!(big > 20, "{big}");
    assert_eq!(found.records[big..], [b"small".to_vec(), BIG.to_vec(), b"end".to_vec()]);
}

fn fill(folder: &Path) {
    let (journal, _) = open(folder);
    let (whole, error) = until_full(&journal, folder);
    assert!(error.is_full() && error.to_string().contains("1.journal"), "{error:?}");
    for _ in 0..3 {
        assert!(journal.append(BIG).unwrap_err().is_full());
        assert_eq!(length(folder, "1.journal"), whole, "a part of a record was left behind");
    }
    journal.append(b"small").unwrap();

    // A snapshot that does not fit changes nothing either. Its new journal has room.
    assert!(journal.compact_with(|| vec![0; 1 << 20]).unwrap_err().is_full());
    assert_eq!(files(folder), ["1.journal", "2.journal"]);
    [&BIG[..], b"end"].into_iter().for_each(|record| journal.append(record).unwrap());
}

/// Appends until that fails; how long the file was before, and why it failed.
fn until_full(journal: &Journal, folder: &Path) -> (u64, StateError) {
    for _ in 0..1000 {
        let before = length(folder, "1.journal");
        if let Err(error) = journal.append(BIG) {
            return (before, error);
        }
    }
    panic!("there is no limit");
}

fn length(folder: &Path, ending: &str) -> u64 {
    file(folder, ending).metadata().unwrap().len()
}
