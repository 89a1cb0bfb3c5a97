//! A disk that is full or broken, and heals: no request is sent that cannot be written down unless the operator said so,
//! nothing that was served is missing afterwards, nothing is there twice, and no restart is needed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flowgate::mock::MockServer;
use serde_json::Value;

use super::gateway::{ANYWHERE, Gateway, PLAIN, config, emulator, slow_emulator, tokens_of};
use super::program::{Home, finished, flowgate, repository, run, until};

/// EIO and ENOSPC, as Linux numbers them.
const FAULTS: [&str; 2] = ["5", "28"];

const KEY: &str = "[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\n";

/// The library that breaks the disk, made anew.
async fn breaker(home: &Home) -> PathBuf {
    let library = home.path("faulty_disk.so");
    let mut compile = Command::new("cc");
    compile
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(repository("tests/binary/faulty_disk.c"))
        .arg("-ldl");
    let end = finished(super::program::in_home(compile, home)).await;
    assert_eq!(end.code, Some(0), "{end:?}");
    library
}

/// A gateway whose disk breaks while the file `broken` is there.
pub(super) async fn gateway(home: &Home, emulator: &MockServer, more: &str) -> Gateway {
    home.write("ann.key", "sk-ann\n");
    home.write("flowgate.toml", &config(home, emulator, &format!("{more}\n{KEY}")));
    let library = breaker(home).await;
    let mut command = flowgate(home, &[&["serve"], &ANYWHERE[..], &["--config", "flowgate.toml"]].concat());
    command.env("LD_PRELOAD", library).env("FAULT_FLAG", home.path("broken")).env("FAULT_FOLDER", state(home));
    Gateway::from(command).await
}

/// Where state is kept.
pub(super) fn state(home: &Home) -> PathBuf {
    home.path(".local/share/flowgate")
}

pub(super) async fn rows(home: &Home) -> Vec<Value> {
    let export = run(home, &["usage", "export", "--config", "flowgate.toml", "--format", "jsonl"]).await;
    assert_eq!(export.code, Some(0), "{export:?}");
    export.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The same after a start, which files what a killed process has left.
pub(super) async fn rows_after_a_start(home: &Home) -> Vec<Value> {
    Gateway::start(home, &["--config", "flowgate.toml"]).await.stop().await;
    rows(home).await
}

/// Waits until `/readyz` answers so; its text.
async fn ready(gateway: &Gateway, status: u16) -> String {
    let what = format!("/readyz says {status}");
    until(&what, async || {
        let answer = gateway.admin("/readyz").await;
        if answer.status().as_u16() == status { Some(answer.text().await.unwrap()) } else { None }
    })
    .await
}

/// Without a word from the operator, requests with keys are refused while the disk is broken.
async fn check_refusal(
    break_disk: impl Fn(&Home),
    mend_disk: impl Fn(&Home),
    home: Home,
    emulator: MockServer,
    gateway: Gateway,
) {
    let ask = async || gateway.chat(PLAIN, "Hello").bearer_auth("sk-ann").send().await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask().await.status(), 200);
    }
    let stream = gateway.stream(30, "sk-ann").await;
    break_disk(&home);
    // The last page of a file on a full disk may have room for a few more.
    let (mut served, mut answer) = (3, ask().await);
    while answer.status() == 200 && served < 50 {
        (served, answer) = (served + 1, ask().await);
    }
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "5"));
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["code"], "ledger_unavailable", "{error}");
    assert_eq!(emulator.control().requests().len(), served + 1, "what cannot be written down was sent");
    assert!(ready(&gateway, 503).await.contains("requests are refused"));
    assert_eq!(gateway.metric("flowgate_ledger_refusing").await, 1.0);
    // What was under way is served to its end.
    assert_eq!(tokens_of(&stream.text().await.unwrap()), Some(30));
    mend_disk(&home);
    ready(&gateway, 200).await;
    gateway.answers("sk-ann", 200).await;
    gateway.stop().await;
    let rows = rows(&home).await;
    let kept: Vec<&Value> = rows.iter().filter(|row| row["status"] == 200).collect();
    assert!(kept.len() == served + 2 && kept.iter().all(|row| row["usage"] == "exact"), "{rows:#?}");
    let refused = rows.iter().filter(|row| row["status"] == 503).count();
    assert!(refused >= 1 && rows.iter().all(|row| row["outcome"] != "unknown"), "{rows:#?}");
}

