//! Signs of life for callers who asked for them: comments before the answer, and nothing else changes.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::quota::{ANN, BOB, keyed};
use super::quota_gone::{stall, stalling};
use super::support::{Act, Got, MODEL, Rig, Script, Streamed, chat, json_answer, soon, sse, stream};

const HEADER: &str = "x-flowgate-keep-alive";
const COMMENT: &str = ": waiting\n\n";

fn ask(rig: &Rig, text: &str) -> RequestBuilder {
    rig.post("/v1/chat/completions", stream(MODEL, text, json!({})).to_string())
}

/// What follows the comments, of which there must be one at least.
fn after_comments(text: &str) -> &str {
    let rest = text.trim_start_matches(COMMENT);
    assert!(rest.len() < text.len(), "no comments: {text}");
    rest
}

/// `ann` has a request under way that only ends when this is dropped, and may have no other.
async fn busy() -> (Script, Rig, super::support::Raw) {
    let script = stalling().await;
    let rig = Rig::before(&script.base_url(), &keyed("concurrency = 1")).await;
    let first = stall(&rig, ANN).await;
    script.is_called().await;
    (script, rig, first)
}

#[tokio::test]
async fn comments_in_line_and_then_the_answer_to_the_byte() {
    let (_script, rig, first) = busy().await;
    let plain = Streamed::of(ask(&rig, "hello").bearer_auth(BOB)).await;
    let request = ask(&rig, "hello").bearer_auth(ANN).header(HEADER, "1s").header("origin", "http://localhost:3000");
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("x-accel-buffering", "no"),
        ("access-control-allow-origin", "http://localhost:3000"),
    ] {
        assert_eq!(response.headers()[name], value);
    }
    assert!(!response.headers()["x-request-id"].is_empty());
    let mut text = String::new();
    while text.len() < 3 * COMMENT.len() {
        text += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert_eq!(text, COMMENT.repeat(3));
    drop(first);
    text += &response.text().await.unwrap();
    assert_eq!(after_comments(&text), plain.text);
    assert!(plain.is_done());
    rig.is_idle().await;
    rig.metric_becomes("flowgate_requests_total", &["code=\"200\""], 2.0).await;
}

