//! Recorded conversations of the Responses API: request to chat request, chat answer to response, whole and streamed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flowgate::bridge::Translated;
use flowgate::bridge::responses::shelf::{Kept, Shelf, ShelfError};
use flowgate::bridge::responses::{Context, translate};
use flowgate::relay::chat_stream::ChatStream;
use flowgate::relay::translate::Failure;
use proptest::prelude::*;
use serde_json::Value;

use super::golden::{assert_same, cases, read};

/// Remembers what it was given.
#[derive(Debug, Default)]
struct Memory(Mutex<Vec<Kept>>);

impl Shelf for Memory {
    fn keep(&self, kept: Kept) {
        self.0.lock().unwrap().push(kept);
    }

    fn find(&self, _key: &str, id: &str) -> Result<Option<Kept>, ShelfError> {
        Ok(self.0.lock().unwrap().iter().find(|kept| kept.id == id).cloned())
    }

    fn forget(&self, _key: &str, _id: &str) -> Result<bool, ShelfError> {
        Ok(false)
    }
}

fn context(case: &Path, shelf: Arc<Memory>) -> Context {
    let history: Vec<Value> = serde_json::from_str(&read(case, "history.json").unwrap_or("[]".to_owned())).unwrap();
    let pointed_to =
        r#"{"id":"msg_00ee_0","type":"message","role":"assistant","content":[{"type":"output_text","text":"Once."}]}"#;
    Context {
        id: "resp_00aa".to_owned(),
        key: "ann".into(),
        now: || 1_790_000_000,
        history: history.iter().map(Value::to_string).collect(),
        referenced: HashMap::from([("msg_00ee_0".to_owned(), pointed_to.to_owned())]),
        shelf: Some(shelf),
    }
}

fn translated(case: &Path, shelf: &Arc<Memory>) -> Translated {
    // As a client would send it, in one line.
    let request = read(case, "request.json").unwrap();
    translate(request.as_bytes(), context(case, shelf.clone())).unwrap()
}

/// The stream in pieces of these lengths, over and over, through the stream editor and back.
fn streamed(translated: &Translated, upstream: &str, lengths: &[usize]) -> String {
    let mut chat = ChatStream::translated(translated.back.stream());
    let mut out = Vec::new();
    let mut rest = Bytes::from(upstream.to_owned());
    for length in lengths.iter().cycle() {
        if rest.is_empty() || chat.fault().is_some() {
            break;
        }
        out.extend_from_slice(&chat.push(rest.split_to((*length).min(rest.len()))));
    }
    if chat.fault().is_none() {
        out.extend_from_slice(&chat.finish());
    }
    if chat.fault().is_some() {
        let failure = Failure { kind: "server_error", code: Some("upstream_error"), message: "It \"broke\"." };
        out.extend_from_slice(&chat.failed(&failure).unwrap());
    }
    String::from_utf8(out).unwrap()
}

