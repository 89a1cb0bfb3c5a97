//! Answers of endpoints without rules: they pass as HTTP says, and a part is never taken for the whole.

use reqwest::Method;

use super::support::{Act, Got, MODEL, Raw, Rig, Script, chat, json_answer};

fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_part_of_a_sound_does_not_look_like_the_whole() {
    for acts in [
        vec![say("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 100\r\n\r\nID3"), Act::Close],
        vec![
            say("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n3\r\nID3\r\n"),
            Act::Reset,
        ],
        vec![say("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 100\r\n\r\nID3"), Act::Stall],
    ] {
        let script = Script::always(acts).await;
        let rig = Rig::before(&script.base_url(), "[upstream]\nidle_timeout = \"300ms\"\n").await;
        let body = chat("any/model", "x").to_string();
        let head =
            format!("POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
        let answer = Raw::saying(rig.address, head + &body).await.answer().await.unwrap();
        assert_eq!((answer.status, answer.is_whole, answer.text().as_str()), (200, false, "ID3"));
        assert_eq!(answer.header("content-type"), Some("audio/mpeg"));
        rig.is_idle().await;
        assert_eq!(rig.metric("flowgate_upstream_errors_total", &[]).await, 1.0);
    }
}

#[tokio::test]
async fn a_range_of_a_file_passes() {
    let head =
        "HTTP/1.1 206 P\r\ncontent-range: bytes 1-2/9\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nbc";
    let script = Script::always(vec![say(head)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Got::of(rig.request(Method::GET, "/v1/files/f/content").header("range", "bytes=1-2")).await;
    assert_eq!((got.status, got.text().as_str(), got.header("content-range")), (206, "bc", Some("bytes 1-2/9")));
    assert_eq!(script.only().header("range"), Some("bytes=1-2"));
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let script = Script::new(|seen| {
        let is_head = seen.head.starts_with("HEAD");
        vec![say(if is_head { "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n" } else { "HTTP/1.1 204 N\r\n\r\n" })]
    });
    let script = script.await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Got::of(rig.request(Method::DELETE, "/v1/files/f")).await;
    assert_eq!((got.status, got.body.len()), (204, 0));
    let got = Got::of(rig.request(Method::HEAD, "/v1/files/f")).await;
    assert_eq!((got.status, got.body.len()), (200, 0));
    rig.is_idle().await;
    rig.metric_becomes("flowgate_requests_total", &["\"/files\""], 2.0).await;
}

#[tokio::test]
async fn an_answer_that_drips_is_whole() {
    let text = r#"{"choices":[],"drip":"one byte at a time"}"#;
    let Act::Say(bytes) = json_answer(200, text) else { unreachable!() };
    let script = Script::always(vec![Act::Drip(bytes)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Got::of(rig.post("/v1/chat/completions", chat(MODEL, "x").to_string())).await;
    assert_eq!((got.status, got.text().as_str()), (200, text));
}

#[tokio::test]
async fn an_answer_too_large_to_hold_is_an_error() {
    let text = format!("{{\"data\":\"{}\"}}", "x".repeat(33 << 20));
    let script = Script::always(vec![json_answer(200, &text)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Got::of(rig.post("/v1/embeddings", chat("BAAI/bge-m3", "x").to_string())).await;
    assert_eq!(got.error(), "502 server_error/upstream_bad_answer");
    script.closed(1).await;
    rig.is_idle().await;
}

#[tokio::test]
async fn a_file_of_any_size_passes() {
    let text = "x".repeat(33 << 20);
    let script = Script::always(vec![json_answer(200, &text)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Got::of(rig.request(Method::GET, "/v1/files/f/content")).await;
    assert!(got.status == 200 && got.body == text.as_bytes(), "{} {} bytes", got.status, got.body.len());
}
