//! Bodies of requests that are too large, too slow or no JSON; callers that are too many.

use std::time::Duration;

use super::support::raw::RawAnswer;
use super::support::{Act, Got, MODEL, Raw, Rig, Script, chat, chunk, ok_chat, within};

const HEAD: &str = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

/// Sends and reads the answer; a caller that is refused early may find its own writing refused.
async fn ask(rig: &Rig, bytes: &[u8]) -> RawAnswer {
    let mut raw = Raw::to(rig.address).await;
    let _refused = tokio::io::AsyncWriteExt::write_all(&mut raw.stream, bytes).await;
    raw.answer().await.expect("an answer")
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let rig = Rig::mocked("[server]\nmax_body = \"64KiB\"\n").await;
    for expectation in ["", "expect: 100-continue\r\n"] {
        let answer = ask(&rig, format!("{HEAD}content-length: 65537\r\n{expectation}\r\n").as_bytes()).await;
        assert!(
            answer.status == 413 && answer.text().contains("request_too_large"),
            "{expectation}: {}",
            answer.text()
        );
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert!(rig.mock().control().requests().is_empty());
    rig.is_idle().await;
}

#[tokio::test]
async fn a_caller_that_expects_to_go_on_is_told_to() {
    let rig = Rig::mocked("").await;
    let body = chat(MODEL, "x").to_string();
    let mut raw =
        Raw::saying(rig.address, format!("{HEAD}content-length: {}\r\nexpect: 100-continue\r\n\r\n", body.len())).await;
    raw.has("100 Continue\r\n\r\n").await;
    raw.say(body).await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_cut_off() {
    let rig = Rig::mocked("[server]\nmax_body = \"64KiB\"\n").await;
    let chunks = chunk(&[b' '; 4096]).repeat(17);
    let answer = ask(&rig, &[format!("{HEAD}transfer-encoding: chunked\r\n\r\n").as_bytes(), &chunks].concat()).await;
    assert!(answer.status == 413 && answer.text().contains("request_too_large"), "{}", answer.text());
    assert_eq!(answer.header("connection"), Some("close"));
    rig.is_idle().await;
}

/// What is left unread ends the connection. Whoever is not told sends the next request there, and nobody answers it.
#[tokio::test]
async fn who_is_refused_before_its_body_is_read_is_told_that_the_connection_ends() {
    let rig = Rig::mocked("[[key]]\nname = \"ann\"\nsecret = { env = \"KEY_ANN\" }\n").await;
    let body = chat(MODEL, "x").to_string();
    let ask = |key: &str, model: &str| {
        let (body, length) = (body.replace(MODEL, model), body.len());
        format!("{HEAD}authorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let mut raw = Raw::saying(rig.address, ask("wrong", MODEL)).await;
    let answer = raw.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (401, Some("close")));
    within(5, "the end", raw.is_closed()).await;

    let (known, no_such) = ("sk-ann-canary-1", "x".repeat(MODEL.len()));
    let mut raw = Raw::to(rig.address).await;
    for (model, status) in [(&*no_such, 404), (MODEL, 200), (&no_such, 404)] {
        raw.say(ask(known, model)).await;
        let answer = raw.answer().await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (status, None));
    }
}

/// A body that stops on its way to `path` is told so in time.
async fn check_slow(path: &str) {
    let rig = Rig::mocked("[server]\nbody_timeout = \"300ms\"\n").await;
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n{{");
    let mut raw = Raw::saying(rig.address, head).await;
    let answer = within(5, "an answer to a slow body", raw.answer()).await.expect("an answer");
    assert!(answer.status == 408 && answer.text().contains("request_timeout"), "{} {}", answer.status, answer.text());
    assert_eq!(answer.header("connection"), Some("close"));
    within(5, "the end", raw.is_closed()).await;
    rig.is_idle().await;
    assert_eq!(rig.metric("flowgate_refused_total", &["slow_body"]).await, 1.0);
}

#[tokio::test]
async fn a_slow_body_has_its_time() {
    check_slow("/v1/chat/completions").await;
}

#[tokio::test]
async fn a_slow_upload_has_its_time() {
    check_slow("/v1/files").await;
}

#[tokio::test]
async fn bodies_share_the_memory_there_is() {
    let rig = Rig::mocked("[server]\nbody_memory = \"100KiB\"\n").await;
    let holder = Raw::saying(rig.address, format!("{HEAD}content-length: 99000\r\n\r\n{}", " ".repeat(90_000))).await;
    rig.metric_becomes("flowgate_request_body_bytes", &[], 90_000.0).await;
    let got = Got::of(rig.post("/v1/chat/completions", chat(MODEL, &"x".repeat(20_000)).to_string())).await;
    assert_eq!(got.error(), "503 service_unavailable_error/server_is_overloaded");
    assert_eq!((got.header("retry-after"), got.header("x-should-retry")), (Some("1"), Some("true")));
    drop(holder);
    rig.is_idle().await;
    assert_eq!(super::support::calls::good_chat(&rig).await.status, 200);
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_with_its_place() {
    let rig = Rig::mocked("").await;
    for (body, param) in [
        ("", None),
        ("[]", None),
        ("{\"model\":", None),
        ("{\"model\":\"m\"} canary", None),
        ("{\"model\":\"m\",\"x\":NaN}", None),
        ("{'model':'m'}", None),
        ("canary", None),
        ("{\"model\":\"m\",\"model\":\"n\"}", Some("model")),
        ("{\"model\":\"m\",\"\\u006dodel\":\"n\"}", Some("model")),
        ("{\"model\":\"m\",\"x\":1,\"x\":1}", Some("x")),
        ("{}", Some("model")),
        ("{\"model\":7}", Some("model")),
        ("{\"model\":\"m\",\"stream\":\"yes\"}", Some("stream")),
        ("\u{feff}{\"model\":\"m\"}", None),
    ] {
        let got = Got::of(rig.post("/v1/chat/completions", body)).await;
        assert_eq!(got.error(), "400 invalid_request_error/null", "{body}");
        assert_eq!(got.json()["error"]["param"].as_str(), param, "{body}");
        assert!(!got.text().contains("canary"), "{body}: {}", got.text());
    }
    let got = Got::of(rig.post("/v1/chat/completions", b"{\"model\":\"\xff\"}".to_vec())).await;
    assert_eq!(got.error(), "400 invalid_request_error/null");
    assert!(rig.mock().control().requests().is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_goes_nowhere() {
    let rig = Rig::mocked("").await;
    for body in [
        "content-length: 10\r\n\r\n{\"a\"",
        "transfer-encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n",
        "transfer-encoding: chunked\r\n\r\nzz\r\n{}",
    ] {
        let mut raw = Raw::saying(rig.address, format!("{HEAD}{body}")).await;
        tokio::io::AsyncWriteExt::shutdown(&mut raw.stream).await.unwrap();
        let answer = raw.answer().await;
        assert!(answer.is_none_or(|answer| answer.status == 400), "{body}");
    }
    rig.is_idle().await;
    assert!(rig.mock().control().requests().is_empty());
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let script = Script::always(vec![ok_chat()]).await;
    let rig = Rig::before(&script.base_url(), "[server]\nmax_connections = 2\n").await;
    let first = Raw::to(rig.address).await;
    let second = Raw::to(rig.address).await;
    rig.metric_becomes("flowgate_connections", &[], 2.0).await;
    let body = chat(MODEL, "x").to_string();
    let mut third = Raw::saying(rig.address, format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len())).await;
    let early = tokio::time::timeout(Duration::from_millis(200), third.answer()).await;
    assert!(early.is_err() && script.seen().is_empty(), "the third had to wait");
    drop(first);
    assert_eq!(third.answer().await.unwrap().status, 200);
    drop(second);
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_off() {
    let event =
        b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}}]}\n\n"
            .repeat(100);
    let script = Script::always(vec![super::support::sse(b": hi\n\n"), Act::Flood(chunk(&event))]).await;
    let rig = Rig::before(&script.base_url(), "[server]\nwrite_timeout = \"500ms\"\n").await;
    let body = super::support::stream(MODEL, "x", serde_json::json!({})).to_string();
    let raw = Raw::saying(rig.address, format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len())).await;
    script.closed(1).await;
    rig.metric_becomes("flowgate_requests_in_flight", &[], 0.0).await;
    rig.metric_becomes("flowgate_usage_total", &["at_least"], 1.0).await;
    drop(raw);
}
