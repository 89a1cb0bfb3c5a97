//! The repository's files, and what Rust code in them says apart from comments and strings.

use std::path::{Path, PathBuf};

/// Folders that tools make.
const MADE: [&str; 7] = [".git", "target", "node_modules", "corpus", "artifacts", "__pycache__", ".venv"];

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text file of the repository.
pub(super) fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every file below `folder`, as paths from the root, in order.
pub(super) fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    let mut found: Vec<PathBuf> = found.iter().map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect();
    found.sort();
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_made = path.file_name().is_some_and(|name| MADE.iter().any(|made| *made == name));
        if path.is_dir() && !path.is_symlink() {
            if !is_made {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

/// Those of them that end with `.extension`.
pub(super) fn files_of_kind(folder: &str, extension: &str) -> Vec<PathBuf> {
    let is_of_kind = |path: &PathBuf| path.extension().is_some_and(|own| own == extension);
    files(folder).into_iter().filter(is_of_kind).collect()
}

/// Rust code without its comments and without what stands between quotes.
pub(super) fn code_only(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = skippable(rest);
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            // Lines stay lines.
            code.extend(rest[..skipped].chars().filter(|letter| *letter == '\n'));
            rest = &rest[skipped..];
        }
    }
    code
}

/// Length of the comment or the string that `text` begins with.
fn skippable(text: &str) -> usize {
    let end_of =
        |pattern: &str, from: usize| text[from..].find(pattern).map_or(text.len(), |at| from + at + pattern.len());
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return end_of("*/", 2);
    }
    if text.starts_with("'\"'") || text.starts_with("'\\") {
        return end_of("'", 2);
    }
    let hashes = text.strip_prefix('r').map(|text| text.bytes().take_while(|byte| *byte == b'#').count());
    if let Some(hashes) = hashes.filter(|hashes| text[1 + hashes..].starts_with('"')) {
        return end_of(&format!("\"{}", "#".repeat(hashes)), hashes + 2);
    }
    if text.starts_with('"') { string(text) } else { 0 }
}

/// Length of the string literal that `text` begins with.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The string literals of Rust code, without those in comments.
pub(super) fn strings(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = skippable(rest);
        if rest.starts_with('"') {
            found.push(rest[1..skipped].trim_end_matches('"').to_owned());
        }
        rest = &rest[skipped.max(first.len_utf8())..];
    }
    found
}

/// Rust code up to its unit tests.
pub(super) fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn code_is_told_from_words() {
    let text = "use crate::a; // crate::b\n/* crate::c */ let x = \"crate::\\\"d\"; let y = r#\"crate::e \" f\"#; let z = '\"'; crate::g::h();";
    let code = code_only(text);
    assert!(code.contains("crate::a") && code.contains("crate::g"));
    for hidden in ['b', 'c', 'd', 'e', 'f'] {
        assert!(!code.contains(&format!("crate::{hidden}")), "{code}");
    }
    assert_eq!(strings("// \"no\"\nlet x = \"one\"; let y = 'z'; f(\"two\")"), ["one", "two"]);
}
