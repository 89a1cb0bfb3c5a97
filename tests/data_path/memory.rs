//! What hostile or large traffic costs in memory. Each measurement runs in a process of its own, because the tests
//! beside it would be measured too.

use std::net::SocketAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::support::{
    Act, Got, MODEL, Raw, Rig, Script, chunk, is_alone, json_answer, resident_kib, soon, sse, stream,
};

/// Callers of an endless stream (product.md, section 2: flat under 1,000 slow streams).
const READERS: usize = 1000;

#[tokio::test]
async fn slow_readers_of_an_endless_stream_cost_no_memory() {
    if !is_alone("memory::slow_readers_of_an_endless_stream_cost_no_memory").await {
        return;
    }
    let script = endless().await;
    let rig = Rig::before(&script.base_url(), "").await;
    let before = resident_kib();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(slow_reader(rig.address).await);
    }
    soon("all are streaming", async || script.seen().len() == READERS).await;
    is_held_back(&script).await;
    let full = resident_kib();
    // The scripted upstream's side is in this process too.
    assert!(full - before < READERS as u64 * 256, "{} KiB for {READERS} readers that stopped", full - before);
    // They go on slowly, and what is held for them does not grow.
    read_on(&mut readers, 100_000).await;
    let settled = resident_kib();
    read_on(&mut readers, 500_000).await;
    let most = resident_kib();
    assert!(most < settled + settled / 20, "{settled} KiB became {most} KiB while they read on");
}

#[tokio::test]
async fn who_takes_nothing_is_cut_off() {
    let script = endless().await;
    let rig = Rig::before(&script.base_url(), "[server]\nwrite_timeout = \"1s\"\n").await;
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(slow_reader(rig.address).await);
    }
    soon("all are streaming", async || script.seen().len() == readers.len()).await;
    script.closed(readers.len()).await;
    rig.is_idle().await;
}

/// An upstream whose answers never end.
async fn endless() -> Script {
    let text = "x".repeat(1000);
    let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n").repeat(16);
    Script::always(vec![sse(b": hi\n\n"), Act::Flood(chunk(event.as_bytes()))]).await
}

/// A caller whose socket takes little at a time.
async fn slow_reader(address: SocketAddr) -> TcpStream {
    let body = stream(MODEL, "x", serde_json::json!({})).to_string();
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}", body.len());
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
    stream
}

/// Each takes some more of its stream.
async fn read_on(readers: &mut [TcpStream], bytes: u64) {
    let reading = readers.iter_mut().map(|reader| async move {
        let taken = tokio::io::copy(&mut reader.take(bytes), &mut tokio::io::sink()).await.unwrap();
        assert_eq!(taken, bytes, "a reader who reads was cut off");
    });
    futures_util::future::join_all(reading).await;
}

/// Waits until the queues on the way are full and the upstream can write no more.
async fn is_held_back(script: &Script) {
    let mut last = (script.written(), 0);
    soon("the upstream is held back", async || {
        tokio::time::sleep(Duration::from_millis(50)).await;
        last = if script.written() == last.0 { (last.0, last.1 + 1) } else { (script.written(), 0) };
        last.1 == 10
    })
    .await;
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
