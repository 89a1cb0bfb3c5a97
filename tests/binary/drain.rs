//! The end of a gateway: open streams finish, nothing new begins, and the exit code is 0.

use std::io::ErrorKind;
use std::time::Duration;

use flowgate::mock::MockServer;
use reqwest::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::gateway::{Gateway, slow_emulator, tokens_of};
use super::program::{Home, until};

/// Longer than any test waits for an answer.
const ENDLESS: usize = 100_000;

/// A stream, read to its end.
fn read(streams: &mut JoinSet<Option<usize>>, stream: Response) {
    streams.spawn(async move { stream.text().await.ok().as_deref().and_then(tokens_of) });
}

async fn opened(gateway: &Gateway, emulator: &MockServer, count: usize, tokens: usize) -> JoinSet<Option<usize>> {
    let mut streams = JoinSet::new();
    let opening = (0..count).map(|_| gateway.stream(tokens, "anything"));
    for stream in futures_util::future::join_all(opening).await {
        read(&mut streams, stream);
    }
    until("all streams open", async || (emulator.control().live() == count).then_some(())).await;
    streams
}

async fn is_not_ready(gateway: &Gateway) {
    until("/readyz says 503", async || (gateway.admin("/readyz").await.status() == 503).then_some(())).await;
}

/// Whether somebody listens there: a connection that is taken and never served counts as listening.
async fn listens(gateway: &Gateway) -> bool {
    match TcpStream::connect(gateway.address()).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            false
        }
    }
}

#[tokio::test]
async fn fifty_streams_finish() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(100)).await);
    let mut gateway = Gateway::before(&home, &emulator, "").await;
    let streams = opened(&gateway, &emulator, 50, 40).await;
    gateway.program.signal("TERM");
    is_not_ready(&gateway).await;
    assert_eq!(gateway.admin("/healthz").await.status(), 200);
    assert_eq!(streams.join_all().await, vec![Some(40); 50]);
    assert_eq!(gateway.program.end().await.0, Some(0));
    assert_eq!(emulator.control().billed().total.completion_tokens, 50 * 40);
}

/// Whoever connects now must learn at once to go elsewhere, and not wait for an answer that never comes.
#[tokio::test]
async fn new_connections_are_refused_at_once() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(100)).await);
    let mut gateway = Gateway::before(&home, &emulator, "").await;
    let streams = opened(&gateway, &emulator, 2, 30).await;
    gateway.program.signal("TERM");
    is_not_ready(&gateway).await;
    let begun = Instant::now();
    while listens(&gateway).await {
        assert!(begun.elapsed() < Duration::from_secs(1), "still listens while the streams finish");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(emulator.control().live(), 2, "the streams were over too soon for this test");
    assert_eq!(streams.join_all().await, vec![Some(30); 2]);
    assert_eq!(gateway.program.end().await.0, Some(0));
}

/// Connections without a request do not hold it up: `sent` is all that came on this one.
async fn is_closed_at_once(sent: &[u8], has_answer: bool) {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::ZERO).await);
    let mut gateway = Gateway::before(&home, &emulator, "").await;
    let mut connection = TcpStream::connect(gateway.address()).await.unwrap();
    connection.write_all(sent).await.unwrap();
    if has_answer {
        connection.read_exact(&mut [0; 12]).await.unwrap();
    }
    until("connected", async || (gateway.metric("flowgate_connections").await == 1.0).then_some(())).await;
    gateway.program.signal("TERM");
    let (code, took) = gateway.program.end().await;
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_connection_after_its_request_is_closed() {
    is_closed_at_once(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n", true).await;
}

#[tokio::test]
async fn a_connection_before_its_first_byte_is_closed() {
    is_closed_at_once(b"", false).await;
}

#[tokio::test]
async fn a_connection_with_half_a_head_is_closed() {
    is_closed_at_once(b"GET /v1/mod", false).await;
}

/// A request on a connection that was open before is the last one there.
#[tokio::test]
async fn a_kept_connection_is_closed_after_its_answer() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
    let mut gateway = Gateway::before(&home, &emulator, "").await;
    let mut kept = TcpStream::connect(gateway.address()).await.unwrap();
    let body = r#"{"model":"Qwen/Qwen3-8B","messages":[{"role":"user","content":"[[tokens=20]]"}]}"#;
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    kept.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    until("the call is on its way", async || (!emulator.control().requests().is_empty()).then_some(())).await;
    gateway.program.signal("TERM");
    let mut answer = String::new();
    timeout(Duration::from_secs(20), kept.read_to_string(&mut answer)).await.expect("closed after the answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.to_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(gateway.program.end().await.0, Some(0));
}

/// The log has one line for each request, those that ended during the drain too.
#[tokio::test]
async fn nothing_is_missing_from_the_log() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
    let mut gateway = Gateway::before(&home, &emulator, "").await;
    let streams = opened(&gateway, &emulator, 5, 10).await;
    gateway.program.signal("TERM");
    streams.join_all().await;
    gateway.program.end().await;
    until("five lines", async || (gateway.program.stderr().matches("output_tokens=10").count() == 5).then_some(()))
        .await;
}

#[tokio::test]
async fn the_deadline_cuts() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
    let mut gateway = Gateway::before(&home, &emulator, "[server]\ndrain_timeout = \"500ms\"").await;
    let streams = opened(&gateway, &emulator, 3, ENDLESS).await;
    gateway.program.signal("TERM");
    let (code, took) = gateway.program.end().await;
    assert_eq!(code, Some(0));
    assert!(took > Duration::from_millis(400) && took < Duration::from_secs(5), "{took:?}");
    assert_eq!(streams.join_all().await, [None; 3], "a stream that was cut looks whole");
    gateway.program.complains("closing what is still open").await;
    until("the calls are closed too", async || (emulator.control().live() == 0).then_some(())).await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
        let mut gateway = Gateway::before(&home, &emulator, "").await;
        let streams = opened(&gateway, &emulator, 1, ENDLESS).await;
        gateway.program.signal(first);
        is_not_ready(&gateway).await;
        assert!(gateway.program.is_running());
        gateway.program.signal(second);
        let (code, took) = gateway.program.end().await;
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert_eq!(streams.join_all().await, [None]);
    }
}

/// A signal for a reload is no reason to leave.
#[tokio::test]
async fn a_hangup_during_the_drain_does_no_harm() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
    let mut gateway = Gateway::before(&home, &emulator, "").await;
    let streams = opened(&gateway, &emulator, 1, 30).await;
    gateway.program.signal("TERM");
    is_not_ready(&gateway).await;
    gateway.program.signal("HUP");
    assert_eq!(streams.join_all().await, [Some(30)]);
    assert_eq!(gateway.program.end().await.0, Some(0));
}
