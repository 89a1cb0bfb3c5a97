//! What hostile or large traffic costs in memory. Each measurement runs in a process of its own, because the tests
//! beside it would be measured too.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::support::{
    Act, Got, MODEL, Raw, Rig, Script, chunk, is_alone, json_answer, resident_kib, soon, sse, stream,
};

#[tokio::test]
async fn readers_that_stop_cost_no_memory() {
    if !is_alone("memory::readers_that_stop_cost_no_memory").await {
        return;
    }
    let text = "x".repeat(1000);
    let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n").repeat(16);
    let script = Script::always(vec![sse(b": hi\n\n"), Act::Flood(chunk(event.as_bytes()))]).await;
    let rig = Rig::before(&script.base_url(), "[server]\nwrite_timeout = \"3s\"\n").await;
    let body = stream(MODEL, "x", serde_json::json!({})).to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let before = resident_kib();
    let mut readers = Vec::new();
    for _ in 0..200 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(rig.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        readers.push(stream);
    }
    soon("all are streaming", async || script.seen().len() == 200).await;
    // The queues on the way fill; then the upstream can write no more.
    let mut last = (script.written(), 0);
    soon("the upstream is held back", async || {
        tokio::time::sleep(Duration::from_millis(50)).await;
        last = if script.written() == last.0 { (last.0, last.1 + 1) } else { (script.written(), 0) };
        last.1 == 10
    })
    .await;
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 200 * 256, "{grown} KiB for 200 readers that stopped");
    // Those who take nothing at all are cut off, and nothing is left.
    script.closed(200).await;
    rig.is_idle().await;
    drop(readers);
}

#[tokio::test]
async fn deep_and_huge_json_costs_no_memory() {
    if !is_alone("memory::deep_and_huge_json_costs_no_memory").await {
        return;
    }
    let script = Script::always(vec![json_answer(200, r#"{"choices":[]}"#)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let before = resident_kib();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for levels in [100_000, 1_000_000] {
            let middle = if open == "[" { "" } else { "1" };
            let body =
                format!("{{\"model\":\"m\",\"messages\":{}{middle}{}}}", open.repeat(levels), close.repeat(levels));
            let got = Got::of(rig.post("/v1/chat/completions", body)).await;
            assert!(got.status == 200 || got.status == 400, "{levels} levels of {open}: {}", got.status);
        }
    }
    let many = (0..300_000).map(|number| format!("\"k{number}\":1")).collect::<Vec<_>>().join(",");
    let got = Got::of(rig.post("/v1/chat/completions", format!("{{\"model\":\"m\",{many}}}"))).await;
    assert!(got.status == 200 || got.status == 400, "{}", got.status);
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 150 * 1024, "{grown} KiB");
}

#[tokio::test]
async fn a_large_upload_costs_no_memory() {
    if !is_alone("memory::a_large_upload_costs_no_memory").await {
        return;
    }
    let script = Script::always(vec![json_answer(200, r#"{"text":"hi"}"#)]).await;
    let rig = Rig::before(&script.base_url(), "").await;
    let before = resident_kib();
    let head = "--b0\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nFunAudioLLM/SenseVoiceSmall\r\n\
        --b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
    let piece: Vec<u8> = (0..65_536u32).map(|number| (number * 31 % 251) as u8).collect();
    let count = 50 * 16;
    let length = head.len() + piece.len() * count + 10;
    let mut raw = Raw::saying(
        rig.address,
        format!(
            "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\n\
        content-type: multipart/form-data; boundary=b0\r\ncontent-length: {length}\r\n\r\n{head}"
        ),
    )
    .await;
    let mut hash = Sha256::new_with_prefix(head);
    let mut most = 0;
    for _ in 0..count {
        raw.say(&piece).await;
        hash.update(&piece);
        most = most.max(resident_kib().saturating_sub(before));
    }
    raw.say("\r\n--b0--\r\n").await;
    hash.update("\r\n--b0--\r\n");
    let answer = raw.answer().await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"text":"hi"}"#));
    let seen = script.only();
    assert_eq!((seen.length, seen.hash), (length as u64, hash.finalize().to_vec()));
    assert!(most < 20 * 1024, "{most} KiB for 50 MiB");
}
