//! What the READMEs tell people to type, typed.

use std::fs::read_to_string;
use std::process::Command;

use super::gateway::Gateway;
use super::program::{Home, finished, has, in_home, repository};

/// The fenced blocks of language `sh` behind the marker.
fn blocks(readme: &str) -> Vec<String> {
    let (_, demo) = readme.split_once("<!-- demo -->").expect("a block behind <!-- demo -->");
    let mut blocks = Vec::new();
    let mut lines = demo.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if language == "sh" {
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

#[tokio::test]
async fn every_command_works_against_the_demo() {
    let test = "every_command_works_against_the_demo";
    if !["bash", "curl", "sha256sum"].into_iter().all(|program| has(program, test)) {
        return;
    }
    let home = Home::new();
    let gateway = Gateway::start(&home, &["--demo"]).await;
    let root = gateway.base.trim_end_matches("/v1");
    for readme in ["README.md", "README.zh-CN.md"] {
        let blocks = blocks(&read_to_string(repository(readme)).unwrap());
        assert!(blocks.len() >= 5, "{readme}: {blocks:?}");
        for block in blocks {
            let script = block.replace("http://127.0.0.1:4000", root).replace("http://127.0.0.1:4001", &gateway.admin);
            assert!(!script.contains(":400"), "an address that was not replaced: {script}");
            let mut shell = in_home(Command::new("bash"), &home);
            shell.args(["-euo", "pipefail", "-c", &script]);
            let end = finished(shell).await;
            assert_eq!(end.code, Some(0), "{readme}: {block}\n{end:?}");
            assert!(!end.stdout.trim().is_empty(), "{readme}: {block}\n{end:?}");
            let is_error = end.stdout.contains("\"error\"");
            assert_eq!(
                is_error,
                block.contains("no-such-model") || block.contains("fault/"),
                "{readme}: {block}\n{end:?}"
            );
        }
    }
}

/// The hash of the example key stands in the example of the file.
#[tokio::test]
async fn the_hash_it_shows_is_that_of_the_key_it_shows() {
    if !has("sha256sum", "the_hash_it_shows_is_that_of_the_key_it_shows") {
        return;
    }
    let home = Home::new();
    for readme in ["README.md", "README.zh-CN.md"] {
        let text = read_to_string(repository(readme)).unwrap();
        let command = text.lines().find(|line| line.contains("| sha256sum")).unwrap();
        let mut shell = in_home(Command::new("sh"), &home);
        shell.args(["-c", command]);
        let hash = finished(shell).await.stdout;
        let hash = hash.split_whitespace().next().unwrap();
        assert!(text.contains(&format!("\"sha256:{hash}\"")), "{readme} shows another hash than {hash}");
    }
}

/// The faults that it shows are those that `check` finds, word for word.
#[tokio::test]
async fn the_faults_it_shows_are_true() {
    let text = read_to_string(repository("README.md")).unwrap();
    let shown: Vec<&str> = text.lines().filter(|line| line.starts_with("FAIL team.toml:")).collect();
    assert!(!shown.is_empty());
    let home = Home::new();
    let file = "[server]\nlistn = \"127.0.0.1:4000\"\n\nmax_body = \"64MB\"\n\n\n[[account]]\nname = \"main\"\napi_key = \"sk-plain\"\n";
    home.write("team.toml", file);
    let end = super::program::run(&home, &["check", "--config", "team.toml"]).await;
    assert_eq!(end.stdout.lines().collect::<Vec<_>>(), shown);
}
