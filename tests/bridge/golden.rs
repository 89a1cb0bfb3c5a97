//! Files that say what comes out. `GOLDEN=write` writes them anew; what changed is then for a person to read.

use std::path::{Path, PathBuf};

/// The folders of the recorded conversations of `protocol`, in order.
pub(crate) fn cases(protocol: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bridge").join(protocol);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}

/// The file `name` of a case, if it is there.
pub(crate) fn read(case: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(case.join(name)).ok()
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its caller's environment what to do")]
fn writes() -> bool {
    std::env::var("GOLDEN").is_ok_and(|mode| mode == "write")
}

/// `text` must be what the file `name` of `case` says.
pub(crate) fn assert_same(case: &Path, name: &str, text: &str) {
    let path = case.join(name);
    if writes() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(expected, text, "{}", path.display());
}
