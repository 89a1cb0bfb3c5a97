//! kill -9 at random moments under load, again and again: every answer whose end was seen is in the ledger exactly once and
//! exactly as it was, and nothing that the upstream ran is missing. How often: `FLOWGATE_KILLS` (tests/crash.sh has a hundred).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowgate::mock::{self, MockServer, MockSettings};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::gateway::{Gateway, PLAIN};
use super::program::{Home, run};

/// Callers at once.
const CALLERS: u64 = 12;

/// What a caller saw the whole of: the tokens of prompt and answer.
type Seen = BTreeMap<String, (u64, u64)>;

/// Everything that the callers of one life have seen.
#[derive(Default)]
struct Sight {
    /// Answers that ended, by their request's id.
    ended: Mutex<Seen>,
    /// Ids of all heads.
    heads: Mutex<BTreeSet<String>>,
    is_over: AtomicBool,
    count: AtomicU64,
}

/// Calls until the gateway is gone: streams and whole answers by turns, of many lengths.
async fn call(base: String, sight: Arc<Sight>) {
    let client = super::gateway::client();
    while !sight.is_over.load(Ordering::Relaxed) {
        let number = sight.count.fetch_add(1, Ordering::Relaxed);
        let (is_stream, tokens) = (number.is_multiple_of(2), 1 + number * 7 % 60);
        let body = json!({
            "model": PLAIN, "stream": is_stream, "stream_options": is_stream.then(|| json!({"include_usage": true})),
            "messages": [{"role": "user", "content": format!("[[tokens={tokens}]] {}", "word ".repeat(number as usize % 40))}],
        });
        let Ok(answer) = client.post(format!("{base}/chat/completions")).json(&body).send().await else { return };
        assert_eq!(answer.status(), 200);
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        sight.heads.lock().unwrap().insert(id.clone());
        let usage = if is_stream { streamed(answer).await } else { whole(answer).await };
        let Some(usage) = usage else { return };
        let count = |name: &str| usage[name].as_u64().unwrap();
        sight.ended.lock().unwrap().insert(id, (count("prompt_tokens"), count("completion_tokens")));
    }
}

async fn whole(answer: reqwest::Response) -> Option<Value> {
    Some(answer.json::<Value>().await.ok()?["usage"].clone())
}

/// The usage in a stream, as soon as `[DONE]` was seen: nobody has to wait for the end of the connection.
async fn streamed(answer: reqwest::Response) -> Option<Value> {
    let (mut bytes, mut pieces) = (Vec::new(), answer.bytes_stream());
    while let Some(Ok(piece)) = pieces.next().await {
        bytes.extend_from_slice(&piece);
        if bytes.ends_with(b"data: [DONE]\n\n") {
            let text = String::from_utf8(bytes).unwrap();
            let events = text.lines().filter_map(|line| line.strip_prefix("data: {"));
            let events = events.map(|event| serde_json::from_str::<Value>(&format!("{{{event}")).unwrap());
            return events.map(|event| event["usage"].clone()).rfind(|usage| !usage.is_null());
        }
    }
    None
}

/// All rows of the ledger.
async fn rows(home: &Home) -> Vec<Value> {
    let export = run(home, &["usage", "export", "--config", "flowgate.toml", "--format", "jsonl"]).await;
    assert_eq!(export.code, Some(0), "{export:?}");
    export.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many rows there are of each outcome, and that no number or id comes twice.
fn outcomes(rows: &[Value]) -> BTreeMap<String, usize> {
    let ids: BTreeSet<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    let numbers: BTreeSet<u64> = rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!((ids.len(), numbers.len()), (rows.len(), rows.len()), "a row comes twice");
    rows.iter().fold(BTreeMap::new(), |mut outcomes, row| {
        *outcomes.entry(row["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
        outcomes
    })
}

/// Every answer that ended is there, with its tokens; so is every head that was seen.
fn check(rows: &[Value], seen: &Seen, heads: &BTreeSet<String>) {
    let by_id: BTreeMap<&str, &Value> = rows.iter().map(|row| (row["id"].as_str().unwrap(), row)).collect();
    for (id, (input, output)) in seen {
        let row = by_id.get(id.as_str()).unwrap_or_else(|| panic!("{id} is missing"));
        let counted = (row["input_tokens"].as_u64().unwrap(), row["output_tokens"].as_u64().unwrap());
        assert_eq!((counted, row["usage"].as_str()), ((*input, *output), Some("exact")), "{row}");
    }
    for id in heads {
        assert!(by_id.contains_key(id.as_str()), "{id}, whose head was seen, is missing");
    }
}

async fn emulator() -> MockServer {
    let token_interval = Duration::from_millis(2);
    mock::start(MockSettings { token_interval, ..MockSettings::default() }).await.unwrap()
}

const CONFIG: &str = "[account.limits.\"Qwen/Qwen3-8B\"]\nrpm = 100000000\ntpm = 1000000000\n";

#[expect(clippy::disallowed_methods, reason = "a long run is asked for through the environment")]
fn kills() -> usize {
    std::env::var("FLOWGATE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(4)
}

/// One life of a gateway under load, ended by `signal` after `life`.
async fn live(home: &Home, emulator: &MockServer, life: Duration, signal: &str) -> Arc<Sight> {
    let mut gateway = Gateway::before(home, emulator, CONFIG).await;
    let sight = Arc::new(Sight::default());
    let mut callers = JoinSet::new();
    (0..CALLERS).for_each(|_| drop(callers.spawn(call(gateway.base.clone(), sight.clone()))));
    tokio::time::sleep(life).await;
    gateway.program.signal(signal);
    sight.is_over.store(signal == "TERM", Ordering::Relaxed);
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    gateway.program.end().await;
    sight
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_end_that_was_seen_is_forgotten() {
    let (home, emulator) = (Home::new(), emulator().await);
    let (mut seen, mut heads, mut received) = (Seen::new(), BTreeSet::new(), 0);
    for number in 0..kills() {
        // Any moment is as good as another: these spread over half a second.
        let life = Duration::from_millis(20 + number as u64 * 137 % 480);
        let sight = live(&home, &emulator, life, "KILL").await;
        seen.append(&mut sight.ended.lock().unwrap());
        heads.append(&mut sight.heads.lock().unwrap());
        received += emulator.control().requests().iter().filter(|request| request.method == "POST").count();
        emulator.control().reset();
    }
    let last = Gateway::before(&home, &emulator, CONFIG).await;
    last.stop().await;
    let rows = rows(&home).await;
    check(&rows, &seen, &heads);
    let outcomes = outcomes(&rows);
    let called: u64 = rows.iter().map(|row| row["attempts"].as_u64().unwrap().max(1)).sum();
    assert!(called as usize >= received, "{received} requests came upstream, the rows tell of {called}: {outcomes:?}");
    println!("{} kills: {received} requests upstream, {} ends seen, rows {outcomes:?}", kills(), seen.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_leaves_nothing_unknown() {
    let (home, emulator) = (Home::new(), emulator().await);
    let sight = live(&home, &emulator, Duration::from_millis(300), "TERM").await;
    let rows = rows(&home).await;
    let seen = sight.ended.lock().unwrap();
    check(&rows, &seen, &sight.heads.lock().unwrap());
    assert_eq!(outcomes(&rows).get("unknown"), None);
    let billed = emulator.control().billed();
    let sum = |name: &str| rows.iter().map(|row| row[name].as_u64().unwrap()).sum::<u64>();
    let bill = &billed.models[PLAIN];
    assert_eq!((sum("input_tokens"), sum("output_tokens")), (bill.prompt_tokens, bill.completion_tokens));
}
