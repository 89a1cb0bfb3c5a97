//! docs/troubleshooting.md: its texts are those of the program. Each section with texts is held by a test that really produces
//! every one of them; `hold` compares both.

use super::source::text;

const DOCUMENT: &str = "docs/troubleshooting.md";
/// Sections whose texts are produced by `binary::troubleshooting`.
const OF_THE_BINARY: &[&str] = &[
    "When it does not start",
    "Keys and teams",
    "The ledger and the state folder",
    "Health checks and doctor",
    "Agents and `flowgate connect`",
];
/// Those of `data_path::troubleshooting`.
const OF_CALLERS: &[&str] = &[
    "Refused by the gateway",
    "No answer from SiliconFlow",
    "Refused by SiliconFlow",
    "Streams that end with an error",
];

/// Headings of the document with their texts: the lines of the blocks marked `text`.
fn sections() -> Vec<(String, Vec<String>)> {
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    let mut is_text = false;
    for line in text(DOCUMENT).lines() {
        match (line.strip_prefix("## "), sections.last_mut()) {
            (Some(heading), _) => sections.push((heading.to_owned(), Vec::new())),
            (None, Some((_, texts))) if is_text && line != "```" => texts.push(line.to_owned()),
            _ if line.starts_with("```") => is_text = line == "```text",
            _ => {}
        }
    }
    sections
}

/// Whether `said` has `text` in it, where `…` stands for anything.
fn matches(said: &str, text: &str) -> bool {
    let mut rest = said;
    text.split('…').filter(|part| !part.is_empty()).all(|part| {
        let found = rest.find(part);
        rest = found.map_or("", |at| &rest[at + part.len()..]);
        found.is_some()
    })
}

/// Every text of `section` was said, and what was said at each occasion stands in it. Each of `said` is an occasion and what it
/// brought.
pub(crate) fn hold(section: &str, said: &[(&str, String)]) {
    let sections = sections();
    let (_, texts) = sections.iter().find(|(heading, _)| heading == section).unwrap_or_else(|| panic!("no {section}"));
    let unsaid = texts.iter().filter(|text| !said.iter().any(|(_, said)| matches(said, text)));
    let unsaid: Vec<String> = unsaid.map(|text| format!("nobody says: {text}")).collect();
    let unknown = said.iter().filter(|(_, said)| !texts.iter().any(|text| matches(said, text)));
    let unknown: Vec<String> = unknown.map(|(occasion, said)| format!("{occasion} is not there: {said}")).collect();
    assert!(unsaid.is_empty() && unknown.is_empty(), "{section}\n{}", [unsaid, unknown].concat().join("\n"));
}

#[test]
fn every_text_has_a_test_that_produces_it() {
    let sections = sections();
    let with_texts = sections.iter().filter(|(_, texts)| !texts.is_empty()).map(|(heading, _)| heading.as_str());
    let mut with_texts: Vec<&str> = with_texts.collect();
    let mut held = [OF_THE_BINARY, OF_CALLERS].concat();
    with_texts.sort_unstable();
    held.sort_unstable();
    assert_eq!(with_texts, held);
    for (of, file) in
        [(OF_THE_BINARY, "tests/binary/troubleshooting.rs"), (OF_CALLERS, "tests/data_path/troubleshooting.rs")]
    {
        let code = text(file);
        assert!(of.iter().all(|section| code.contains(&format!("hold(\"{section}\""))), "{file} does not hold {of:?}");
    }
}

/// Whoever searches for what is on the screen finds it once.
#[test]
fn no_text_stands_there_twice() {
    let mut texts: Vec<String> = sections().into_iter().flat_map(|(_, texts)| texts).collect();
    let count = texts.len();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), count);
    assert!(texts.iter().all(|text| text.replace('…', "").len() >= 8), "too short to be found: {texts:?}");
}

#[test]
fn a_text_is_found_with_its_changing_parts() {
    assert!(matches("a 1 b", "a … b") && matches("x a b y", "a") && !matches("b a", "a … b"));
    assert!(!matches("a b", "a b c"));
}
