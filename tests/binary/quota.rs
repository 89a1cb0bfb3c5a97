//! Those who wait for their turn: a reload that raises their limit lets them go, and a drain serves them.

use std::time::Duration;

use flowgate::mock::MockServer;
use reqwest::Response;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::gateway::{Gateway, PLAIN, config, emulator, slow_emulator, tokens_of};
use super::program::{Home, until};

/// Limits of the account `main`, to stand right behind its key.
fn limits(limits: &str) -> String {
    format!("rule = \"bucket\"\n[account.limits.\"{PLAIN}\"]\n{limits}\n[queue]\nmax_wait = \"10m\"\n")
}

/// Chats on their way: their statuses.
fn asking(gateway: &Gateway, count: usize) -> JoinSet<u16> {
    let mut asking = JoinSet::new();
    for _ in 0..count {
        let request = gateway.chat(PLAIN, "Hello");
        asking.spawn(async move { request.send().await.map_or(0, |answer: Response| answer.status().as_u16()) });
    }
    asking
}

/// Waits until so many requests are under way, and so many were answered upstream.
async fn are_in_line(gateway: &Gateway, emulator: &MockServer, waiting: usize, served: u64) {
    let line = format!("flowgate_requests_in_flight{{route=\"/chat/completions\"}} {waiting}\n");
    until("they wait", async || {
        let is_open = gateway.metrics().await.contains(&line);
        (is_open && emulator.control().billed().total.requests == served).then_some(())
    })
    .await;
}

/// At two a minute the last of them would wait for many minutes.
#[tokio::test]
async fn a_reload_that_raises_a_limit_lets_them_go() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, &limits("rpm = 2")).await;
    let asked = asking(&gateway, 12);
    are_in_line(&gateway, &emulator, 10, 2).await;
    let began = Instant::now();
    home.write("flowgate.toml", &config(&home, &emulator, &limits("rpm = 1000")));
    assert_eq!(asked.join_all().await, [200; 12]);
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    gateway.stop().await;
}

/// A key's limit as well.
#[tokio::test]
async fn a_reload_that_raises_a_keys_limit_lets_them_go() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(20)).await);
    home.write("ann.key", "sk-ann\n");
    let key =
        |limit: &str| format!("rule = \"off\"\n[[key]]\nname = \"ann\"\nsecret = {{ file = \"ann.key\" }}\n{limit}");
    let gateway = Gateway::before(&home, &emulator, &key("concurrency = 1")).await;
    let first = gateway.stream(100_000, "sk-ann").await;
    let waiting = gateway.chat(PLAIN, "Hello").bearer_auth("sk-ann");
    let mut waiting = JoinSet::from_iter([async move { waiting.send().await.unwrap().status().as_u16() }]);
    are_in_line(&gateway, &emulator, 2, 0).await;
    assert!(waiting.try_join_next().is_none(), "it did not wait");
    home.write("flowgate.toml", &config(&home, &emulator, &key("concurrency = 2")));
    assert_eq!(waiting.join_all().await, [200]);
    drop(first);
    gateway.stop().await;
}

/// Two more than fit, at one every two seconds.
#[tokio::test]
async fn a_drain_serves_those_who_wait() {
    let (home, emulator) = (Home::new(), emulator().await);
    let mut gateway = Gateway::before(&home, &emulator, &limits("rpm = 30")).await;
    let asked = asking(&gateway, 32);
    are_in_line(&gateway, &emulator, 2, 30).await;
    gateway.program.signal("TERM");
    assert_eq!(asked.join_all().await, [200; 32]);
    assert_eq!(gateway.program.end().await.0, Some(0));
    assert_eq!(emulator.control().billed().total.requests, 32);
}

#[tokio::test]
async fn a_drain_serves_a_stream_with_signs_of_life() {
    let (home, emulator) = (Home::new(), emulator().await);
    let mut gateway = Gateway::before(&home, &emulator, &limits("rpm = 15")).await;
    assert_eq!(asking(&gateway, 15).join_all().await, [200; 15]);
    let body =
        serde_json::json!({"model": PLAIN, "stream": true, "messages": [{"role": "user", "content": "[[tokens=7]]"}]});
    let mut stream =
        gateway.post("/chat/completions", &body).header("x-flowgate-keep-alive", "1s").send().await.unwrap();
    let comment = stream.chunk().await.unwrap().unwrap();
    gateway.program.signal("TERM");
    let text = String::from_utf8([&comment[..], &stream.bytes().await.unwrap()].concat()).unwrap();
    assert!(text.starts_with(": waiting\n\n"), "{text}");
    assert_eq!(tokens_of(&text), Some(7));
    assert_eq!(gateway.program.end().await.0, Some(0));
}

/// The time to finish is over before their turn has come.
#[tokio::test]
async fn the_deadline_of_a_drain_cuts_those_who_wait() {
    let (home, emulator) = (Home::new(), emulator().await);
    let more = format!("{}[server]\ndrain_timeout = \"500ms\"\n", limits("rpm = 2"));
    let mut gateway = Gateway::before(&home, &emulator, &more).await;
    let asked = asking(&gateway, 5);
    are_in_line(&gateway, &emulator, 3, 2).await;
    gateway.program.signal("TERM");
    let mut statuses = asked.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [0, 0, 0, 200, 200]);
    let (code, took) = gateway.program.end().await;
    assert!(code == Some(0) && took < Duration::from_secs(10), "{code:?} {took:?}");
    assert_eq!(emulator.control().billed().total.requests, 2);
}