#[tokio::test]
async fn a_broken_disk_refuses_requests_and_heals() {
    for fault in FAULTS {
        let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(20)).await);
        let gateway = gateway(&home, &emulator, "").await;
        let break_disk = |home: &Home| drop(home.write("broken", fault));
        check_refusal(break_disk, |home| home.remove("broken"), home, emulator, gateway).await;
    }
}

/// On a small disk of memory; where none can be mounted, on one that says that it is full.
#[tokio::test]
async fn a_full_disk_refuses_requests_and_heals() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(20)).await);
    let Some(disk) = Disk::mount(&home) else {
        let gateway = gateway(&home, &emulator, "").await;
        let break_disk = |home: &Home| drop(home.write("broken", FAULTS[1]));
        return check_refusal(break_disk, |home| home.remove("broken"), home, emulator, gateway).await;
    };
    let gateway = gateway(&home, &emulator, &format!("[state]\ndir = \"{}\"", disk.0.join("state").display())).await;
    let (full, emptied) = (disk.0.clone(), disk.0.clone());
    let mend_disk = move |_: &Home| std::fs::remove_file(emptied.join("filler")).unwrap();
    check_refusal(move |_| fill(&full), mend_disk, home, emulator, gateway).await;
}

#[tokio::test]
async fn who_says_so_goes_on_and_nothing_is_missing_afterwards() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = gateway(&home, &emulator, "[ledger]\non_fault = \"go-on\"").await;
    for number in 0..20 {
        match number {
            5 => drop(home.write("broken", FAULTS[0])),
            15 => home.remove("broken"),
            _ => {}
        }
        assert_eq!(gateway.status_for("sk-ann").await, 200);
    }
    assert!(ready(&gateway, 200).await.starts_with("ready"));
    gateway.stop().await;
    let rows = rows(&home).await;
    let billed = emulator.control().billed().total;
    let sum = |name: &str| rows.iter().map(|row| row[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(
        (rows.len(), sum("input_tokens"), sum("output_tokens")),
        (20, billed.prompt_tokens, billed.completion_tokens)
    );
}

/// A small disk of memory, unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` where that may not be done.
    fn mount(home: &Home) -> Option<Self> {
        let place = home.path("disk");
        std::fs::create_dir_all(&place).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&place).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(place))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _best_effort = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Leaves no room on the disk.
fn fill(disk: &Path) {
    use std::io::Write;
    let mut filler = std::fs::File::create(disk.join("filler")).unwrap();
    for size in [4096, 1] {
        while filler.write_all(&vec![0; size]).is_ok() {}
    }
}

/// Another process has the database for longer than is waited for it: requests go on, their rows wait, and nothing is lost.
#[tokio::test]
async fn a_locked_database_is_waited_for() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann\n");
    let gateway = Gateway::before(&home, &emulator, KEY).await;
    let lock = rusqlite::Connection::open(state(&home).join(flowgate::store::FILE)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..3 {
        assert_eq!(gateway.status_for("sk-ann").await, 200);
    }
    until("the database's fault is told", async || {
        let page = gateway.admin("/readyz").await.text().await.unwrap();
        (page.starts_with("ready") && page.contains("the ledger's database") && page.contains("locked")).then_some(())
    })
    .await;
    assert_eq!(gateway.metric("flowgate_ledger_pending_rows").await, 3.0);
    lock.execute_batch("ROLLBACK").unwrap();
    until("all rows are filed", async || (gateway.metric("flowgate_ledger_pending_rows").await == 0.0).then_some(()))
        .await;
    gateway.stop().await;
    assert_eq!(rows(&home).await.len(), 3);
}

/// Rows that are older than `ledger.keep` go; what was spent stays known.
#[tokio::test]
async fn old_rows_are_forgotten_and_their_sums_stay() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann\n");
    let gateway = Gateway::before(&home, &emulator, &format!("[ledger]\nkeep = \"1s\"\n{KEY}")).await;
    assert_eq!(gateway.status_for("sk-ann").await, 200);
    gateway.stop().await;
    assert_eq!(rows(&home).await.len(), 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    until("the row is forgotten", async || rows(&home).await.is_empty().then_some(())).await;
    gateway.stop().await;
    let usage = run(&home, &["usage", "--config", "flowgate.toml", "--format", "json"]).await.json();
    assert_eq!(usage["total"]["requests"], 1, "{usage}");
}
