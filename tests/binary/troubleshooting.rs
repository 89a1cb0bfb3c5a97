//! What operators read in docs/troubleshooting.md, produced: each text comes from the binary.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use flowgate::mock::Injection;
use serde_json::Value;

use super::gateway::{Gateway, PLAIN, config, emulator, slow_emulator};
use super::program::{Finished, Home, finished, flowgate, has, run, until};
use super::store_faults;
use crate::house::troubleshooting::hold;

const KEY: &str = "[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\n";
type Said = Vec<(&'static str, String)>;

fn serve(home: &Home, arguments: &[&str]) -> Command {
    let mut command = flowgate(home, &[&["serve", "--admin-listen", "127.0.0.1:0"], arguments].concat());
    command.env("SILICONFLOW_API_KEY", "sk-mock");
    command
}

/// What a start that fails says.
async fn refused(command: Command) -> String {
    let end: Finished = finished(command).await;
    assert_eq!(end.code, Some(1), "{end:?}");
    end.stderr
}

/// The same with `text` as the configuration.
async fn refused_with(home: &Home, text: &str) -> String {
    home.write("flowgate.toml", text);
    refused(serve(home, &["--listen", "127.0.0.1:0", "--config", "flowgate.toml"])).await
}

async fn files() -> Said {
    let home = Home::new();
    home.write("a-file", "x");
    home.write("no.pem", "x");
    let (taken, free) = (TcpListener::bind("127.0.0.1:0").unwrap(), ["--listen", "127.0.0.1:0"]);
    let address = taken.local_addr().unwrap().to_string();
    let key =
        "[[key]]\nname = \"ann\"\nhash = \"sha256:36c76b48bb2ee1d9d37140550e9d7ed7d395cf56f41050dc2a72e5291c0011f0\"\n";
    let account = |key: &str| format!("[[account]]\nname = \"main\"\napi_key = {key}\n");
    vec![
        ("no key", refused(flowgate(&home, &["serve"])).await),
        ("a taken address", refused(serve(&home, &["--listen", &address])).await),
        ("exposed", refused(serve(&home, &["--listen", "0.0.0.0:0"])).await),
        ("no file", refused(serve(&home, &[&free[..], &["--config", "absent.toml"]].concat())).await),
        ("a wrong name", refused_with(&home, "[server]\nlistn = \"127.0.0.1:4000\"\n").await),
        ("a wrong unit", refused_with(&home, "[server]\nmax_body = \"64MB\"\n").await),
        ("no TOML", refused_with(&home, "[server\n").await),
        ("a plain secret", refused_with(&home, &account("\"sk-plain\"")).await),
        ("a variable", refused_with(&home, &account("{ env = \"NOT_SET\" }")).await),
        ("a secret's file", refused_with(&home, &account("{ file = \"absent.key\" }")).await),
        ("an upstream", refused_with(&home, "[upstream]\nbase_url = \"api.siliconflow.cn\"\n").await),
        ("an unknown team", refused_with(&home, &format!("{key}team = \"ml\"\n")).await),
        ("a file as state", refused_with(&home, "[state]\ndir = \"a-file\"\n").await),
        ("half of TLS", refused_with(&home, "[server.tls]\ncert_file = \"no.pem\"\n").await),
        ("TLS", refused_with(&home, "[server.tls]\ncert_file = \"no.pem\"\nkey_file = \"no.pem\"\n").await),
        ("no certificate", refused_with(&home, "[server.tls]\ncert_file = \"a.pem\"\nkey_file = \"a.pem\"\n").await),
    ]
}

#[tokio::test]
async fn starts_that_fail() {
    let (home, emulator) = (Home::new(), emulator().await);
    let running = Gateway::before(&home, &emulator, "").await;
    let mut said = files().await;
    said.push(("a second one", refused(serve(&home, &["--listen", "127.0.0.1:0"])).await));
    running.stop().await;
    hold("When it does not start", &said);
}

/// What a command that fails says.
async fn fails(home: &Home, arguments: &[&str]) -> String {
    let end = run(home, arguments).await;
    assert_eq!(end.code, Some(1), "{arguments:?}: {end:?}");
    end.text()
}

async fn done(home: &Home, arguments: &[&str]) {
    let end = run(home, arguments).await;
    assert_eq!(end.code, Some(0), "{arguments:?}: {end:?}");
}

#[tokio::test]
async fn keys_and_teams() {
    let home = Home::new();
    home.write("flowgate.toml", KEY);
    home.write("ann.key", "sk-ann\n");
    for name in ["bob", "eve"] {
        done(&home, &["keys", "create", name]).await;
    }
    done(&home, &["keys", "revoke", "eve"]).await;
    done(&home, &["teams", "set", "ml"]).await;
    done(&home, &["keys", "edit", "bob", "--team", "ml"]).await;
    let said = vec![
        ("a name that is taken", fails(&home, &["keys", "create", "bob"]).await),
        ("a name that is none", fails(&home, &["keys", "create", "two words"]).await),
        ("nobody", fails(&home, &["keys", "revoke", "nobody"]).await),
        ("a key of the file", fails(&home, &["keys", "edit", "ann", "--rpm", "3", "--config", "flowgate.toml"]).await),
        ("a key that is gone", fails(&home, &["keys", "rotate", "eve"]).await),
        ("a day that is none", fails(&home, &["keys", "edit", "bob", "--expires", "tomorrow"]).await),
        ("a team with keys", fails(&home, &["teams", "remove", "ml"]).await),
    ];
    hold("Keys and teams", &[said, tokens(&home).await].concat());
}

/// What the admin plane says without a token of its own, without the caller's, with a wrong one, and with many of them.
async fn tokens(home: &Home) -> Said {
    let emulator = emulator().await;
    home.write("admin.token", "operator-0123456789abcdef\n");
    let shut = Gateway::before(home, &emulator, KEY).await;
    let mut said = vec![("no token in the file", shut.admin_with("/api/keys", "wrong").await.text().await.unwrap())];
    shut.stop().await;
    let gateway =
        Gateway::before(home, &emulator, &format!("{KEY}[admin]\ntoken = {{ file = \"admin.token\" }}\n")).await;
    let ask = async || gateway.admin_with("/api/keys", "wrong").await.text().await.unwrap();
    said.push(("no token", gateway.admin("/api/keys").await.text().await.unwrap()));
    said.push(("a wrong token", ask().await));
    for _ in 0..10 {
        ask().await;
    }
    said.push(("many wrong tokens", ask().await));
    gateway.stop().await;
    // The texts stand in JSON there.
    said.into_iter().map(|(occasion, page)| (occasion, page.replace("\\\"", "\""))).collect()
}

#[tokio::test]
async fn ledger_and_state() {
    if !has("cc", "ledger_and_state") {
        return;
    }
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
    home.write("ann.key", "sk-ann\n");
    let mut said = vec![("no ledger", fails(&home, &["usage"]).await)];
    let gateway = Gateway::before(&home, &emulator, KEY).await;
    said.push(("a lock", locked(&home, &gateway).await));
    let _stream = gateway.stream(1000, "sk-ann").await;
    // What is lost is the end of this one.
    assert_eq!(gateway.status_for("sk-ann").await, 200);
    drop(gateway);
    tear(&home);
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    said.push(("a torn journal", gateway.program.complains("was not whole").await));
    said.push(("after a kill", gateway.program.complains("were under way").await));
    drop(gateway);
    break_database(&home);
    said.push(("no database", refused(serve(&home, &["--listen", "127.0.0.1:0"])).await));
    said.extend(full().await);
    hold("The ledger and the state folder", &said);
}

/// What `/readyz` says while another program has the database.
async fn locked(home: &Home, gateway: &Gateway) -> String {
    let lock = rusqlite::Connection::open(store_faults::state(home).join(flowgate::store::FILE)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(gateway.status_for("sk-ann").await, 200);
    until("the lock is told", async || {
        let page = gateway.admin("/readyz").await.text().await.unwrap();
        page.contains("locked").then_some(page)
    })
    .await
}

/// The end of the journal is lost, as when the power fails.
fn tear(home: &Home) {
    let files = std::fs::read_dir(store_faults::state(home)).unwrap().map(|entry| entry.unwrap().path());
    let journal = files.max_by_key(|path| path.extension().map_or(0, |ending| u64::from(ending == "journal"))).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(journal).unwrap();
    file.set_len(file.metadata().unwrap().len() - 3).unwrap();
}

/// In the place of the database stands something else. Its log goes too: it would bring the pages back.
fn break_database(home: &Home) {
    let database = store_faults::state(home).join(flowgate::store::FILE);
    let log = store_faults::state(home).join(format!("{}-wal", flowgate::store::FILE));
    std::fs::write(&database, "no database, but as long as the head of a page".repeat(9)).unwrap();
    if log.exists() {
        std::fs::remove_file(log).unwrap();
    }
}

/// What callers and monitors read while the disk is full.
async fn full() -> Said {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = store_faults::gateway(&home, &emulator, "").await;
    home.write("broken", "28");
    let answer = gateway.chat(PLAIN, "Hello").bearer_auth("sk-ann").send().await.unwrap();
    let status = answer.status().as_u16();
    let error: Value = answer.json().await.unwrap();
    let (code, message) = (error["error"]["code"].as_str().unwrap(), error["error"]["message"].as_str().unwrap());
    let page = gateway.admin("/readyz").await.text().await.unwrap();
    vec![("a caller", format!("{status} {code}: {message}")), ("a monitor", page)]
}

#[tokio::test]
async fn health() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(200)).await);
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap().to_string();
    let mut said =
        vec![("no answer", fails(&home, &["healthcheck", "--admin-listen", &address, "--timeout", "100ms"]).await)];
    drop(mute);
    said.push(("nobody", fails(&home, &["healthcheck", "--admin-listen", &address]).await));
    home.write("flowgate.toml", &config(&home, &emulator, ""));
    let doctor = ["doctor", "--config", "flowgate.toml", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    for (fault, occasion) in [("key-401", "a wrong key"), ("balance-403", "no balance"), ("identity-403", "no name")] {
        let injection = Injection { fault: fault.to_owned(), model: Some(PLAIN.to_owned()), ..Injection::default() };
        emulator.control().inject(injection).unwrap();
        said.push((occasion, fails(&home, &doctor).await));
        emulator.control().reset();
    }
    let gateway = Gateway::before(&home, &emulator, "").await;
    let _stream = gateway.stream(1000, "any").await;
    gateway.program.signal("TERM");
    let admin = gateway.admin.trim_start_matches("http://").to_owned();
    let drains = async || {
        let end = run(&home, &["healthcheck", "--admin-listen", &admin]).await;
        (end.code == Some(1)).then(|| end.text())
    };
    said.push(("the end", until("it drains", drains).await));
    hold("Health checks and doctor", &said);
}

#[tokio::test]
async fn agents() {
    let home = Home::new();
    let connect = async |file: &str, text: &str, arguments: &[&str]| {
        if !file.is_empty() {
            home.write(file, text);
        }
        fails(&home, &[&["connect"], arguments].concat()).await
    };
    let said = vec![
        ("a file that is broken", connect(".codex/config.toml", "model = \"o3", &["codex", "--write", "--yes"]).await),
        ("a file that is there", connect(".aider.conf.yml", "model: x\n", &["aider", "--write", "--yes"]).await),
        ("nothing to undo", connect("", "", &["opencode", "--undo", "--yes"]).await),
        ("nobody to ask", connect("", "", &["claude-code", "--write"]).await),
        ("no chat model", connect("", "", &["codex", "--model", "Qwen/Qwen3-Embedding-8B"]).await),
        ("no model", connect("", "", &["codex", "--model", "Some/Model"]).await),
        ("no file of its own", connect("", "", &["cline", "--write"]).await),
    ];
    hold("Agents and `flowgate connect`", &said);
}
