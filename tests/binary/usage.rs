//! `flowgate usage` and `flowgate ledger`, and what a key is told of its own usage.

use std::process::Stdio;
use std::time::SystemTime;

use flowgate::ledger::{Money, Row, Store};
use flowgate::store::{Database, FILE};
use serde_json::Value;

use super::gateway::{Gateway, emulator};
use super::program::{Finished, Home, flowgate, run};

/// 2026-11-22, noon in Shanghai.
const NOON: u64 = 1_795_320_000_000;
const THAT_DAY: [&str; 4] = ["--from", "2026-11-22", "--until", "2026-11-22"];

/// A home whose configuration has its state in `state`.
fn home() -> Home {
    let home = Home::new();
    home.write("flowgate.toml", "[state]\ndir = \"state\"\n");
    home
}

fn row(seq: u64, key: &str) -> Row {
    Row {
        seq,
        at_ms: NOON + seq,
        key: key.into(),
        team: "growth".into(),
        model: "Qwen/Qwen3-8B".into(),
        asked: "=2+3".into(),
        endpoint: "/chat/completions".into(),
        status: 200,
        outcome: "complete".into(),
        usage: "exact".into(),
        input_tokens: 1000,
        cost: Some(Money::from_micros_cny(1_250_000)),
        ..Row::default()
    }
}

/// Files `rows` as the gateway would, and leaves.
fn file(home: &Home, rows: &[Row]) {
    std::fs::create_dir_all(home.path("state")).unwrap();
    Database::open(&home.path("state"), false).unwrap().file(rows).unwrap();
}

async fn usage(home: &Home, arguments: &[&str]) -> Finished {
    run(home, &[&["usage"], arguments, &["--config", "flowgate.toml"]].concat()).await
}

/// The rows of one day, asked for in every form.
#[tokio::test]
async fn usage_is_told_while_no_gateway_runs() {
    let home = home();
    file(&home, &[row(1, "ann"), row(2, "bob"), row(3, "bob")]);
    let table = usage(&home, &THAT_DAY).await;
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert_eq!(lines[0], "2026-11-22 to 2026-11-22, days in Asia/Shanghai");
    assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>()[..3], ["key", "requests", "failed"]);
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells(lines[4]), ["bob", "2", "0", "2,000", "0", "2.50"]);
    assert_eq!(cells(lines[5]), ["total", "3", "0", "3,000", "0", "3.75"]);

    let json =
        usage(&home, &[&THAT_DAY[..], &["--format", "json", "--by", "team,model", "--key", "bob"]].concat()).await;
    let json = json.json();
    assert_eq!((&json["data"][0]["team"], &json["total"]["cost_cny"]), (&"growth".into(), &"2.50".into()));
    let csv = usage(&home, &[&THAT_DAY[..], &["--format", "csv", "--by", "day"]].concat()).await;
    assert!(csv.stdout.ends_with("\n2026-11-22,3,0,3000,0,0,0,0,3.75,0,0\n"), "{csv:?}");
    for days in
        [&["--month", "2026-10"][..], &["--until", "2026-11-21"], &["--from", "1999-01-01", "--until", "1999-01-02"]]
    {
        let none = usage(&home, &[days, &["--format", "json"]].concat()).await;
        assert_eq!(none.json()["total"]["requests"], 0, "{days:?}");
    }
    let left: Vec<_> = std::fs::read_dir(home.path("state")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [FILE]);
}

#[tokio::test]
async fn an_export_goes_on_where_the_last_one_ended() {
    let home = home();
    file(&home, &(1..=2500).map(|seq| row(seq, "ann")).collect::<Vec<_>>());
    let first = usage(&home, &["export"]).await;
    let seqs: Vec<u64> = first
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=2500).collect::<Vec<_>>());
    file(&home, &[row(2501, "bob"), row(2502, "ann")]);
    let next = usage(&home, &["export", "--after", "2500", "--format", "csv"]).await;
    assert_eq!(next.stdout.lines().count(), 2, "{next:?}");
    assert!(next.stdout.starts_with("2501,") && next.stdout.contains("\"'=2+3\""), "{next:?}");
    let bob = usage(&home, &["export", "--key", "bob", "--format", "csv"]).await;
    assert_eq!(bob.stdout.lines().count(), 2);
    assert!(bob.stdout.starts_with("seq,id,at,"), "{bob:?}");
}

