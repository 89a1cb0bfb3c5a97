//! A disk that fails to write: it is told, nothing is half there, and once it is healed filing goes on without a restart.

use std::path::{Path, PathBuf};
use std::process::Command;

use flowgate::ledger::{Row, Store, StoreError};

use super::support::{open, row, total};

/// A child process's own word for the folder that it is to use.
const FOLDER: &str = "FLOWGATE_TEST_LEDGER";
const TEST: &str = "ledger::faults::a_failed_write_leaves_no_trace_and_heals";

#[expect(clippy::disallowed_methods, reason = "a test's word to its own child process")]
fn given_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The system refuses bytes beyond the limit of a file, which SQLite calls an I/O error; `prlimit` takes the limit away.
#[test]
fn a_failed_write_leaves_no_trace_and_heals() {
    if let Some(folder) = given_folder() {
        return fail_and_heal(&folder);
    }
    if !is_there("prlimit") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("sh");
    child.args(["-c", "trap '' XFSZ && ulimit -S -f 400 && exec \"$0\" \"$@\""]);
    child.arg(std::env::current_exe().unwrap()).args([TEST, "--exact", "--nocapture", "--test-threads=1"]);
    let output = child.env(FOLDER, folder.path()).output().unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complaint}");
    let store = open(folder.path());
    assert_eq!((total(&store).requests, store.check()), (10_000, Ok(Vec::new())));
}

fn fail_and_heal(folder: &Path) {
    let store = open(folder);
    let batches: Vec<Vec<Row>> =
        (0..100).map(|batch| (batch * 100 + 1..=batch * 100 + 100).map(row).collect()).collect();
    let failed = batches.iter().position(|batch| store.file(batch).is_err()).expect("there is no limit");
    let filed = failed as u64 * 100;
    assert!(filed > 0, "nothing was filed at all");
    for _ in 0..3 {
        let error = store.file(&batches[failed]).unwrap_err();
        assert!(matches!(error, StoreError::Failed(..) | StoreError::Full(_)), "{error:?}");
        assert_eq!((total(&store).requests, store.last_seq()), (filed, Ok(filed)));
    }
    let heal = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), "--fsize=unlimited"]).status();
    assert!(heal.unwrap().success());
    for batch in &batches {
        store.file(batch).unwrap();
    }
    assert_eq!((total(&store).requests, store.check()), (10_000, Ok(Vec::new())));
}

#[expect(
    clippy::disallowed_methods,
    reason = "programs are found by the environment, and CI says there that nothing may be skipped"
)]
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    assert!(is_there || std::env::var_os("CI").is_none(), "{program} is needed");
    is_there
}
