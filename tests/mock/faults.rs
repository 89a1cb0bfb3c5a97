//! Faults that a client can see through HTTP: refusals by name, answers that are none, bodies that are bent.

use super::{Bench, CHAT, PLAIN, THINKER, ask, ask_with, said};
use flowgate::mock::FAULT_NAMES;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

/// Every named refusal, its status and words of its body.
#[tokio::test]
async fn refusals_by_name() {
    let bench = Bench::new().await;
    let table = [
        ("bad-model-20012", 400, "20012"),
        ("param-20015", 400, "parameter is invalid"),
        ("thinking-20015", 400, "enable_thinking"),
        ("budget-20015", 400, "32768"),
        ("overflow", 400, "max_prompt_tokens (98304)"),
        ("overflow-seq", 400, "max_seq_len (131072)"),
        ("overflow-2025", 400, "length of prompt_tokens (68957)"),
        ("json-20024", 400, "20024"),
        ("thinking-type", 400, "enabled or disabled"),
        ("token-401", 401, "\"Invalid token\""),
        ("key-401", 401, "\"Api key is invalid\""),
        ("token-401-object", 401, "\"code\":20012"),
        ("balance-402", 402, "\"No enough balance\""),
        ("balance-403", 403, "30001"),
        ("disabled-403", 403, "30003"),
        ("identity-403", 403, "\"RPM limit exceeded."),
        ("forbidden-403", 403, "\"Forbidden\""),
        ("404", 404, "\"404 page not found\""),
        ("404-plain", 404, "404 page not found"),
        ("410", 410, "withdrawn"),
        ("tpm-429", 429, "\"code\":50602"),
        ("tpm-429-nocode", 429, "{\"data\":null,\"message\":\"Request was rejected"),
        ("tpm-429-contact", 429, "contact@siliconflow.cn. Details:TPM"),
        ("tpm-429-50603", 429, "50603"),
        ("tpd-429", 429, "TPD limit reached"),
        ("rpm-429", 429, "RPM limit reached"),
        ("rph-429", 429, "RPH limit reached"),
        ("rpd-429", 429, "without real name verification"),
        ("ipm-429", 429, "50604"),
        ("ipd-429", 429, "IPD limit reached"),
        ("overload-503", 503, "50505"),
        ("busy-503", 503, "50603"),
        ("toobusy-503", 503, "50508"),
        ("timeout-504", 504, "\"upstream"),
        ("500", 500, "\"Internal"),
        ("502-html", 502, "<html>"),
        ("echo-key", 400, "Bearer sk-mock"),
        ("200-error", 200, "50505"),
        ("200-html", 200, "<html>"),
        ("200-empty", 200, ""),
        ("200-garbage", 200, "{\"id\":"),
    ];
    for (name, status, words) in table {
        let response = bench.send(CHAT, ask(&format!("fault/{name}"), "hi")).await;
        assert_eq!(response.status(), status, "{name}");
        assert!(response.headers().get("retry-after").is_none());
        let text = response.text().await.unwrap();
        assert!(text.contains(words), "{name}: {text}");
    }
}

#[tokio::test]
async fn an_unknown_fault_is_refused_by_name() {
    let bench = Bench::new().await;
    let (status, answer) = bench.post(CHAT, ask("fault/no-such", "hi")).await;
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().contains("no-such"));
}

#[tokio::test]
async fn retry_after_takes_any_value() {
    let bench = Bench::new().await;
    let models =
        [("fault/tpm-429:7", "7"), ("fault/overload-503;retry-after=soon", "soon"), ("fault/500;retry-after=-1", "-1")];
    for (model, value) in models {
        let response = bench.send(CHAT, ask(model, "hi")).await;
        assert_eq!(response.headers()["retry-after"], value);
    }
}

#[tokio::test]
async fn a_header_names_a_fault_too_and_a_fault_model_can_stand_on_a_real_one() {
    let bench = Bench::new().await;
    let request = bench.request(reqwest::Method::POST, CHAT).header("x-mock-fault", "busy-503");
    assert_eq!(request.json(&ask(PLAIN, "hi")).send().await.unwrap().status(), 503);
    let events = bench.stream(CHAT, ask(&format!("fault/comments@{THINKER}"), "hi")).await;
    assert_eq!(events.last().unwrap()["choices"], json!([]));
}

#[tokio::test]
async fn flaky_answers_get_well() {
    let bench = Bench::new().await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(bench.send(CHAT, ask("fault/flaky-503:2", "hi")).await.status().as_u16());
    }
    assert_eq!(seen, [503, 503, 200, 200]);
}

#[tokio::test]
async fn gzip_nobody_asked_for() {
    let bench = Bench::new().await;
    let response = bench.send(CHAT, ask("fault/gzip-unasked", "hi")).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let bytes = response.bytes().await.unwrap();
    assert_eq!(bytes[..3], [0x1f, 0x8b, 8]);
    let length = u32::from_le_bytes(bytes[bytes.len() - 4..].try_into().unwrap()) as usize;
    assert_eq!(bytes.len(), 10 + 5 + length + 8);
}

#[tokio::test]
async fn redirects() {
    let bench = Bench::new().await;
    let response = bench.send(CHAT, ask("fault/redirect:307", "hi")).await;
    assert_eq!(response.status(), 307);
    assert!(response.headers().contains_key("location"));
}