/// Indented, so that people can read it; the order of members stays.
fn pretty(json: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for letter in json.chars() {
        out.push(letter);
        if in_string {
            in_string = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
            continue;
        }
        match letter {
            '"' => in_string = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth < 4 {
            out.push('\n');
        }
    }
    out.push('\n');
    out
}

#[test]
fn recorded_requests_become_chat_requests() {
    for case in cases("responses") {
        let translated = translated(&case, &Arc::default());
        let body = std::str::from_utf8(&translated.body).unwrap();
        let _is_json: Value = serde_json::from_str(body).unwrap();
        assert_same(&case, "chat.json", &pretty(body));
        assert_same(&case, "edits.txt", &format!("{}\n", translated.edits.join("\n")));
    }
}

#[test]
fn recorded_answers_become_responses() {
    for case in cases("responses") {
        let shelf = Arc::default();
        let translated = translated(&case, &shelf);
        let is_kept = !read(&case, "request.json").unwrap().contains("\"store\": false");
        if let Some(answer) = read(&case, "upstream.json") {
            let response = translated.back.whole(answer.as_bytes()).unwrap();
            assert_same(&case, "response.json", &pretty(std::str::from_utf8(&response).unwrap()));
        }
        if let Some(upstream) = read(&case, "upstream.sse") {
            assert_same(&case, "events.sse", &streamed(&translated, &upstream, &[usize::MAX]));
        }
        let kept = shelf.0.lock().unwrap();
        assert_eq!(kept.len(), usize::from(is_kept && !case.ends_with("broken_streamed")), "{}", case.display());
        for kept in kept.iter() {
            let all: Vec<Value> = kept.items().iter().map(|item| serde_json::from_str(item).unwrap()).collect();
            assert!(all.iter().all(|item| item["id"].is_string() && item["type"].is_string()), "{all:?}");
            let _is_json: Value = serde_json::from_str(&kept.response).unwrap();
        }
    }
}

/// Numbers, names and places: what every stream has to keep to, whatever is in it.
#[test]
fn events_are_in_order() {
    for case in cases("responses") {
        let Some(events) = read(&case, "events.sse") else { continue };
        let mut open: HashMap<u64, String> = HashMap::new();
        let (mut next, mut items) = (0, 0);
        for event in events.split("\n\n").filter(|event| !event.is_empty()) {
            let (name, data) = event.split_once('\n').unwrap();
            assert!(!data.contains(['\n', '\r']), "{data}");
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            let kind = data["type"].as_str().unwrap();
            assert_eq!((name, data["sequence_number"].as_u64()), (&*format!("event: {kind}"), Some(next)));
            next += 1;
            let place = data["output_index"].as_u64();
            match kind {
                "response.output_item.added" => {
                    assert_eq!(place, Some(items));
                    items += 1;
                    open.insert(place.unwrap(), data["item"]["id"].as_str().unwrap().to_owned());
                }
                "response.output_item.done" => {
                    assert_eq!(open.remove(&place.unwrap()).as_deref(), data["item"]["id"].as_str());
                }
                "response.completed" | "response.incomplete" => {
                    assert!(open.is_empty());
                    assert_eq!(data["response"]["output"].as_array().unwrap().len() as u64, items);
                }
                _ => {
                    if let Some(place) = place {
                        assert_eq!(open[&place], data["item_id"].as_str().unwrap(), "{kind}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_cut_gives_the_same_events(lengths in proptest::collection::vec(1_usize..90, 1..12)) {
        for case in cases("responses") {
            let Some(upstream) = read(&case, "upstream.sse") else { continue };
            let translated = translated(&case, &Arc::default());
            let whole = streamed(&translated, &upstream, &[usize::MAX]);
            prop_assert_eq!(whole, streamed(&translated, &upstream, &lengths), "{}", case.display());
        }
    }
}

/// The table of docs/bridges.md is tried, row by row.
#[test]
fn the_table_in_the_documents_is_true() {
    let document = include_str!("../../docs/bridges.md");
    let section = document.split("\n## ").find(|section| section.starts_with("Responses\n")).unwrap();
    let rows: Vec<Vec<&str>> = section
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("| `\""))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.len() > 60, "{}", rows.len());
    for row in rows {
        let [_, sent, becomes] = row[..] else { panic!("{row:?}") };
        let model = if sent.contains("\"model\"") { "" } else { "\"model\":\"m\"," };
        let input = if sent.contains("\"input\"") { "" } else { "\"input\":\"x\"," };
        let body = format!("{{{model}{input}{}}}", sent.trim_matches('`'));
        let memory: Arc<Memory> = Arc::default();
        let translated = translate(body.as_bytes(), context(Path::new("/nonexistent"), memory.clone()));
        let (outcome, what) = becomes.split_once(": ").unwrap_or((becomes, ""));
        let what = what.trim_matches('`');
        match (outcome, translated) {
            ("carried", Ok(translated)) => {
                let chat = std::str::from_utf8(&translated.body).unwrap();
                assert!(chat.contains(what), "{sent}\n{what}\n{chat}");
                let is_loss = |edit: &&str| edit.starts_with("without-");
                assert_eq!(translated.edits.iter().copied().find(is_loss), None, "{sent}");
            }
            ("left out", Ok(translated)) => assert_eq!(translated.edits, [what], "{sent}"),
            ("refused", Err(error)) => assert_eq!(error.param.as_deref(), Some(what), "{sent}"),
            ("repeated", Ok(translated)) => {
                assert!(translated.edits.is_empty(), "{sent}: {:?}", translated.edits);
                let answer = translated.back.whole(br#"{"choices":[{"message":{"content":"x"}}]}"#).unwrap();
                let is_told =
                    sent.contains("\"include\"") || String::from_utf8_lossy(&answer).contains(sent.trim_matches('`'));
                assert!(is_told, "{sent}: {}", String::from_utf8_lossy(&answer));
            }
            (_, translated) => panic!("{sent}: {becomes}, but {translated:?}"),
        }
    }
}
