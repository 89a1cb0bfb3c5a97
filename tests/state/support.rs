//! A folder with a journal in it, and other processes of this program that use the same one.

use std::path::{Path, PathBuf};
use std::process::Command;

use flowgate::state::{Durability, Folder, Journal, Replay, StateError};
use tempfile::TempDir;

/// The name of the journal in these tests.
const NAME: &str = "test";

/// Opens the journal in `folder`.
pub(super) fn try_open(folder: &Path) -> Result<(Journal, Replay), StateError> {
    Journal::open(&Folder::open(folder)?, NAME, Durability::Process)
}

pub(super) fn open(folder: &Path) -> (Journal, Replay) {
    try_open(folder).unwrap()
}

/// What a start would find.
pub(super) fn replay(folder: &Path) -> Replay {
    open(folder).1
}

/// The records of a replay, as text.
pub(super) fn texts(replay: &Replay) -> Vec<&str> {
    replay.records.iter().map(|record| std::str::from_utf8(record).unwrap()).collect()
}

/// A folder with a journal of these records.
pub(super) fn with(records: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    records.iter().for_each(|record| journal.append(record).unwrap());
    folder
}

/// A file of the journal, such as `1.journal`.
pub(super) fn file(folder: &Path, ending: &str) -> PathBuf {
    folder.join(format!("{NAME}.{ending}"))
}

/// The endings of the names of all files of the journal, in order.
pub(super) fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut endings: Vec<_> = names.filter_map(|name| Some(name.strip_prefix(NAME)?[1..].to_owned())).collect();
    endings.sort();
    endings
}

/// A child process's own word for the folder that it is to use.
const FOLDER: &str = "FLOWGATE_TEST_STATE";

/// The folder that this process was started for by [`child`].
#[expect(clippy::disallowed_methods, reason = "a test's word to its own child process")]
pub(super) fn given_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// This program again, with nothing but `test` of these modules to run in `folder`; `launcher` comes before it.
pub(super) fn child(launcher: &[&str], test: &str, folder: &Path) -> Command {
    let program = std::env::current_exe().unwrap();
    let arguments = [&format!("state::{test}"), "--exact", "--nocapture", "--test-threads=1"].map(str::to_owned);
    let mut command = match launcher {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    command.args(arguments).env(FOLDER, folder);
    command
}

/// Says a line to the parent at once. The test runner may have begun the line.
pub(super) fn tell(line: &str) {
    use std::io::Write as _;
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}