/// `flowgate usage export | head -1`.
#[tokio::test]
async fn an_export_that_nobody_reads_ends() {
    let home = home();
    file(&home, &(1..=5000).map(|seq| row(seq, "ann")).collect::<Vec<_>>());
    let mut command = flowgate(&home, &["usage", "export", "--config", "flowgate.toml"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    let end = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!((end.status.code(), end.stderr), (Some(0), Vec::new()));
}

#[tokio::test]
async fn without_a_ledger_it_says_so_and_makes_none() {
    let home = home();
    for arguments in [&["usage"][..], &["usage", "export"], &["ledger", "check"]] {
        let end = run(&home, &[arguments, &["--config", "flowgate.toml"]].concat()).await;
        assert_eq!((end.code, end.stdout.as_str()), (Some(1), ""));
        assert!(end.stderr.contains("there is no ledger in") && end.stderr.contains("flowgate serve"), "{end:?}");
    }
    assert!(!home.path("state").exists());
}

#[tokio::test]
async fn what_is_not_understood_is_wrong_usage() {
    let home = home();
    file(&home, &[row(1, "ann")]);
    for (arguments, words) in [
        (&["--from", "22.11.2026"][..], "--from: `22.11.2026` is no day: write one like 2026-11-22"),
        (&["--from", "2026-11-31"], "--from"),
        (&["--from", "2026-11-05", "--until", "2026-11-04"], "before it begins"),
        (&["--month", "november"], "--month: `november` is no month"),
        (&["--by", "colour"], "--by: `colour` is none of key, team"),
        (&["export", "--until", "soon"], "--until"),
    ] {
        let end = usage(&home, arguments).await;
        assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(end.stderr.contains(words), "{end:?}");
    }
}

#[tokio::test]
async fn a_ledger_is_checked() {
    let home = home();
    file(&home, &[row(1, "ann"), row(2, "bob")]);
    let check = ["ledger", "check", "--config", "flowgate.toml"];
    let good = run(&home, &check).await;
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(good.stdout.starts_with("ok   ledger: ") && good.stdout.contains("the last row is 2"), "{good:?}");

    // The second row as it would be had it cost something else.
    let other = Home::new();
    file(&other, &[row(1, "ann"), Row { cost: Some(Money::from_picos_cny(1)), ..row(2, "bob") }]);
    let connection = rusqlite::Connection::open(home.path("state").join(FILE)).unwrap();
    connection.execute("ATTACH ?1 AS other", [other.path("state").join(FILE).to_str()]).unwrap();
    let body = "UPDATE ledger_row SET body = (SELECT body FROM other.ledger_row WHERE seq = 2) WHERE seq = 2";
    connection.execute(body, []).unwrap();
    drop(connection);
    let bad = run(&home, &check).await;
    assert_eq!(bad.code, Some(1));
    assert!(bad.stdout.starts_with("FAIL ledger: 2026-11-22: the sum of [\"bob\""), "{bad:?}");

    home.write(
        "state/flowgate.db",
        "no database, but a text of some length, which is no ledger whatever one calls it.",
    );
    let broken = run(&home, &check).await;
    assert_eq!(broken.code, Some(1));
    assert!(broken.text().contains("damaged"), "{broken:?}");
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Rows that come while a gateway runs: the command sees them, and a key its own.
#[tokio::test]
async fn a_key_sees_its_own_usage_only() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann");
    home.write("bob.key", "sk-bob");
    let keys = "[state]\ndir = \"state\"\n[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\n[[key]]\nname = \"bob\"\nsecret = { file = \"bob.key\" }";
    let gateway = Gateway::before(&home, &emulator, keys).await;
    let today = |seq, key| Row { at_ms: now_ms(), seq, ..row(seq, key) };
    file(&home, &[today(1_000_001, "ann"), today(1_000_002, "ann"), today(1_000_003, "bob")]);

    let own = async |key: &str| -> Value {
        let answer = gateway.get("/flowgate/usage?key=bob").bearer_auth(key).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    };
    let (ann, bob) = (own("sk-ann").await, own("sk-bob").await);
    assert_eq!((&ann["key"], &ann["today"]["total"]["input_tokens"]), (&"ann".into(), &2000.into()), "{ann}");
    assert_eq!((&bob["key"], &bob["month"]["total"]["cost_cny"]), (&"bob".into(), &"1.25".into()), "{bob}");
    let used = ann["month"]["data"].as_array().unwrap().iter().find(|sum| sum["model"] == "Qwen/Qwen3-8B").unwrap();
    assert_eq!(used["cost_cny"], "2.50");
    assert!(!ann.to_string().contains("bob"), "{ann}");
    assert_eq!(gateway.get("/flowgate/usage").send().await.unwrap().status(), 401);

    let told = usage(&home, &["--today", "--format", "json"]).await.json();
    assert_eq!(told["total"]["input_tokens"], 3000);
    let answer = gateway.post("/flowgate/usage", &Value::Null).bearer_auth("sk-ann").send().await.unwrap();
    assert_eq!(answer.status(), 405);
}

/// A demo without a folder keeps nothing, and says so.
#[tokio::test]
async fn a_demo_without_a_folder_has_no_usage() {
    let home = Home::new();
    let mut command = flowgate(&home, &[&["serve", "--demo"], &super::gateway::ANYWHERE[..]].concat());
    command.env("TMPDIR", home.path("nowhere"));
    let gateway = Gateway::from(command).await;
    let own: Value = gateway.get("/flowgate/usage").send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&own["today"]["total"]["requests"], own["note"].as_str().unwrap().contains("--demo")),
        (&0.into(), true)
    );
}
