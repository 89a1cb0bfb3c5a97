//! What the documents tell operators to type, typed: every block behind `<!-- walk -->`, in the order of the documents, on one
//! machine with a gateway that runs.

use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;

use super::gateway::{Gateway, config, emulator};
use super::program::{Home, finished, has, in_home, repository, search_path};

const DOCUMENTS: [&str; 4] = ["docs/deploy/README.md", "docs/keys.md", "docs/ledger.md", "docs/deploy/operating.md"];

/// The fenced blocks right behind the marker. Where lines begin with a prompt, they are typed and the others were printed.
fn blocks(document: &str) -> Vec<String> {
    let behind = document.split("<!-- walk -->\n```").skip(1);
    let block = |text: &str| {
        let (_, text) = text.split_once('\n').unwrap();
        let (block, _) = text.split_once("\n```").unwrap();
        let typed: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
        if typed.is_empty() { block.to_owned() } else { typed.join("\n") }
    };
    behind.map(block).collect()
}

#[tokio::test]
async fn every_command_works_beside_a_gateway() {
    if !["bash", "curl"].into_iter().all(|program| has(program, "every_command_works_beside_a_gateway")) {
        return;
    }
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    let [data, admin] = [&gateway.base, &gateway.admin].map(|url| super::gateway::address(url).to_string());
    // Where commands look by themselves.
    let found =
        format!("[server]\nlisten = \"{data}\"\n[admin]\nlisten = \"{admin}\"\n{}", config(&home, &emulator, ""));
    home.write(".config/flowgate/flowgate.toml", &found);
    let programs = Path::new(env!("CARGO_BIN_EXE_flowgate")).parent().unwrap().display().to_string();
    for document in DOCUMENTS {
        let blocks = blocks(&read_to_string(repository(document)).unwrap());
        assert!(!blocks.is_empty(), "{document} has no block to type");
        for block in blocks {
            let script = block.replace("127.0.0.1:4000", &data).replace("127.0.0.1:4001", &admin);
            let mut shell = in_home(Command::new("bash"), &home);
            shell.args(["-euo", "pipefail", "-c", &script]).env("PATH", format!("{programs}:{}", search_path()));
            let end = finished(shell).await;
            assert_eq!(end.code, Some(0), "{document}: {block}\n{end:?}");
        }
    }
    gateway.stop().await;
}
