//! No file descriptors left: the gateway waits for some to be given back.

use std::process::Command;

use tokio::net::TcpStream;

use super::gateway::{ANYWHERE, Gateway, config, emulator};
use super::program::{Home, in_home, until};

/// Descriptors that the gateway may have, and connections at once: more than it can take.
const DESCRIPTORS: u32 = 64;
const BURST: usize = 120;

async fn starved(home: &Home) -> Gateway {
    let mut command = in_home(Command::new("sh"), home);
    let script = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_flowgate"), "serve", "--config", "flowgate.toml"]).args(ANYWHERE);
    Gateway::from(command).await
}

#[tokio::test]
async fn a_burst_of_connections_is_survived() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("flowgate.toml", &config(&home, &emulator, ""));
    let mut gateway = starved(&home).await;
    assert_eq!(gateway.status_for("anything").await, 200);

    let mut burst = Vec::new();
    for _ in 0..BURST {
        burst.push(TcpStream::connect(gateway.address()).await.unwrap());
    }
    gateway.program.complains("cannot accept a connection").await;
    assert!(gateway.program.stderr().contains("raise the limit of open files"));
    drop(burst);

    gateway.answers("anything", 200).await;
    assert_eq!(gateway.admin("/readyz").await.status(), 200);
    let none = "flowgate_connections";
    until("connections given back", async || (gateway.metric(none).await <= 2.0).then_some(())).await;
    assert!(gateway.program.is_running());
    let complaints = gateway.program.stderr().matches("cannot accept").count();
    assert!(complaints < 200, "{complaints} lines about the same thing");
    gateway.stop().await;
}

/// Requests, not only connections: what cannot be served is refused, and nothing is lost for those after.
#[tokio::test]
async fn a_burst_of_requests_is_survived() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("flowgate.toml", &config(&home, &emulator, ""));
    let gateway = std::sync::Arc::new(starved(&home).await);
    let mut burst = tokio::task::JoinSet::new();
    for _ in 0..BURST {
        let gateway = gateway.clone();
        burst.spawn(async move {
            let answer = gateway.chat(super::gateway::PLAIN, "Hello").header("connection", "close").send().await;
            answer.map_or(0, |answer| answer.status().as_u16())
        });
    }
    let statuses = burst.join_all().await;
    assert!(statuses.iter().all(|status| [200, 502, 503].contains(status)), "{statuses:?}");
    gateway.answers("anything", 200).await;
}
