//! Who may know whom: rooms look down, never up and, with few exceptions, never sideways (ARCHITECTURE.md).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::source::{code_only, files_of_kind, text};

/// What each room may name. `main.rs` and `lib.rs` are rooms of one file.
const ALLOWED: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    ("cli", &["server", "config", "ledger", "mock", "api", "store", "tenant", "upstream", "telemetry", "wire"]),
    (
        "server",
        &[
            "admin",
            "api",
            "bridge",
            "catalog",
            "config",
            "jobs",
            "ledger",
            "media",
            "quota",
            "relay",
            "state",
            "store",
            "telemetry",
            "tenant",
            "upstream",
            "wire",
        ],
    ),
    ("config", &["api", "catalog", "jobs", "ledger", "media", "quota", "state", "telemetry", "tenant", "upstream"]),
    (
        "api",
        &["bridge", "jobs", "tenant", "catalog", "ledger", "media", "quota", "upstream", "relay", "wire", "telemetry"],
    ),
    ("admin", &["ledger", "telemetry", "tenant"]),
    ("bridge", &["relay", "wire"]),
    ("relay", &["ledger", "quota", "wire", "telemetry"]),
    ("ledger", &["quota"]),
    ("store", &["bridge", "jobs", "ledger", "tenant", "wire"]),
    ("jobs", &["ledger"]),
    ("upstream", &["quota", "telemetry", "wire"]),
    ("tenant", &["catalog", "ledger", "quota"]),
    ("catalog", &["ledger", "quota"]),
    ("quota", &["wire"]),
    ("state", &[]),
    ("media", &["telemetry"]),
    ("wire", &[]),
    ("telemetry", &[]),
    ("mock", &[]),
];

/// Pure rooms and files: they know no HTTP server and no HTTP client.
const PURE: &[&str] = &[
    "src/bridge",
    "src/catalog",
    "src/ledger",
    "src/quota",
    "src/tenant",
    "src/wire",
    "src/api/head",
    "src/api/rewrite",
    "src/relay/chat_stream",
    "src/relay/usage",
    "src/relay/answer",
];

/// The room that a file belongs to: the first folder below `src`, or the file itself.
fn room(path: &Path) -> String {
    let first = path.iter().nth(1).unwrap();
    Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The rooms that `code` names through `crate::` or, from `main.rs`, `flowgate::`.
fn named(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for path in ["crate::", "flowgate::"] {
        for (at, _) in code.match_indices(path) {
            let is_longer_name =
                code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':');
            if is_longer_name || code[..at].ends_with('$') {
                continue;
            }
            rooms.extend(first_names(&code[at + path.len()..]));
        }
    }
    rooms
}

/// `a::b` names a; `{a::b, c::{d, e}}` names a and c.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let Some(group) = rest.trim_start().strip_prefix('{') else { return vec![name(rest)] };
    let mut names = vec![name(group)];
    let mut depth = 0;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Every room, with the rooms that it names and one file that does so.
fn edges() -> BTreeMap<(String, String), String> {
    let mut edges = BTreeMap::new();
    for file in files_of_kind("src", "rs") {
        let from = room(&file);
        for to in named(&code_only(&text(file.to_str().unwrap()))) {
            if to != from {
                edges.insert((from.clone(), to), file.display().to_string());
            }
        }
    }
    edges
}

#[test]
fn rooms_know_only_those_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    for ((from, to), file) in edges() {
        match allowed.get(from.as_str()) {
            None => wrong.push(format!("{from} is a new room: say in tests/house/layers.rs what it may know")),
            Some(rooms) if !rooms.contains(&to.as_str()) => wrong.push(format!("{from} must not know {to}: {file}")),
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `super::super::` from the top file of a room would name another room without saying `crate::`.
#[test]
fn no_room_climbs_out_through_super() {
    for file in files_of_kind("src", "rs") {
        let code = code_only(&text(file.to_str().unwrap()));
        let code = super::source::without_tests(&code);
        let depth = file.iter().count() - 2 + usize::from(file.file_stem().is_some_and(|name| name != "mod"));
        let climbs = "super::".repeat(depth);
        assert!(!code.contains(&climbs), "{} leaves its room through {climbs}", file.display());
    }
}

/// A rule about a room that is gone would hold nothing.
#[test]
fn every_room_has_a_rule_and_every_rule_a_room() {
    let rooms: BTreeSet<String> = files_of_kind("src", "rs").iter().map(|file| room(file)).collect();
    let ruled: BTreeSet<String> = ALLOWED.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, ruled);
    for pure in PURE {
        let is_there = files_of_kind("src", "rs").iter().any(|file| file.to_str().unwrap().starts_with(pure));
        assert!(is_there, "{pure} is gone");
    }
}

#[test]
fn pure_rooms_know_no_http_library() {
    for file in files_of_kind("src", "rs") {
        let name = file.to_str().unwrap();
        if PURE.iter().any(|pure| name.starts_with(pure)) {
            let code = code_only(&text(name));
            for library in ["axum", "hyper", "reqwest", "tower_http"] {
                assert!(!code.contains(&format!("{library}::")), "{name} knows {library}");
            }
        }
    }
}

/// Only `config` and the command line look at the environment; only `config` reads the operator's files, and only
/// `state` and `media` those that the program keeps for itself.
#[test]
fn the_environment_belongs_to_config() {
    for file in files_of_kind("src", "rs") {
        let (name, room) = (file.to_str().unwrap(), room(&file));
        let code = code_only(super::source::without_tests(&text(name)));
        for reads in ["env::var(", "env::vars(", "env::vars_os("] {
            assert!(!code.contains(reads) || room == "config", "{name} reads the environment: {reads}…)");
        }
        for reads in ["fs::read(", "fs::read_to_string(", "File::open("] {
            let may_read = ["config", "state", "media"].contains(&room.as_str());
            assert!(!code.contains(reads) || may_read, "{name} reads a file: {reads}…)");
        }
    }
}

/// A request that nobody waits for could outlive the drain: tasks belong to a tracker or a set.
#[test]
fn no_task_is_left_alone() {
    for file in files_of_kind("src", "rs") {
        let code = code_only(super::source::without_tests(&text(file.to_str().unwrap())));
        for alone in ["tokio::spawn(", "task::spawn(", "process::exit(", "unbounded_channel("] {
            assert!(!code.contains(alone), "{}: {alone}…)", file.display());
        }
    }
}

#[test]
fn names_are_found_in_every_spelling() {
    let code = "use crate::api::error; use crate::{relay::body, wire::{json, sse}, tenant}; pub(in crate::mock) fn f() { crate::config::load() } use mycrate::x;";
    let expected = ["api", "config", "mock", "relay", "tenant", "wire"];
    assert_eq!(named(code).iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
