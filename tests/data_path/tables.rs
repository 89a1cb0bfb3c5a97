//! The tables of docs/bridges.md: every row is tried as it stands.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::support::{Got, Rig, Script, json_answer};
use super::uploads;

/// A row: field, value, the edits that it says, or none where it says that it is refused.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) field: String,
    pub(super) tried: String,
    edits: Option<Vec<String>>,
}

/// The rows of a section.
pub(super) fn rows(section: &str) -> Vec<Row> {
    let document = std::fs::read_to_string("docs/bridges.md").unwrap();
    let (_, rest) = document.split_once(&format!("\n## {section}\n")).expect("a section");
    let rows = rest.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    // Others say what a path answers.
    let rows = rows.filter(|line| line.trim_matches('|').split(" | ").count() == 4);
    let unquoted = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let edits: Vec<String> = cells[3].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let is_refused = cells[3].contains("refused");
        Row { field: unquoted(cells[0]), tried: unquoted(cells[1]), edits: (!is_refused).then_some(edits) }
    };
    let rows: Vec<Row> = rows.map(row).collect();
    assert!(!rows.is_empty(), "{section}");
    rows
}

/// The answer is what the row says.
pub(super) fn check(row: &Row, got: &Got) {
    match &row.edits {
        Some(edits) => {
            assert_eq!(got.status, 200, "{row:?}: {}", got.text());
            let mut made: Vec<&str> =
                got.header("x-flowgate-edits").map_or(Vec::new(), |edits| edits.split(", ").collect());
            let mut said: Vec<&str> = edits.iter().map(String::as_str).collect();
            made.sort_unstable();
            said.sort_unstable();
            assert_eq!(made, said, "{row:?}");
        }
        None => {
            assert!(got.error().starts_with("400 invalid_request_error/"), "{row:?}: {}", got.text());
            let param = got.json()["error"]["param"].as_str().unwrap().to_owned();
            assert_eq!(param, row.field.split('[').next().unwrap(), "{row:?}");
        }
    }
}

#[tokio::test]
async fn voices() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 3\r\n\r\nabc";
    let script = Script::always(vec![super::support::Act::Say(head.into())]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    for row in rows("Voices") {
        let mut body = json!({"model": "FunAudioLLM/CosyVoice2-0.5B", "input": "Hi", "voice": "speech:a:b:c"});
        body[&row.field] = serde_json::from_str::<Value>(&row.tried).unwrap();
        check(&row, &Got::of(rig.post("/v1/audio/speech", body.to_string())).await);
    }
}

#[tokio::test]
async fn hearing() {
    let rig = Rig::mocked("").await;
    for row in rows("Hearing") {
        let mut form = uploads::field(&row.field, &row.tried).into_bytes();
        form.extend(uploads::form(uploads::MODEL, b"RIFF", true));
        check(&row, &Got::of(uploads::post(&rig, form)).await);
    }
}

#[tokio::test]
async fn files() {
    let answer = r#"{"code":20000,"data":{"id":"file-1","object":"file","createdAt":1}}"#;
    let script = Script::always(vec![json_answer(200, answer)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    for row in rows("Files") {
        let mut form = Form::new().text(row.field.clone(), row.tried.clone());
        if row.field != "purpose" {
            form = form.text("purpose", "batch");
        }
        let form = form.part("file", Part::text("{}\n").file_name("a.jsonl"));
        check(&row, &Got::of(rig.request(Method::POST, "/v1/files").multipart(form)).await);
    }
}

/// Rows of a section that is asked for as JSON: `base` with the row's field in it.
async fn check_json(section: &str, path: &str, answer: &str, base: Value) {
    let script = Script::always(vec![json_answer(200, answer)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    for row in rows(section) {
        let mut body = base.clone();
        body[&row.field] = serde_json::from_str::<Value>(&row.tried).unwrap();
        check(&row, &Got::of(rig.post(path, body.to_string())).await);
    }
}

#[tokio::test]
async fn videos() {
    let base = json!({"model": "Wan-AI/Wan2.2-T2V-A14B", "prompt": "a cat"});
    check_json("Videos", "/v1/videos", r#"{"requestId":"r1"}"#, base).await;
}

#[tokio::test]
async fn batches() {
    let base = json!({"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let answer = r#"{"id":"batch-1","object":"batch","status":"in_queue"}"#;
    check_json("Batches", "/v1/batches", answer, base).await;
}

/// A row of a section that the emulator draws for: `base` with the row's field in it, without the fields that stand in its way.
async fn check_drawn(section: &str, path: &str, base: Value, in_the_way: &[(&str, &str)]) {
    let rig = Rig::mocked("").await;
    for row in rows(section) {
        let mut body = base.clone();
        for (_, other) in in_the_way.iter().filter(|(field, _)| *field == row.field) {
            body.as_object_mut().unwrap().remove(*other);
        }
        body[&row.field] = serde_json::from_str::<Value>(&row.tried).unwrap();
        check(&row, &Got::of(rig.post(path, body.to_string())).await);
    }
}

#[tokio::test]
async fn pictures() {
    let base = json!({"model": "Kwai-Kolors/Kolors", "prompt": "a cat", "image_size": "1024x1024"});
    check_drawn("Pictures", "/v1/images/generations", base, &[("size", "image_size")]).await;
}

#[tokio::test]
async fn picture_edits() {
    let base = json!({"model": "Qwen/Qwen-Image-Edit", "prompt": "blue", "image": "data:image/png;base64,AAAA"});
    check_drawn("Picture edits", "/v1/images/edits", base, &[("images", "image")]).await;
}
