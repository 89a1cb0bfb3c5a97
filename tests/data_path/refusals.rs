//! Everything the upstream can refuse with, as the caller sees it: one table, one snapshot.

use flowgate::mock::FAULT_NAMES;
use serde_json::json;

use super::support::{Act, Got, MODEL, Rig, Script, chat, json_answer};

/// The faults that are refusals or no answers, by the name the emulator gives them.
fn refusals() -> Vec<&'static str> {
    let is_refusal = |name: &&str| {
        let status = name.rsplit('-').next().unwrap_or_default().get(..3).unwrap_or_default();
        let by_status =
            name.split('-').any(|word| word.len() == 3 && word.parse::<u16>().is_ok_and(|code| code >= 200));
        let by_code = ["20012", "20015", "20024"].iter().any(|code| name.ends_with(code));
        let by_name = ["overflow", "overflow-seq", "overflow-2025", "thinking-type", "gzip-unasked"].contains(name);
        (by_status || by_code || by_name || status == "429")
            && !name.starts_with("flaky")
            && !name.starts_with("picture")
    };
    FAULT_NAMES.iter().map(|fault| fault.name).filter(is_refusal).collect()
}

/// What a caller learns: status, type, code, param, headers about retries, message.
async fn row(fault: &str, is_streamed: bool) -> String {
    let rig = Rig::mocked("[upstream]\nretries = 0\n[queue]\nmax_wait = \"0s\"\n[[account]]\ntier = \"L0\"\n").await;
    let mut body = chat(&format!("fault/{fault}"), "x");
    body["stream"] = json!(is_streamed);
    let got = Got::of(rig.post("/v1/chat/completions", body.to_string())).await;
    let error = got.error();
    let object = got.json();
    let retry = |name| got.header(name).unwrap_or("-").to_owned();
    let after = match retry("retry-after").parse::<u64>() {
        Ok(1..=86_400) if fault.contains("pd-429") => "until midnight".to_owned(),
        Ok(1..=3600) if fault.contains("ph-429") => "until the hour".to_owned(),
        _ => retry("retry-after"),
    };
    rig.is_idle().await;
    let param = object["error"]["param"].as_str().unwrap_or("-").to_owned();
    format!(
        "{error} {param}, retry-after {after}, x-should-retry {}\n    {}",
        retry("x-should-retry"),
        object["error"]["message"].as_str().unwrap()
    )
}

#[tokio::test]
async fn each_refusal_becomes_one_honest_error() {
    let names = refusals();
    assert!(names.len() > 30, "{names:?}");
    let mut table = String::new();
    for name in names {
        let whole = row(name, false).await;
        assert_eq!(row(name, true).await, whole, "streamed and not: {name}");
        table += &format!("{name}: {whole}\n");
    }
    insta::with_settings!({snapshot_path => "snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("refusals", table);
    });
}

/// A refusal of the scripted upstream, as the caller sees it.
async fn refused(head: &str, body: &[u8]) -> Got {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
    let script = Script::always(vec![Act::Say([head.as_bytes(), body].concat())]).await;
    let rig = Rig::before(
        &script.base_url(),
        "[upstream]\nretries = 0\n[queue]\nmax_wait = \"0s\"\n[[account]]\ntier = \"L0\"\n",
    )
    .await;
    Got::of(rig.post("/v1/chat/completions", chat(MODEL, "x").to_string())).await
}

#[tokio::test]
async fn the_trace_id_comes_back_with_an_error() {
    for status in ["400 X", "401 X", "429 X", "503 X"] {
        let got = refused(&format!("{status}\r\nx-siliconcloud-trace-id: ti_canary"), b"{}").await;
        got.error();
        assert_eq!(got.header("x-siliconcloud-trace-id"), Some("ti_canary"), "{status}");
    }
}

/// What the upstream asks for is the least that we ask for.
async fn check_retry_after(status: u16, seconds: u64) {
    let got =
        refused(&format!("{status} X\r\nretry-after: {seconds}"), br#"{"message":"Details: TPM limit reached."}"#)
            .await;
    assert_eq!(got.status, status);
    let ours: u64 = got.header("retry-after").unwrap().parse().unwrap();
    assert!(ours >= seconds, "{status}: {ours}, not {seconds}");
}

#[tokio::test]
async fn a_short_retry_after_is_kept() {
    check_retry_after(429, 17).await;
    check_retry_after(503, 1).await;
}

#[tokio::test]
async fn a_long_retry_after_is_kept() {
    check_retry_after(429, 120).await;
    check_retry_after(503, 9).await;
}

#[tokio::test]
async fn a_long_text_is_quoted_in_part() {
    let got =
        refused("400 X", &json!({"code": 20015, "message": "\u{4f60}".repeat(100_000)}).to_string().into_bytes()).await;
    assert_eq!(got.error(), "400 invalid_request_error/null");
    assert!(got.body.len() < 4096, "{}", got.body.len());
}

#[tokio::test]
async fn a_compressed_refusal_is_not_quoted_as_text() {
    let got = refused("400 X\r\ncontent-encoding: gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03garbage").await;
    assert!(!got.text().contains("garbage"), "compressed bytes are no text: {}", got.text());
}

#[tokio::test]
async fn a_refusal_without_an_end_is_still_told() {
    let script =
        Script::always(vec![Act::Say(b"HTTP/1.1 400 X\r\ncontent-length: 99\r\n\r\n{\"code\"".to_vec()), Act::Stall])
            .await;
    let rig = Rig::before(&script.base_url(), "[upstream]\nidle_timeout = \"200ms\"\n").await;
    let got = Got::of(rig.post("/v1/chat/completions", chat(MODEL, "x").to_string())).await;
    assert_eq!(got.error(), "400 invalid_request_error/null");
    rig.is_idle().await;
}

#[tokio::test]
async fn messages_have_errors_in_their_own_shape() {
    let script = Script::always(vec![json_answer(503, b"{}")]).await;
    let rig = Rig::before(
        &script.base_url(),
        "[upstream]\nretries = 0\n[queue]\nmax_wait = \"0s\"\n[[account]]\ntier = \"L0\"\n",
    )
    .await;
    let got = Got::of(rig.post("/v1/messages", chat(MODEL, "x").to_string())).await;
    let object = got.json();
    assert_eq!(
        (got.status, object["type"].as_str(), object["error"]["type"].as_str()),
        (529, Some("error"), Some("overloaded_error"))
    );
    assert_eq!(object["request_id"].as_str(), got.header("x-request-id"));
}
