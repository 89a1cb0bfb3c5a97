//! What every file of the repository has, and what none may have.

use super::source::{files, files_of_kind, root, strings, text, without_tests};

/// A module says what it does and what it must not know. The benchmark of functions and files of unit tests do too.
#[test]
fn every_module_begins_with_what_it_does() {
    let wrong: Vec<String> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(|folder| files_of_kind(folder, "rs"))
        .filter(|file| !text(file.to_str().unwrap()).starts_with("//! "))
        .map(|file| file.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "without a first line of //!: {wrong:?}");
}

/// Folders of a developer's machine, put together here so that this file does not have them.
fn private_folders() -> Vec<String> {
    ["work", "root", "home", "Users", "tmp"].iter().map(|folder| format!("/{folder}/")).collect()
}

/// Hosts of mirrors, which the public registries should not be replaced by.
const MIRRORS: [&str; 10] = [
    "npmmirror",
    "rsproxy",
    "tuna.tsinghua",
    "mirrors.ustc",
    "mirrors.aliyun",
    "artifactory",
    "nexus.",
    "verdaccio",
    "devpi",
    "goproxy",
];

/// The text of every file that is text.
fn all_texts() -> Vec<(String, String)> {
    let read = |file: &std::path::PathBuf| {
        Some((file.display().to_string(), std::fs::read_to_string(root().join(file)).ok()?))
    };
    files("").iter().filter_map(read).collect()
}

#[test]
fn no_file_knows_a_developers_machine() {
    let mut wrong = Vec::new();
    for (name, text) in all_texts() {
        let is_a_test = name.starts_with("tests/");
        for (number, line) in text.lines().enumerate() {
            for folder in private_folders() {
                let may_be_there = folder.contains("tmp") && is_a_test;
                if has_path(line, &folder) && !may_be_there {
                    wrong.push(format!("{name}:{}: {line}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a path in `line` begins with `folder`: not in the middle of a URL or of a longer path.
fn has_path(line: &str, folder: &str) -> bool {
    let begins =
        |at: usize| !line[..at].ends_with(|letter: char| letter.is_alphanumeric() || "._-~/}*".contains(letter));
    line.match_indices(folder).any(|(at, _)| begins(at))
}

#[test]
fn no_file_names_a_mirror() {
    for (name, text) in all_texts() {
        if name == "tests/house/files.rs" {
            continue;
        }
        for mirror in MIRRORS {
            assert!(!text.contains(mirror), "{name} names {mirror}");
        }
    }
}

/// Lock files lead to the public registries and nowhere else.
#[test]
fn lock_files_name_public_registries() {
    for (name, text) in all_texts() {
        if name.ends_with("Cargo.lock") {
            let sources = text.lines().filter_map(|line| line.strip_prefix("source = "));
            for source in sources {
                assert_eq!(source, "\"registry+https://github.com/rust-lang/crates.io-index\"", "{name}");
            }
        }
        if name.ends_with("package-lock.json") {
            for line in text.lines().filter(|line| line.contains("\"resolved\":")) {
                assert!(line.contains("https://registry.npmjs.org/"), "{name}: {line}");
            }
        }
    }
}

/// Trailing blanks, tabs and missing ends of lines make noise in changes.
#[test]
fn text_files_are_tidy() {
    let kinds = [".rs", ".toml", ".md"];
    for (name, text) in all_texts() {
        if !kinds.iter().any(|kind| name.ends_with(kind)) || name.starts_with("fuzz/seeds/") {
            continue;
        }
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{name}: one line end at the end");
        for (number, line) in text.lines().enumerate() {
            assert!(line.trim_end() == line && !line.contains('\r'), "{name}:{}: blanks at the end", number + 1);
        }
    }
}

/// Every setting that the code reads stands in the example file, and its `[[tables]]` too.
#[test]
fn the_example_has_every_setting() {
    let example = text("config/flowgate.toml");
    let code: String =
        files_of_kind("src/config/settings", "rs").iter().map(|file| text(file.to_str().unwrap())).collect();
    let readers = [
        "text",
        "texts",
        "parsed",
        "duration",
        "bytes",
        "number",
        "word",
        "flag",
        "money",
        "entries",
        "optional_duration",
        "path_to_file",
        "path_to_folder",
        "secret",
        "pairs",
        "read",
    ];
    let mut count = 0;
    for reader in readers {
        for (at, call) in without_tests(&code).match_indices(&format!(".{reader}(\"")) {
            let name = strings(&code[at + call.len() - 1..]).remove(0);
            let shown = [format!("#{name} = "), format!("#:{name} = "), format!("[models.{name}]")];
            assert!(
                shown.iter().any(|shown| example.contains(shown.as_str())),
                "{name} is not in config/flowgate.toml"
            );
            count += 1;
        }
    }
    assert!(count > 25, "only {count} settings found: has the reader changed?");
}
