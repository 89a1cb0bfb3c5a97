//! Jobs outlast the process: whatever kills it, a video is handed out afterwards, and the lines of a batch are in the ledger exactly
//! once.

use std::collections::BTreeMap;
use std::time::Duration;

use flowgate::mock::{self, MockServer, MockSettings};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::gateway::{Gateway, client};
use super::program::{Home, run, until};

const CONFIG: &str = "[jobs]\npoll = \"20ms\"\n";
/// 4 CNY a million tokens in, 12 out.
const MODEL: &str = "deepseek-ai/DeepSeek-V3.1-Terminus";
const LINES: usize = 40;

async fn emulator() -> MockServer {
    let (video_time, batch_time) = (Duration::from_millis(700), Duration::from_millis(250));
    mock::start(MockSettings { video_time, batch_time, ..MockSettings::default() }).await.unwrap()
}

async fn kill(mut gateway: Gateway) {
    gateway.program.signal("KILL");
    gateway.program.end().await;
}

async fn json_of(request: reqwest::RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

/// Begins a batch, and returns its id.
async fn begin(gateway: &Gateway) -> String {
    let line = |number: usize| {
        let messages = json!([{"role": "user", "content": "[[tokens=10]]"}]);
        let body = json!({"model": MODEL, "messages": messages});
        json!({"custom_id": format!("line-{number}"), "method": "POST", "url": "/v1/chat/completions", "body": body})
    };
    let lines: String = (0..LINES).map(line).map(|line| format!("{line}\n")).collect();
    let form = Form::new().text("purpose", "batch").part("file", Part::text(lines).file_name("a.jsonl"));
    let file = json_of(client().post(format!("{}/files", gateway.base)).multipart(form)).await;
    let body = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    json_of(gateway.post("/batches", &body)).await["id"].as_str().unwrap().to_owned()
}

/// The rows of batches' lines, by batch.
async fn lines(home: &Home) -> BTreeMap<String, Vec<Value>> {
    let export = run(home, &["usage", "export", "--config", "flowgate.toml", "--format", "jsonl"]).await;
    assert_eq!(export.code, Some(0), "{export:?}");
    let rows = export.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.fold(BTreeMap::new(), |mut batches, row| {
        if let Some((batch, _)) = row["id"].as_str().unwrap().split_once('/') {
            batches.entry(batch.to_owned()).or_insert_with(Vec::new).push(row);
        }
        batches
    })
}

#[tokio::test]
async fn every_line_of_a_batch_is_counted_once_whenever_it_is_killed() {
    let (home, emulator) = (Home::new(), emulator().await);
    let mut batches = Vec::new();
    // Before it is over, while it is fetched and counted, and afterwards.
    for delay in [0, 120, 240, 260, 275, 290, 310, 400] {
        let gateway = Gateway::before(&home, &emulator, CONFIG).await;
        batches.push(begin(&gateway).await);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        kill(gateway).await;
    }
    let gateway = Gateway::before(&home, &emulator, CONFIG).await;
    for batch in &batches {
        until("the batch is completed", async || {
            let now = json_of(gateway.get(&format!("/batches/{batch}"))).await;
            (now["status"] == "completed").then_some(())
        })
        .await;
        let output = gateway.get(&format!("/files/file-output-{batch}/content")).send().await.unwrap();
        assert_eq!((output.status().as_u16(), output.text().await.unwrap().lines().count()), (200, LINES));
    }
    gateway.stop().await;
    let counted = lines(&home).await;
    assert_eq!(counted.len(), batches.len());
    for (batch, rows) in &counted {
        assert!(batches.contains(batch) && rows.len() == LINES, "{batch}: {} rows", rows.len());
        for row in rows {
            assert_eq!(
                (&row["endpoint"], &row["usage"], &row["model"]),
                (&json!("/batches"), &json!("exact"), &json!(MODEL))
            );
            let picos =
                row["input_tokens"].as_u64().unwrap() * 2_000_000 + row["output_tokens"].as_u64().unwrap() * 6_000_000;
            let cost = row["cost_cny"].as_str().unwrap().parse::<f64>().unwrap() * 1e12;
            assert!((cost - picos as f64).abs() < 0.5, "half of 4 and 12 CNY a million: {row}");
        }
    }
    let check = run(&home, &["ledger", "check", "--config", "flowgate.toml"]).await;
    assert_eq!(check.code, Some(0), "{check:?}");
}

#[tokio::test]
async fn a_video_is_handed_out_by_the_next_life() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, CONFIG).await;
    let body = json!({"model": "Wan-AI/Wan2.2-T2V-A14B", "prompt": "a cat on a secret roof"});
    let id = json_of(gateway.post("/videos", &body)).await["id"].as_str().unwrap().to_owned();
    kill(gateway).await;
    let gateway = Gateway::before(&home, &emulator, CONFIG).await;
    until("the video is completed", async || {
        (json_of(gateway.get(&format!("/videos/{id}"))).await["status"] == "completed").then_some(())
    })
    .await;
    let content = async |gateway: &Gateway| {
        let answer = gateway.get(&format!("/videos/{id}/content")).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    let first = content(&gateway).await;
    assert!(first.0 == 200 && first.1[4..].starts_with(b"ftyp"), "{first:?}");
    kill(gateway).await;
    let gateway = Gateway::before(&home, &emulator, CONFIG).await;
    assert_eq!(content(&gateway).await, first);
    gateway.stop().await;
    let database = std::fs::read(home.path(".local/share/flowgate/flowgate.db")).unwrap();
    assert!(memchr::memmem::find(&database, b"secret roof").is_none(), "a prompt is kept");
}