#[tokio::test]
async fn comments_until_a_late_first_token() {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"late\"}}]}\n\ndata: [DONE]\n\n";
    let script = Script::always(vec![Act::Wait(std::time::Duration::from_secs(3)), sse(event), Act::Close]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let got = Streamed::of(ask(&rig, "hello").header(HEADER, "1s")).await;
    let rest = after_comments(&got.text);
    assert!(rest.starts_with("data: ") && rest.contains("late") && got.is_done() && got.is_clean, "{}", got.text);
}

/// The error object of the one event after the comments.
fn error_of(got: &Streamed) -> Value {
    let rest = after_comments(&got.text);
    assert!(got.status == 200 && !got.is_clean && !got.is_done(), "{got:?}");
    let (event, end) = rest.split_once("\n\n").unwrap();
    assert_eq!(end, "");
    serde_json::from_str::<Value>(event.strip_prefix("data: ").unwrap()).unwrap()["error"].clone()
}

#[tokio::test]
async fn an_error_in_line_is_an_event_and_an_unclean_end() {
    let (_script, rig, first) = busy().await;
    let request = ask(&rig, "hello").bearer_auth(ANN).header(HEADER, "1s").header("x-flowgate-max-wait", "3");
    let error = error_of(&Streamed::of(request).await);
    assert_eq!(error["code"], "rate_limit_exceeded");
    assert!(error["message"].as_str().unwrap().contains("your key"), "{error}");
    rig.metric_becomes("flowgate_requests_total", &["code=\"200\""], 1.0).await;
    assert_eq!(rig.metric("flowgate_requests_total", &[]).await, 1.0);
    drop(first);
    rig.is_idle().await;
}

#[tokio::test]
async fn an_error_of_the_upstream_is_an_event_as_well() {
    let late = Act::Wait(std::time::Duration::from_secs(3));
    let script = Script::always(vec![late, json_answer(400, r#"{"code":20015,"message":"bad\nthing"}"#)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let error = error_of(&Streamed::of(ask(&rig, "hello").header(HEADER, "1s")).await);
    assert_eq!((&error["type"], &error["code"]), (&json!("invalid_request_error"), &Value::Null));
    assert!(error["message"].as_str().unwrap().contains("bad"), "{error}");
    rig.metric_becomes("flowgate_requests_total", &["code=\"200\""], 1.0).await;
}

#[tokio::test]
async fn whoever_leaves_takes_the_request_along() {
    let (script, rig, first) = busy().await;
    let request = ask(&rig, "hello").bearer_auth(ANN).header(HEADER, "1s");
    let mut second = request.send().await.unwrap();
    assert_eq!(second.chunk().await.unwrap().unwrap(), COMMENT.as_bytes());
    drop(second);
    rig.metric_becomes("flowgate_requests_in_flight", &[], 1.0).await;
    rig.metric_becomes("flowgate_requests_total", &["code=\"200\""], 1.0).await;
    drop(first);
    let got = Got::of(rig.post("/v1/chat/completions", chat(MODEL, "hello").to_string()).bearer_auth(ANN)).await;
    assert_eq!((got.status, script.seen().len()), (200, 2), "who had left was called for");
    rig.is_idle().await;
}

/// The same while the upstream works for it: it is let go at once.
#[tokio::test]
async fn whoever_leaves_before_the_first_token_lets_the_upstream_go() {
    let script = stalling().await;
    let rig = Rig::before(&script.base_url(), "").await;
    let mut response = ask(&rig, "stall").header(HEADER, "1s").send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), COMMENT.as_bytes());
    drop(response);
    script.closed(1).await;
    rig.is_idle().await;
}

#[tokio::test]
async fn nobody_else_gets_comments() {
    let late = Act::Wait(std::time::Duration::from_millis(1500));
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n";
    let script = Script::new(move |seen| {
        let is_streamed = String::from_utf8_lossy(&seen.body).contains("\"stream\":true");
        vec![late.clone(), if is_streamed { sse(event) } else { super::support::ok_chat() }, Act::Close]
    })
    .await;
    let rig = Rig::before(&script.base_url(), "").await;
    let (streamed, whole) = tokio::join!(
        Streamed::of(ask(&rig, "hello")),
        Got::of(rig.post("/v1/chat/completions", chat(MODEL, "hello").to_string()).header(HEADER, "1s")),
    );
    assert!(streamed.text.starts_with("data: ") && streamed.is_done(), "{}", streamed.text);
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("application/json")));
    assert_eq!(whole.json()["object"], "chat.completion");
}

#[tokio::test]
async fn what_comes_in_time_is_an_ordinary_answer() {
    let rig = Rig::mocked("").await;
    let got = Streamed::chat(&rig, MODEL, json!({})).await;
    let patient = ask(&rig, "Say [[say=one two three four five]]").header(HEADER, "60");
    let patient = Streamed::of(patient).await;
    assert!(patient.is_clean && patient.said() == got.said() && !patient.text.contains(COMMENT));
    assert!(patient.headers.contains_key("x-flowgate-model"));
    let body = stream("fault/400", "x", json!({})).to_string();
    let refused = Got::of(rig.post("/v1/chat/completions", body).header(HEADER, "1s")).await;
    assert!(refused.status >= 400 && refused.error().starts_with(&refused.status.to_string()));
}

#[tokio::test]
async fn a_wish_that_cannot_be_read_is_refused() {
    let rig = Rig::mocked("").await;
    for wrong in ["", "0", "0s", "500ms", "61s", "2m", "-5", "often", "nan"] {
        let got = Got::of(ask(&rig, "hello").header(HEADER, wrong)).await;
        assert_eq!(got.error(), "400 invalid_request_error/null", "{wrong}");
        assert_eq!(
            (got.json()["error"]["param"].as_str(), got.header("x-should-retry")),
            (Some(HEADER), Some("false"))
        );
        assert!(got.text().contains("`1s` to `60s`"), "{}", got.text());
    }
    for right in ["1s", "5", "2.5", "60s", "1m"] {
        let got = Streamed::of(ask(&rig, "hello").header(HEADER, right)).await;
        assert!(got.status == 200 && got.is_done(), "{right}");
    }
    // Where there is no stream of a chat it means nothing.
    let whole = rig.post("/v1/chat/completions", chat(MODEL, "hello").to_string());
    assert_eq!(Got::of(whole.header(HEADER, "often")).await.status, 200);
    soon("nothing is left", async || rig.metric("flowgate_requests_in_flight", &[]).await == 0.0).await;
}
