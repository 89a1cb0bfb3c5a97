//! kill -9 at any time: what was counted still counts.

use serde_json::{Value, json};

use super::gateway::{Gateway, PLAIN, emulator};
use super::program::Home;

/// Posts `count` requests, ten at a time, none of which may wait; their statuses.
async fn statuses(gateway: &Gateway, path: &str, body: &Value, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    while statuses.len() < count {
        let asked = (0..10.min(count - statuses.len())).map(|_| async {
            let request = gateway.post(path, body).header("x-flowgate-max-wait", "0");
            request.send().await.unwrap().status().as_u16()
        });
        statuses.extend(futures_util::future::join_all(asked).await);
    }
    statuses
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|other| **other == status).count()
}

/// Uses `before` of a limit, is killed, and lets exactly `after` more pass.
async fn check(limits: &str, path: &str, body: Value, before: usize, after: usize) {
    let (home, emulator) = (Home::new(), emulator().await);
    let mut gateway = Gateway::before(&home, &emulator, limits).await;
    assert_eq!(count(&statuses(&gateway, path, &body, before).await, 200), before);
    gateway.program.signal("KILL");
    gateway.program.end().await;
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    let statuses = statuses(&gateway, path, &body, after + 10).await;
    assert_eq!((count(&statuses, 200), count(&statuses, 429)), (after, 10), "{statuses:?}");
}

#[tokio::test]
async fn a_day_goes_on_where_it_was() {
    let limits = "[account.limits.\"Kwai-Kolors/Kolors\"]\nipm = 100000\nipd = 400\n";
    let body = json!({"model": "Kwai-Kolors/Kolors", "prompt": "a cat", "image_size": "1024x1024"});
    check(limits, "/images/generations", body, 390, 10).await;
}

#[tokio::test]
async fn a_minute_goes_on_where_it_was() {
    let limits = format!("[account.limits.\"{PLAIN}\"]\nrpm = 20\n");
    let body = json!({"model": PLAIN, "messages": [{"role": "user", "content": "Hello"}]});
    check(&limits, "/chat/completions", body, 15, 5).await;
}

#[tokio::test]
async fn a_key_goes_on_where_it_was() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann\n");
    let limits = "[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\nrpd = 7\n";
    let mut gateway = Gateway::before(&home, &emulator, limits).await;
    let ask = async |gateway: &Gateway| {
        let request = gateway.chat(PLAIN, "Hello").bearer_auth("sk-ann").header("x-flowgate-max-wait", "0");
        request.send().await.unwrap().status().as_u16()
    };
    for _ in 0..4 {
        assert_eq!(ask(&gateway).await, 200);
    }
    gateway.program.signal("KILL");
    gateway.program.end().await;
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(ask(&gateway).await);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
}

#[tokio::test]
async fn two_gateways_do_not_share_a_folder() {
    let (home, emulator) = (Home::new(), emulator().await);
    let _first = Gateway::before(&home, &emulator, "").await;
    let second = super::program::flowgate(
        &home,
        &["serve", "--config", "flowgate.toml", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
    );
    let end = super::program::finished(second).await;
    assert_eq!(end.code, Some(1));
    assert!(end.stderr.contains("another flowgate") && end.stderr.contains("state.dir"), "{}", end.stderr);
}
