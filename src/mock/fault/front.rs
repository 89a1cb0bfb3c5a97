//! Faults that come before or instead of an answer: refusals, answers that are none, heads that go wrong.

use super::{Fault, status};
use crate::mock::media::packing::gzip;
use crate::mock::wire::{Act, Hijack, Script};
use axum::body::Body;
use axum::http::{HeaderMap, Response, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use std::time::Duration;

/// A small answer that any chat client can read.
const ANSWER: &str = r#"{"id":"mock-fault","object":"chat.completion","created":1790000000,"model":"fault","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#;
const PAGE: &str = "<html><head><title>Gateway</title></head><body><h1>Something went wrong</h1></body></html>";
const OVERLOADED: &str = r#"{"code":50505,"message":"Model service overloaded. Please try again later.","data":null}"#;

/// Plays the fault if it is one of these. `None` lets the request go on to its endpoint.
pub(in crate::mock) async fn play(fault: &Fault, headers: &HeaderMap, hijack: &Hijack) -> Option<Response<Body>> {
    if let Some(refusal) = status::refusal(fault, headers) {
        return Some(refusal.into_response());
    }
    if let Some(script) = script(fault) {
        match hijack.run(script).await {}
    }
    match fault.name.as_str() {
        "no-head" => std::future::pending().await,
        "slow-head" => tokio::time::sleep(Duration::from_millis(fault.number(1_000))).await,
        _ => return answer(fault),
    }
    None
}

fn answer(fault: &Fault) -> Option<Response<Body>> {
    const JSON: &str = "application/json; charset=utf-8";
    const HTML: &str = "text/html";
    let (status, kind, body) = match fault.name.as_str() {
        "404-plain" => (404, "text/plain", Bytes::from("404 page not found")),
        "502-html" => (502, HTML, Bytes::from(PAGE)),
        "200-error" => (200, JSON, Bytes::from(OVERLOADED)),
        "200-html" => (200, HTML, Bytes::from(PAGE)),
        "200-empty" => (200, JSON, Bytes::new()),
        "200-garbage" => (200, JSON, Bytes::from(&ANSWER[..ANSWER.len() / 2])),
        "gzip-unasked" => (200, JSON, gzip(ANSWER.as_bytes())),
        "redirect" => (u16::try_from(fault.number(302)).unwrap_or(302), HTML, Bytes::new()),
        _ => return None,
    };
    let mut builder = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    if fault.name == "gzip-unasked" {
        builder = builder.header(header::CONTENT_ENCODING, "gzip");
    }
    if fault.name == "redirect" {
        builder = builder.header(header::LOCATION, "http://elsewhere.invalid/v1/chat/completions");
    }
    builder.body(Body::from(body)).ok()
}

/// Faults only a bare socket can play.
fn script(fault: &Fault) -> Option<Script> {
    let write = |text: String| Act::Write(Bytes::from(text));
    Some(match fault.name.as_str() {
        "close-before-head" => vec![],
        "reset-before-head" => vec![Act::Reset],
        "half-head" if fault.param.as_deref() == Some("hang") => {
            vec![write(half_head()), Act::Hang]
        }
        "half-head" => vec![write(half_head())],
        "drip-head" => drip(&whole(ANSWER.len(), ""), Duration::from_millis(fault.number(20))),
        "garbage-head" => vec![write("\u{1}\u{2} this is not HTTP at all\r\n\r\n".into())],
        "big-head" => {
            let header = format!("x-filler: {}\r\n", "f".repeat(usize::try_from(fault.number(1_048_576)).unwrap_or(0)));
            vec![write(whole(ANSWER.len(), &header))]
        }
        "1xx-flood" => {
            let interim = Bytes::from_static(b"HTTP/1.1 102 Processing\r\n\r\n");
            vec![Act::Repeat(interim, fault.number(10_000)), write(whole(ANSWER.len(), ""))]
        }
        "length-short" => vec![write(whole(ANSWER.len() + 500, ""))],
        "length-long" => vec![write(whole(ANSWER.len() / 2, "")), Act::Wait(Duration::from_millis(500))],
        "keepalive-lie" => vec![write(whole(ANSWER.len(), "connection: keep-alive\r\nkeep-alive: timeout=60\r\n"))],
        _ => return None,
    })
}

fn half_head() -> String {
    "HTTP/1.1 200 OK\r\ncontent-type: applica".into()
}

/// The small answer under a head that claims `length` bytes.
fn whole(length: usize, more: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{more}content-length: {length}\r\n\r\n{ANSWER}")
}

fn drip(text: &str, pause: Duration) -> Script {
    let (head, body) = text.split_at(text.find("\r\n\r\n").map_or(text.len(), |end| end + 4));
    let each = head.bytes().flat_map(|byte| [Act::Write(Bytes::copy_from_slice(&[byte])), Act::Wait(pause)]);
    each.chain([Act::Write(Bytes::from(body.to_owned()))]).collect()
}
