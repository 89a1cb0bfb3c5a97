//! Heads of requests that no honest client sends, and pages from elsewhere.

use std::time::Duration;

use tokio::time::Instant;

use super::support::raw::RawAnswer;
use super::support::{MODEL, Raw, Rig, chat, within};

pub(super) async fn ask(rig: &Rig, head: &str) -> Option<RawAnswer> {
    Raw::saying(rig.address, head).await.answer().await
}

/// A request is refused with this status and label, closes the connection if it `closes`, and never goes upstream.
pub(super) async fn check(head: &str, status: u16, code: &str, closes: bool) {
    let rig = Rig::mocked("").await;
    let mut raw = Raw::saying(rig.address, head).await;
    let answer = raw.answer().await.unwrap_or_else(|| panic!("no answer to {head:?}"));
    assert_eq!(answer.status, status, "{head:?}: {}", answer.text());
    assert!(answer.text().contains(code), "{head:?}: {}", answer.text());
    if closes {
        within(5, "the end of the connection", raw.is_closed()).await;
    }
    assert!(rig.mock().control().requests().is_empty(), "{head:?} went upstream");
}

const LENGTHS: &str = "content-length: 3\r\ntransfer-encoding: chunked\r\n";

#[tokio::test]
async fn two_lengths_are_refused() {
    check(
        &format!("POST /v1/new HTTP/1.1\r\nhost: localhost\r\n{LENGTHS}\r\n0\r\n\r\n"),
        400,
        "invalid_request_error",
        true,
    )
    .await;
    check(
        "POST /v1/new HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        400,
        "",
        true,
    )
    .await;
    check("POST /v1/new HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip, identity\r\n\r\nab", 400, "", true)
        .await;
}

#[tokio::test]
async fn two_lengths_are_refused_on_a_connection_in_use() {
    let rig = Rig::mocked("").await;
    let good = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut raw = Raw::saying(rig.address, good).await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    raw.say(format!("POST /v1/new HTTP/1.1\r\nhost: localhost\r\n{LENGTHS}\r\n0\r\n\r\n")).await;
    assert_eq!(raw.answer().await.unwrap().status, 400);
}

#[tokio::test]
async fn two_lengths_are_refused_in_a_pipeline() {
    let rig = Rig::mocked("").await;
    let good = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let bad = format!("POST /v1/new HTTP/1.1\r\nhost: localhost\r\n{LENGTHS}\r\n0\r\n\r\n");
    let mut raw = Raw::saying(rig.address, format!("{good}{bad}")).await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    assert_eq!(raw.answer().await.map_or(400, |answer| answer.status), 400);
    assert_eq!(rig.mock().control().requests().len(), 1, "the contradiction went upstream");
}

#[tokio::test]
async fn a_head_has_its_size() {
    let rig = Rig::mocked("").await;
    let long = "x".repeat(40_000);
    for head in [
        format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-long: {long}\r\n\r\n"),
        format!("GET /v1/{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    ] {
        let answer = ask(&rig, &head).await.unwrap();
        assert!([431, 414].contains(&answer.status), "{}", answer.status);
    }
    let many = "a: b\r\n".repeat(500);
    assert_eq!(
        ask(&rig, &format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n{many}\r\n")).await.unwrap().status,
        431
    );
    assert!(rig.mock().control().requests().is_empty());
}

#[tokio::test]
async fn a_head_has_its_time() {
    let rig = Rig::mocked("[server]\nheader_timeout = \"300ms\"\n").await;
    for beginning in ["", "GET /v1/mo", "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n"] {
        let started = Instant::now();
        let mut raw = Raw::saying(rig.address, beginning).await;
        within(5, "the end of a slow head", raw.is_closed()).await;
        assert!(started.elapsed() >= Duration::from_millis(300), "{beginning:?} closed after {:?}", started.elapsed());
    }
    // A trickle does not earn more time.
    let mut raw = Raw::to(rig.address).await;
    let trickle = async {
        loop {
            if tokio::io::AsyncWriteExt::write_all(&mut raw.stream, b"G").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(5, "the end of a trickling head", trickle).await;
    assert!(rig.mock().control().requests().is_empty());
}

/// After one answer the connection is closed by the gateway, in time.
async fn check_unused(header_timeout: &str, model: &str) {
    let rig =
        Rig::mocked(&format!("[server]\nidle_timeout = \"300ms\"\nheader_timeout = \"{header_timeout}\"\n")).await;
    let body = chat(model, "x").to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut raw = Raw::saying(rig.address, request).await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    let started = Instant::now();
    within(3, "the end of an unused connection", raw.is_closed()).await;
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn an_unused_connection_has_its_time() {
    check_unused("5s", MODEL).await;
}

#[tokio::test]
async fn an_unused_connection_has_its_time_after_a_long_request() {
    check_unused("200ms", "fault/slow-head:400").await;
}

#[tokio::test]
async fn a_connection_in_use_outlives_the_limit_for_heads() {
    let rig = Rig::mocked("[server]\nheader_timeout = \"300ms\"\n").await;
    let body = chat("fault/slow-head:400", "x").to_string();
    for request in [
        "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
    ] {
        let mut raw = Raw::to(rig.address).await;
        for round in 0..3 {
            raw.say(&request).await;
            let answer = raw.answer().await.unwrap_or_else(|| panic!("closed in round {round}: {request}"));
            assert_eq!(answer.status, 200);
            tokio::time::sleep(Duration::from_millis(350)).await;
        }
    }
}

#[tokio::test]
async fn garbage_is_no_request() {
    let rig = Rig::mocked("").await;
    for bytes in [
        "\x16\x03\x01\x02\x00",
        "hello\r\n\r\n",
        "GET /v1/models HTTP/9.9\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let answer = ask(&rig, bytes).await;
        assert!(answer.is_none_or(|answer| answer.status == 400), "{bytes:?}");
    }
    let chat = chat(MODEL, "x").to_string();
    let good = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{chat}",
        chat.len()
    );
    assert_eq!(ask(&rig, &good).await.unwrap().status, 200, "it serves as before");
}

#[tokio::test]
async fn lengths_that_two_readers_might_read_differently_are_refused() {
    for odd in [
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding : chunked",
        "transfer-encoding:\r\n chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "content-length: +5",
        "content-length: 5,6",
        "content-length: 0x5",
        "content-length: -1",
        "content-length : 5",
        "content-length: 18446744073709551617",
    ] {
        let rig = Rig::mocked("").await;
        let answer = ask(&rig, &format!("POST /v1/new HTTP/1.1\r\nhost: localhost\r\n{odd}\r\n\r\nhello")).await;
        assert!(answer.is_none_or(|answer| answer.status == 400), "{odd:?}");
        assert!(rig.mock().control().requests().is_empty(), "{odd:?} went upstream");
    }
}
