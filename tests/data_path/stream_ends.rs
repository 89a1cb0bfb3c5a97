//! Streams that break: the caller is told in the stream, the end is unclean, nothing says `[DONE]`,
//! and the part is counted.

use std::time::Duration;

use serde_json::json;

use super::support::{Act, MODEL, Rig, Script, Streamed, chunk, sse};

const SHORT: &str = "[upstream]\nidle_timeout = \"300ms\"\n";

/// A stream through `fault` breaks off after a part of its answer, with this error.
async fn check(fault: &str, expected: &str) {
    let rig = Rig::mocked(SHORT).await;
    let got = Streamed::chat(&rig, &format!("fault/{fault}"), json!({})).await;
    assert_eq!(got.status, 200, "{fault}: {}", got.text);
    assert!(!got.is_clean, "{fault} must not end like a whole answer: {}", got.text);
    assert!(!got.is_done() && !got.text.contains("\"finish_reason\":\"stop\""), "{fault}: {}", got.text);
    let last = got.events().pop().unwrap();
    let error = &last["error"];
    assert_eq!(
        format!("{}/{}", error["type"].as_str().unwrap(), error["code"].as_str().unwrap()),
        expected,
        "{fault}: {last}"
    );
    assert!(got.text.ends_with("\n\n"), "{fault}: {}", got.text);
    assert!(got.events().len() > 1 && "one two three four five".starts_with(&got.said()), "{fault}: {}", got.text);
    rig.metric_becomes("flowgate_usage_total", &["at_least"], 1.0).await;
    rig.metric_becomes("flowgate_requests_total", &["code=\"200\""], 1.0).await;
    assert!(rig.metric("flowgate_tokens_total", &["output"]).await > 0.0, "{fault}: the part is counted");
    rig.is_idle().await;
    assert_eq!(rig.mock().control().requests().len(), 1, "{fault}: a stream is not begun again");
}

#[tokio::test]
async fn silence_is_a_504() {
    check("stall:3", "server_error/upstream_idle_timeout").await;
}

#[tokio::test]
async fn broken_wires_are_a_502() {
    for fault in ["reset:3", "cut:3", "bad-chunk:3", "end-early:3"] {
        check(fault, "server_error/upstream_stream_broken").await;
    }
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    check("endless-line:3", "server_error/upstream_stream_broken").await;
}

#[tokio::test]
async fn an_error_of_the_upstream_is_passed_on_as_ours() {
    check("error-event:3", "service_unavailable_error/server_is_overloaded").await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_504() {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    let mut acts = vec![sse(event)];
    for _ in 0..200 {
        acts.extend([Act::Wait(Duration::from_millis(50)), Act::Say(chunk(event))]);
    }
    let script = Script::always(acts).await;
    let rig = Rig::before(&script.base_url(), "[upstream]\ntotal_timeout = \"400ms\"\n").await;
    let got = Streamed::chat(&rig, MODEL, json!({})).await;
    assert!(!got.is_clean && !got.is_done() && got.text.contains("upstream_total_timeout"), "{}", got.text);
}

/// Two megabytes of events, then `last`; the caller reads with a pause after each piece.
async fn read_slowly(last: Act, config: &str, most: usize) -> String {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n".repeat(100);
    let script = Script::always(vec![sse(&event.repeat(300).into_bytes()), last]).await;
    let rig = Rig::before(&script.base_url(), config).await;
    let body = super::support::stream(MODEL, "x", json!({})).to_string();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16_384).unwrap();
    let mut stream = socket.connect(rig.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, (head + &body).as_bytes()).await.unwrap();
    let (mut all, mut piece) = (Vec::new(), vec![0; 131_072]);
    while let Ok(count @ 1..) = tokio::io::AsyncReadExt::read(&mut stream, &mut piece).await {
        all.extend_from_slice(&piece[..count]);
        if all.len() > most {
            break;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn a_slow_reader_is_told_too() {
    let text = read_slowly(Act::Close, "", usize::MAX).await;
    assert!(text.contains("upstream_stream_broken"), "...{}", &text[text.len().saturating_sub(300)..]);
}

#[tokio::test]
async fn an_answer_that_never_pauses_has_its_time_too() {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n".repeat(100);
    let text = read_slowly(Act::Flood(chunk(&event)), "[upstream]\ntotal_timeout = \"300ms\"\n", 12_000_000).await;
    assert!(text.len() < 12_000_000, "it went on for seconds, and would for ever");
}

#[tokio::test]
async fn a_whole_answer_that_breaks_is_an_error() {
    let rig = Rig::mocked(SHORT).await;
    for (fault, expected) in [
        ("stall", "504 server_error/upstream_idle_timeout"),
        ("reset", "502 server_error/upstream_stream_broken"),
        ("cut", "502 server_error/upstream_stream_broken"),
        ("bad-chunk", "502 server_error/upstream_stream_broken"),
        ("length-short", "502 server_error/upstream_stream_broken"),
    ] {
        let body = super::support::chat(&format!("fault/{fault}"), "x").to_string();
        let got = super::support::Got::of(rig.post("/v1/chat/completions", body)).await;
        assert_eq!(got.error(), expected, "{fault}: {}", got.text());
    }
    rig.is_idle().await;
}

#[tokio::test]
async fn what_breaks_before_the_first_event_is_an_ordinary_error() {
    let rig = Rig::mocked(SHORT).await;
    for (fault, expected) in [("error-event:0", 503), ("reset:0", 502), ("end-early:0", 502), ("stall:0", 504)] {
        let got = Streamed::chat(&rig, &format!("fault/{fault}"), json!({})).await;
        assert_eq!(got.status, expected, "{fault}: {}", got.text);
    }
}
