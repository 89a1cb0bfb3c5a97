//! The log of a real gateway: one line a request, nothing of what callers said.

use std::process::{Child, Command, Stdio};

use reqwest::{Client, Method};

use super::support::{chat, soon};

/// A gateway with its emulator in a process of its own; its log grows in a file.
struct Process {
    child: Child,
    folder: tempfile::TempDir,
    base_url: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file =
            || Stdio::from(std::fs::File::options().create(true).append(true).open(folder.path().join("log")).unwrap());
        let arguments = ["serve", "--demo", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
        command.args(arguments).current_dir(folder.path()).env_clear().env("HOME", folder.path());
        let child = command.stdout(file()).stderr(file()).spawn();
        let mut process = Self { child: child.unwrap(), folder, base_url: String::new() };
        soon("the gateway is ready", async || process.log().contains("/v1 ")).await;
        let log = process.log();
        let end = log.find("/v1 ").unwrap() + 3;
        process.base_url = log[log[..end].rfind("http://").unwrap()..end].to_owned();
        process
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The lines of the requests to come, once `count` of them are there.
    async fn lines(&self, count: usize) -> Vec<String> {
        let lines =
            || self.log().lines().filter(|line| line.contains("request_id=")).map(str::to_owned).collect::<Vec<_>>();
        soon("the requests are logged", async || lines().len() >= count).await;
        lines()
    }

    async fn post(&self, path: &str, body: String) -> u16 {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.request(Method::POST, format!("{}{path}", self.base_url)).bearer_auth("sk-canary-key");
        let request = request.header("content-type", "application/json").header("cookie", "canary-cookie");
        request.body(body).send().await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn a_line_a_request_and_nothing_of_its_content() {
    let process = Process::start().await;
    assert_eq!(
        process.post("/chat/completions", chat("Qwen/Qwen3-8B", "canary [[say=canary]]").to_string()).await,
        200
    );
    assert_eq!(process.post("/chat/completions?q=canary", "canary".to_owned()).await, 400);
    process.post("/canary", "canary".to_owned()).await;
    let lines = process.lines(3).await;
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(!process.log().contains("canary"), "{}", process.log());
}

#[tokio::test]
async fn a_name_cannot_write_lines_of_its_own() {
    let process = Process::start().await;
    process
        .post("/chat/completions", chat("x\n2026-01-01T00:00:00Z  INFO request_id=forged \u{1b}[31m", "x").to_string())
        .await;
    process.post("/chat/completions", chat(&"long".repeat(100_000), "x").to_string()).await;
    let lines = process.lines(2).await;
    let log = process.log();
    assert!(lines.len() == 2 && !log.contains('\u{1b}'), "{} lines", lines.len());
    assert!(log.len() < 20_000, "{} bytes for two requests", log.len());
}
