//! Upstreams that lie, hang or speak something else: each gets its own error, in time, and what was sent is never
//! sent again.

use std::time::Duration;

use tokio::time::Instant;

use super::support::{Act, Got, MODEL, Rig, Script, chat, json_answer, ok_chat};

/// One short limit at a time: with two of one length, either may pass first.
const SHORT: &str = "[upstream]\nfirst_byte_timeout = \"300ms\"\nretries = 0\n";
pub(super) const SHORT_CONNECT: &str = "[upstream]\nconnect_timeout = \"300ms\"\nretries = 0\n";

/// A chat request through `base_url` ends with this error, within two seconds.
pub(super) async fn check(base_url: &str, config: &str, expected: &str) -> Rig {
    let rig = Rig::before(base_url, config).await;
    let started = Instant::now();
    let got = Got::of(rig.post("/v1/chat/completions", chat(MODEL, "x").to_string())).await;
    assert_eq!(got.error(), expected, "{}", got.text());
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    rig.is_idle().await;
    rig
}

/// The same through a script, which must be asked once.
async fn check_script(acts: Vec<Act>, expected: &str) {
    let script = Script::always(acts.clone()).await;
    check(&script.base_url(), SHORT, expected).await;
    let seen = script.seen();
    assert!(seen.len() == 1 && seen[0].is_whole, "{acts:?}: sent {} times", seen.len());
    assert_eq!(seen[0].body, chat(MODEL, "x").to_string().into_bytes());
}

const CLOSED: &str = "502 server_error/upstream_closed";
const PROTOCOL: &str = "502 server_error/upstream_protocol";
const BAD: &str = "502 server_error/upstream_bad_answer";
const LATE: &str = "504 server_error/upstream_first_byte_timeout";

fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

#[tokio::test]
async fn no_head_is_an_error_in_time() {
    for (acts, expected) in [
        (vec![Act::Stall], LATE),
        (vec![say("HTTP/1.1 200 OK\r\ncontent-le"), Act::Stall], LATE),
        (vec![say("HTTP/1.1 200 OK\r\ncontent-le"), Act::Close], CLOSED),
        (vec![Act::Close], CLOSED),
        (vec![Act::Reset], CLOSED),
        (vec![say("hello, this is no HTTP\r\n\r\n"), Act::Close], PROTOCOL),
        (vec![say(&format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000))), Act::Stall], PROTOCOL),
        (vec![say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"), Act::Stall], PROTOCOL),
    ] {
        check_script(acts, expected).await;
    }
}

#[tokio::test]
async fn a_flood_of_interim_answers_ends() {
    check_script(vec![Act::Flood(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(100))], LATE).await;
}

#[tokio::test]
async fn interim_answers_are_not_the_answer() {
    let script = Script::always(vec![say("HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nlink: x\r\n\r\n"), ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), SHORT).await;
    assert_eq!(super::support::calls::good_chat(&rig).await.status, 200);
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let elsewhere = Script::always(vec![ok_chat()]).await;
    for status in [301, 302, 303, 307, 308] {
        let head = format!(
            "HTTP/1.1 {status} X\r\nlocation: {}/chat/completions\r\ncontent-length: 0\r\n\r\n",
            elsewhere.base_url()
        );
        check_script(vec![say(&head)], "502 server_error/upstream_redirect").await;
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_200_that_is_no_answer_is_an_error() {
    for (body, expected) in [
        ("", BAD),
        ("  \n", BAD),
        ("<html>hi</html>", BAD),
        ("{\"choices\":", BAD),
        ("\u{0}\u{1}", BAD),
        (r#"{"code":50505,"message":"overloaded","data":null}"#, "503 service_unavailable_error/server_is_overloaded"),
        (r#"{"error":{"message":"Model does not exist.","code":20012}}"#, "404 invalid_request_error/model_not_found"),
    ] {
        check_script(vec![json_answer(200, body)], expected).await;
    }
    let gzip =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}";
    check_script(vec![say(gzip)], BAD).await;
}
