//! Other ways to speak HTTP: pipelines, 1.0, HTTP/2 without TLS.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::support::{Act, MODEL, Raw, Rig, Script, chat, events, json_answer, stream, within};

fn post(version: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST /v1/chat/completions HTTP/{version}\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_pipeline_is_answered_in_order() {
    let script = Script::new(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let number = body["number"].as_u64().unwrap();
        // The first answers come last.
        let wait = std::time::Duration::from_millis(100 - 10 * number);
        vec![Act::Wait(wait), json_answer(200, json!({"id": number, "choices": []}).to_string())]
    });
    let script = script.await;
    let rig = Rig::before(&script.base_url(), "").await;
    let requests: String =
        (0..10).map(|number| post("1.1", &json!({"model": MODEL, "messages": [], "number": number}))).collect();
    let mut raw = Raw::saying(rig.address, requests).await;
    for number in 0..10 {
        let answer = raw.answer().await.unwrap();
        assert_eq!(
            (answer.status, serde_json::from_slice::<Value>(&answer.body).unwrap()["id"].as_u64()),
            (200, Some(number))
        );
    }
}

#[tokio::test]
async fn http_1_0_gets_whole_answers_and_a_close() {
    let rig = Rig::mocked("").await;
    for body in [chat(MODEL, "Say [[say=one two]]"), stream(MODEL, "Say [[say=one two]]", json!({}))] {
        let mut raw = Raw::saying(rig.address, post("1.0", &body)).await;
        let answer = raw.answer().await.unwrap();
        assert_eq!((answer.status, answer.header("transfer-encoding")), (200, None), "1.0 knows no chunks");
        assert!(answer.text().contains("one "), "{}", answer.text());
        within(5, "the close", raw.is_closed()).await;
    }
}

/// An HTTP/2 client that says so from the first byte.
fn h2() -> Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

async fn ask(
    client: &Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
    rig: &Rig,
    body: &Value,
) -> (u16, bool, String) {
    let request =
        http::Request::post(format!("http://{}/v1/chat/completions", rig.address)).version(http::Version::HTTP_2);
    let response = client.request(request.body(Full::new(Bytes::from(body.to_string()))).unwrap()).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(frame) = within(20, "a frame", body.frame()).await {
        match frame {
            Ok(frame) => text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
            Err(_) => return (status, false, String::from_utf8_lossy(&text).into_owned()),
        }
    }
    (status, true, String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn http_2_serves_whole_answers_and_streams() {
    let rig = Rig::mocked("").await;
    let client = h2();
    let (status, is_whole, text) = ask(&client, &rig, &chat(MODEL, "Say [[say=one two]]")).await;
    assert!(status == 200 && is_whole && text.contains("one two"), "{text}");
    let (status, is_whole, text) = ask(&client, &rig, &stream(MODEL, "Say [[say=one two]]", json!({}))).await;
    assert!(status == 200 && is_whole && text.ends_with("data: [DONE]\n\n"), "{text}");
    let many = futures_util::future::join_all((0..100).map(|_| {
        let (client, rig) = (&client, &rig);
        async move { ask(client, rig, &chat(MODEL, "x")).await.0 }
    }))
    .await;
    assert!(many.iter().all(|status| *status == 200), "{many:?}");
    assert_eq!(rig.metric("flowgate_connections", &[]).await, 1.0);
    rig.is_idle().await;
}

#[tokio::test]
async fn http_2_streams_break_off_uncleanly() {
    let rig = Rig::mocked("").await;
    let (status, is_whole, text) =
        ask(&h2(), &rig, &stream("fault/reset:3", "Say [[say=one two three four]]", json!({}))).await;
    assert!(status == 200 && !is_whole && !text.contains("[DONE]"), "{text}");
    assert_eq!(events(&text).pop().unwrap()["error"]["code"], "upstream_stream_broken", "{text}");
}

/// An answer over HTTP/2 to a request with these headers.
async fn asked_with(rig: &Rig, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, String) {
    let mut request = http::Request::post(format!("http://{}{path}", rig.address)).version(http::Version::HTTP_2);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = within(20, "an answer", h2().request(request.body(Full::new(body.into())).unwrap())).await.unwrap();
    let status = response.status().as_u16();
    let body = within(20, "a body", response.into_body().collect()).await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn http_2_has_signs_of_life() {
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n";
    let late = Act::Wait(std::time::Duration::from_secs(3));
    let script = Script::always(vec![late, super::support::sse(event), Act::Close]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let body = stream(MODEL, "x", json!({})).to_string().into_bytes();
    let (status, text) = asked_with(&rig, "/v1/chat/completions", &[("x-flowgate-keep-alive", "1s")], body).await;
    assert!(status == 200 && text.starts_with(": waiting\n\n") && text.ends_with("data: [DONE]\n\n"), "{text}");
    rig.is_idle().await;
}

/// The refusal arrives although the form was on its way.
#[tokio::test]
async fn http_2_uploads_are_refused_at_the_door() {
    let script = Script::always(vec![json_answer(200, "{}")]).await;
    let config = super::quota::limited("rpm = 1").replace(MODEL, super::uploads::MODEL);
    let rig = Rig::before(&script.base_url(), &config).await;
    let headers = [("content-type", "multipart/form-data; boundary=b0"), ("x-flowgate-max-wait", "0")];
    for (size, expected) in [(1000, 200), (1000, 429), (2_000_000, 429)] {
        let form = super::uploads::form(super::uploads::MODEL, &vec![b'x'; size], true);
        let (status, text) = asked_with(&rig, "/v1/audio/transcriptions", &headers, form).await;
        assert!(status == expected && (status == 200 || text.contains("rate_limit_exceeded")), "{size}: {text}");
    }
    rig.is_idle().await;
}

#[tokio::test]
async fn http_2_callers_who_leave_take_their_request_along() {
    let script = Script::always(vec![Act::Stall]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let client = h2();
    let body = chat(MODEL, "x");
    let waiting = ask(&client, &rig, &body);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), waiting).await.is_err());
    script.closed(1).await;
    rig.metric_becomes("flowgate_requests_total", &["499"], 1.0).await;
    rig.is_idle().await;
}
