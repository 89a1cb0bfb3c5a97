//! Faults below HTTP, seen from a bare socket; and the connection between them.

use super::{Bench, CHAT, PLAIN, ask, ask_with, soon};
use flowgate::mock::MockSettings;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn ask_raw(bench: &Bench, body: &Value) -> TcpStream {
    let mut socket = TcpStream::connect(bench.server.addr()).await.unwrap();
    write_request(&mut socket, body).await;
    socket
}

async fn write_request(socket: &mut TcpStream, body: &Value) {
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer sk-mock\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
}

/// What comes until the end, and how it ended.
async fn all(socket: &mut TcpStream) -> (String, std::io::Result<()>) {
    let mut bytes = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut bytes)).await.unwrap();
    (String::from_utf8_lossy(&bytes).into_owned(), ended.map(|_| ()))
}

async fn played(fault: &str) -> (String, std::io::Result<()>) {
    let bench = Bench::new().await;
    let body = ask_with(&format!("fault/{fault}"), "[[tokens=8]]", json!({"stream": true}));
    all(&mut ask_raw(&bench, &body).await).await
}

#[tokio::test]
async fn heads_that_go_wrong() {
    let (text, ended) = played("close-before-head").await;
    assert!(text.is_empty() && ended.is_ok());
    let (text, ended) = played("reset-before-head").await;
    assert!(text.is_empty());
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let (text, ended) = played("half-head").await;
    assert_eq!((text.as_str(), ended.is_ok()), ("HTTP/1.1 200 OK\r\ncontent-type: applica", true));
    assert!(played("garbage-head").await.0.contains("not HTTP"));
    assert!(played("big-head:100000").await.0.len() > 100_000);
    assert!(played("drip-head:1").await.0.contains("Hello."));
    let (text, _) = played("1xx-flood:50").await;
    assert_eq!(text.matches("HTTP/1.1 102").count(), 50);
    assert_eq!(text.matches("HTTP/1.1 200").count(), 1);
}

#[tokio::test]
async fn lengths_that_lie() {
    let parts = |text: &str| {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length: usize = head.rsplit_once("content-length: ").unwrap().1.parse().unwrap();
        (length, body.len())
    };
    let (claimed, sent) = parts(&played("length-short").await.0);
    assert!(claimed > sent);
    let (claimed, sent) = parts(&played("length-long").await.0);
    assert!(claimed < sent);
    let (text, ended) = played("keepalive-lie").await;
    assert!(text.contains("connection: keep-alive") && ended.is_ok());
}

#[tokio::test]
async fn streams_that_break_in_the_middle() {
    let (text, ended) = played("cut").await;
    assert!(text.matches("data:").count() == 3 && !text.ends_with("0\r\n\r\n") && ended.is_ok(), "{text}");
    let (text, ended) = played("bad-chunk").await;
    assert!(text.contains("XYZ\r\n") && ended.is_ok());
    let (text, ended) = played("reset:2").await;
    assert!(text.matches("data:").count() <= 2);
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn breaks_are_ours_and_not_the_callers() {
    let bench = Bench::new().await;
    for fault in ["cut", "reset", "close-before-head"] {
        let body = ask_with(&format!("fault/{fault}"), "hi", json!({"stream": true}));
        let _ = all(&mut ask_raw(&bench, &body).await).await;
    }
    let control = bench.server.control();
    soon(|| control.live() == 0).await;
    assert!(control.requests().iter().all(|request| !request.client_gone && request.fault.is_some()));
}

#[tokio::test]
async fn silence_lasts_until_the_caller_leaves() {
    for fault in ["no-head", "stall"] {
        let bench = Bench::new().await;
        let body = ask_with(&format!("fault/{fault}"), "[[tokens=8]]", json!({"stream": true}));
        let mut socket = ask_raw(&bench, &body).await;
        let mut bytes = [0; 65_536];
        let silent = async { while socket.read(&mut bytes).await.unwrap() > 0 {} };
        assert!(tokio::time::timeout(Duration::from_millis(200), silent).await.is_err(), "{fault}");
        assert!(!bench.server.control().requests()[0].client_gone);
        drop(socket);
        soon(|| bench.server.control().requests()[0].client_gone).await;
    }
}

#[tokio::test]
async fn a_whole_answer_can_break_in_its_middle_too() {
    let bench = Bench::new().await;
    let body = ask("fault/cut", "hi");
    let (text, _) = all(&mut ask_raw(&bench, &body).await).await;
    assert!(text.contains("200 OK") && !text.ends_with("0\r\n\r\n"));
    assert!(bench.try_post(CHAT, &ask("fault/reset", "hi")).await.unwrap().text().await.is_err());
}

#[tokio::test]
async fn a_connection_is_kept_and_a_fault_may_come_on_its_second_request() {
    let bench = Bench::new().await;
    let mut socket = ask_raw(&bench, &ask(PLAIN, "hi")).await;
    let mut bytes = [0; 65_536];
    let length = socket.read(&mut bytes).await.unwrap();
    assert!(bytes[..length].starts_with(b"HTTP/1.1 200 OK"));
    write_request(&mut socket, &ask("fault/half-head", "hi")).await;
    let (text, _) = all(&mut socket).await;
    assert!(text.ends_with("content-type: applica"));
}

#[tokio::test]
async fn each_event_is_a_chunk_of_its_own() {
    let bench = Bench::new().await;
    let body = ask_with(PLAIN, "[[tokens=4]]", json!({"stream": true}));
    let mut socket = ask_raw(&bench, &body).await;
    let mut text = String::new();
    let mut bytes = [0; 65_536];
    while !text.ends_with("0\r\n\r\n") {
        let Ok(length @ 1..) = socket.read(&mut bytes).await else {
            break;
        };
        text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
    }
    assert_eq!(text.matches("\r\ndata: ").count(), text.matches("data: ").count(), "{text}");
}

#[tokio::test]
async fn dropping_and_stopping_close_everything() {
    let settings = || MockSettings { token_interval: Duration::from_millis(50), ..MockSettings::default() };
    for stop in [true, false] {
        let bench = Bench::with(settings()).await;
        let body = ask_with(PLAIN, "[[tokens=500]]", json!({"stream": true}));
        let mut socket = ask_raw(&bench, &body).await;
        let addr = bench.server.addr();
        let Bench { server, .. } = bench;
        if stop {
            server.stop().await;
        } else {
            drop(server);
        }
        all(&mut socket).await.1.ok();
        assert!(TcpStream::connect(addr).await.is_err());
    }
}
