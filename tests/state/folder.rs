//! The folder: made when it is missing, private, and held by one process at a time.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use flowgate::state::{Durability, Folder, Journal, StateError};

use super::support::{child, file, given_folder, open, tell};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn it_is_made_with_its_parents_and_private() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("share/flowgate");
    let (journal, _) = open(&folder);
    journal.append(b"one").unwrap();
    journal.compact_with(Vec::new).unwrap();
    for private in [&folder, &home.path().join("share")] {
        assert_eq!(mode(private), 0o700);
    }
    for private in [folder.join("lock"), file(&folder, "2.journal"), file(&folder, "snapshot")] {
        assert_eq!(mode(&private), 0o600, "{private:?}");
    }
}

/// Holds the folder until it is killed.
fn hold(folder: &Path) {
    let _held = Folder::open(folder).unwrap();
    tell("\nheld");
    let _until_the_end = std::io::stdin().read(&mut [0]);
}

#[test]
fn a_second_process_is_refused_until_the_first_is_gone() {
    if let Some(folder) = given_folder() {
        return hold(&folder);
    }
    let home = tempfile::tempdir().unwrap();
    let mut first = child(&[], "folder::a_second_process_is_refused_until_the_first_is_gone", home.path());
    let mut first = first.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(first.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "held"));

    let error = Folder::open(home.path()).unwrap_err();
    assert!(matches!(&error, StateError::InUse { process, .. } if *process == Some(first.id())));
    let folder = home.path().display().to_string();
    let number = format!("another flowgate (process {})", first.id());
    for words in [folder.as_str(), number.as_str(), "stop it", "`state.dir`"] {
        assert!(error.to_string().contains(words), "{words:?} is not in {error}");
    }
    // kill -9
    first.kill().unwrap();
    first.wait().unwrap();
    Folder::open(home.path()).unwrap();
}

#[test]
fn it_is_held_as_long_as_a_journal_is_open() {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::open(home.path()).unwrap();
    let (one, _) = Journal::open(&folder, "one", Durability::Process).unwrap();
    let (two, _) = Journal::open(&folder, "two", Durability::Power).unwrap();
    assert_eq!(folder.path(), home.path());
    drop((folder, one));
    assert!(Folder::open(home.path()).is_err());
    drop(two);
    Folder::open(home.path()).unwrap();
}

#[test]
fn a_file_in_its_place_is_named() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("state");
    std::fs::write(&place, "").unwrap();
    for folder in [place.clone(), place.join("below")] {
        let error = Folder::open(&folder).unwrap_err().to_string();
        assert!(error.contains("a file is in its place") && error.contains("`state.dir`"), "{error}");
        assert!(error.contains(&folder.display().to_string()), "{error}");
    }
}

#[test]
fn what_cannot_be_written_has_a_remedy() {
    for (kind, remedy) in [
        (ErrorKind::PermissionDenied, "let the user that runs flowgate write there"),
        (ErrorKind::ReadOnlyFilesystem, "mount a file system there that can be written"),
        (ErrorKind::StorageFull, "make room on the disk"),
        (ErrorKind::Other, "make it a folder that flowgate can write"),
    ] {
        let error = StateError::Unusable { folder: "/srv/state".into(), source: kind.into() };
        let text = error.to_string();
        assert!(text.contains("/srv/state") && text.contains(remedy) && text.contains("`state.dir`"), "{text}");
    }
}