#[tokio::test]
async fn slow_head_and_pause_are_late_and_whole() {
    let bench = Bench::new().await;
    for model in ["fault/slow-head:150", "fault/pause:150"] {
        let start = tokio::time::Instant::now();
        bench.stream(CHAT, ask(model, "hi")).await;
        assert!(start.elapsed() >= Duration::from_millis(150));
    }
}

async fn text_of(bench: &Bench, fault: &str) -> String {
    let body = ask_with(&format!("fault/{fault}"), "[[tokens=8]]", json!({"stream": true}));
    let bytes = bench.send(CHAT, body).await.bytes().await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn bent_streams() {
    let bench = Bench::new().await;
    let usages = |text: &str| text.matches("\"usage\"").count();
    let plain = text_of(&bench, "comments").await;
    assert_eq!(plain.matches(": keep-alive\n\n").count(), plain.matches("data:").count());
    assert!(!text_of(&bench, "no-done").await.contains("[DONE]"));
    assert!(!text_of(&bench, "after-done").await.ends_with("[DONE]\n\n"));
    assert_eq!(usages(&text_of(&bench, "no-usage").await), 0);
    assert_eq!(usages(&text_of(&bench, "usage-twice").await), 2);
    assert_eq!(usages(&text_of(&bench, "usage-last").await), 1);
    assert_eq!(usages(&text_of(&bench, "usage-finish").await), 1);
    assert_eq!(usages(&text_of(&bench, "usage-every").await), 10);
    assert!(text_of(&bench, "huge-usage").await.contains("18446744073709551615"));
    assert!(text_of(&bench, "eos").await.contains("\"finish_reason\":\"eos\""));
    assert!(!text_of(&bench, "cr-lines").await.contains('\n'));
    let crlf = text_of(&bench, "crlf-lines").await;
    assert_eq!(crlf.matches('\n').count(), crlf.matches("\r\n").count());
    assert!(text_of(&bench, "one-byte").await.ends_with("data: [DONE]\n\n"));
    assert!(text_of(&bench, "all-at-once").await.ends_with("data: [DONE]\n\n"));
    assert!(text_of(&bench, "garbage").await.contains("this is no event"));
    assert!(text_of(&bench, "bad-json").await.contains("[oops"));
    assert!(text_of(&bench, "event-lines").await.contains("event: message\nid: 7\nretry: 3000\ndata: "));
    let cut = text_of(&bench, "end-early:2").await;
    assert_eq!(cut.matches("data:").count(), 2);
    let error = text_of(&bench, "error-event:2").await;
    assert!(error.ends_with("\"data\":null}\n\n") && error.contains("50505"));
}

#[tokio::test]
async fn an_answer_in_the_reasoning() {
    let bench = Bench::new().await;
    let events = bench.stream(CHAT, ask("fault/answer-in-reasoning", "hello")).await;
    assert_eq!(said(&events, "content"), "");
    assert!(said(&events, "reasoning_content").contains("hello"));
}

#[tokio::test]
async fn bent_usage_is_billed_as_it_was() {
    let bench = Bench::new().await;
    for fault in ["no-usage", "huge-usage", "usage-twice", "one-byte", "all-at-once"] {
        text_of(&bench, fault).await;
    }
    let billed = bench.server.control().billed();
    assert_eq!(billed.total.completion_tokens, 5 * 8);
    assert_eq!(billed.models.len(), 5);
}

#[tokio::test]
async fn endless_bodies_go_on() {
    let bench = Bench::new().await;
    for fault in ["endless-line", "endless-stream"] {
        let body = ask_with(&format!("fault/{fault}"), "hi", json!({"stream": true}));
        let mut stream = bench.send(CHAT, body).await.bytes_stream();
        let mut length = 0;
        while length < 200_000 {
            length += stream.next().await.unwrap().unwrap().len();
        }
    }
}

#[tokio::test]
async fn every_name_is_listed_once_and_documented() {
    let names: HashSet<&str> = FAULT_NAMES.iter().map(|fault| fault.name).collect();
    assert_eq!(names.len(), FAULT_NAMES.len());
    let bench = Bench::new().await;
    let url = format!("http://{}/mock/faults", bench.server.addr());
    let listed: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(listed.len(), FAULT_NAMES.len());
    let guide = include_str!("../../docs/emulator.md");
    for fault in FAULT_NAMES {
        let row = format!("| `{}` | {} |", fault.name, fault.meaning);
        assert!(guide.contains(&row), "docs/emulator.md lacks: {row}");
    }
}

async fn play(name: &'static str) {
    let bench = Bench::new().await;
    let body = ask_with(&format!("fault/{name}"), "hi", json!({"stream": true}));
    let answer = async { bench.try_post(CHAT, &body).await?.bytes().await };
    let played = async {
        while bench.server.control().requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Some never end; that they were played is enough here.
    tokio::select! {
        _ = answer => {}
        () = played => {}
    }
    let requests = bench.server.control().requests();
    assert_eq!(requests[0].fault.as_deref(), Some(name));
}

#[tokio::test]
async fn every_fault_can_be_played() {
    let all: tokio::task::JoinSet<()> = FAULT_NAMES.iter().map(|fault| play(fault.name)).collect();
    all.join_all().await;
}
