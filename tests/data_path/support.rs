//! What the tests of the data path share: a gateway in this process, a scripted upstream, a raw client.

pub(super) mod calls;
mod connection;
pub(super) mod raw;
pub(super) mod rig;
pub(super) mod script;

use std::time::Duration;

use tokio::time::Instant;

pub(super) use calls::{Got, Streamed, chat, chunk, events, stream};
pub(super) use raw::Raw;
pub(super) use rig::{Rig, UPSTREAM_KEY};
pub(super) use script::{Act, Script, json_answer, ok_chat, sse};

/// The model most requests ask for.
pub(super) const MODEL: &str = "Qwen/Qwen3-8B";

/// Polls until it is true; fails after half a minute with `what`.
pub(super) async fn soon(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_true().await {
        assert!(started.elapsed() < Duration::from_secs(30), "it never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Fails when `future` takes longer than `seconds`: no test may hang.
pub(super) async fn within<T>(seconds: u64, what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_secs(seconds), future).await;
    done.unwrap_or_else(|_| panic!("{what} took more than {seconds} s"))
}

/// Resident memory of this process (KiB).
pub(super) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Whether this process runs the test `name` and nothing else. If not, such a process is started, and must succeed:
/// what the tests beside it need would be measured too.
pub(super) async fn is_alone(name: &str) -> bool {
    const ALONE: &str = "FLOWGATE_TEST_ALONE";
    #[expect(clippy::disallowed_methods, reason = "a test's word to its own child process")]
    let is_child = std::env::var_os(ALONE).is_some();
    if is_child {
        return true;
    }
    let arguments = [&format!("data_path::{name}"), "--exact", "--nocapture", "--test-threads=1"].map(str::to_owned);
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(arguments).env(ALONE, "1");
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complaint}");
    false
}
