//! TLS of the listener: both HTTP versions, new certificates without a dropped stream, and clear words about wrong files.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::gateway::{ANYWHERE, Gateway, PLAIN, config, emulator, slow_emulator, tokens_of};
use super::program::{Finished, Home, run, until};
use super::tls_client::{Certificate, Http2, TLS, connect, protocol, shown, text};

const CHAT: &str = "/v1/chat/completions";

fn asked(tokens: usize) -> serde_json::Value {
    json!({"model": PLAIN, "stream": true, "messages": [{"role": "user", "content": format!("[[tokens={tokens}]]")}]})
}

#[tokio::test]
async fn both_http_versions_are_spoken() {
    let (home, emulator, certificate) = (Home::new(), emulator().await, Certificate::new());
    certificate.install(&home);
    let gateway = Gateway::before(&home, &emulator, TLS).await;
    assert!(gateway.base.starts_with("https://"), "{}", gateway.base);

    let stream = connect(gateway.address(), &[&certificate], &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(protocol(&stream).as_deref(), Some("h2"));
    let answer = Http2::over(stream).await.post(CHAT, &asked(5)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(tokens_of(&text(answer).await.unwrap()), Some(5));

    for offered in [&["http/1.1"][..], &[]] {
        let mut stream = connect(gateway.address(), &[&certificate], offered).await.unwrap();
        assert_eq!(protocol(&stream).as_deref(), offered.first().copied());
        stream.write_all(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _some_end_without_a_notice = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains(PLAIN), "{answer}");
    }
    let admin = gateway.admin("/readyz").await;
    assert_eq!(admin.status(), 200, "the admin plane has no TLS");
}

/// Many streams over one connection, none in the way of another.
#[tokio::test]
async fn one_connection_carries_many_streams() {
    let (home, emulator, certificate) =
        (Home::new(), slow_emulator(Duration::from_millis(20)).await, Certificate::new());
    certificate.install(&home);
    let gateway = Gateway::before(&home, &emulator, TLS).await;
    let mut connection = Http2::over(connect(gateway.address(), &[&certificate], &["h2"]).await.unwrap()).await;
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let answer = connection.post(CHAT, &asked(20)).await;
        streams.spawn(async move { tokens_of(&text(answer).await?) });
    }
    assert_eq!(streams.join_all().await, vec![Some(20); 20]);
    assert_eq!(gateway.metric("flowgate_connections").await, 1.0);
}

#[tokio::test]
async fn a_new_certificate_is_used_and_open_streams_stay() {
    let (home, emulator) = (Home::new(), slow_emulator(Duration::from_millis(50)).await);
    let (old, new) = (Certificate::new(), Certificate::new());
    old.install(&home);
    let gateway = Gateway::before(&home, &emulator, TLS).await;
    let mut connection = Http2::over(connect(gateway.address(), &[&old], &["h2"]).await.unwrap()).await;
    let stream = connection.post(CHAT, &asked(80)).await;

    new.install(&home);
    until("the new certificate", async || {
        let stream = connect(gateway.address(), &[&old, &new], &["h2"]).await.unwrap();
        (shown(&stream) == *new.der()).then_some(())
    })
    .await;
    assert_eq!(emulator.control().live(), 1, "the stream was over too soon for this test");
    assert_eq!(tokens_of(&text(stream).await.unwrap()), Some(80));
    let again = connection.post(CHAT, &asked(1)).await;
    assert_eq!(again.status(), 200, "the old connection goes on");
}

/// A certificate that came without its key leaves the old pair in force.
#[tokio::test]
async fn half_a_new_pair_changes_nothing() {
    let (home, emulator) = (Home::new(), emulator().await);
    let (old, new) = (Certificate::new(), Certificate::new());
    old.install(&home);
    let gateway = Gateway::before(&home, &emulator, TLS).await;
    home.write("tls/cert.pem", &new.pem());
    gateway.reloaded("refused").await;
    gateway.program.complains("server.tls").await;
    assert_eq!(gateway.metric("flowgate_config_last_reload_successful").await, 0.0);
    let stream = connect(gateway.address(), &[&old, &new], &["h2"]).await.unwrap();
    assert_eq!(shown(&stream), *old.der());
    home.write("tls/key.pem", &new.key_pem());
    gateway.reloaded("ok").await;
    let stream = connect(gateway.address(), &[&old, &new], &["h2"]).await.unwrap();
    assert_eq!(shown(&stream), *new.der());
}

#[tokio::test]
async fn the_wrong_file_is_named() {
    let (one, other) = (Certificate::new(), Certificate::new());
    let good = (one.pem(), one.key_pem());
    // The two files, and which of them has to be named.
    let cases = [
        ("garbage".to_owned(), good.1.clone(), "cert.pem"),
        (String::new(), good.1.clone(), "cert.pem"),
        (good.1.clone(), good.1.clone(), "cert.pem"),
        (good.0.clone(), "garbage".to_owned(), "key.pem"),
        (good.0.clone(), good.0.clone(), "key.pem"),
        (good.0.clone(), other.key_pem(), "key.pem"),
        (good.0.replace("MII", "AAA"), good.1.clone(), "cert.pem"),
    ];
    for (number, (cert, key, named)) in cases.into_iter().enumerate() {
        let (home, emulator) = (Home::new(), emulator().await);
        home.write("tls/cert.pem", &cert);
        home.write("tls/key.pem", &key);
        home.write("flowgate.toml", &config(&home, &emulator, TLS));
        for command in ["serve", "check"] {
            let end = run(&home, &[&[command, "--config", "flowgate.toml"], &ANYWHERE[..]].concat()).await;
            names(&end, named, &format!("case {number}, {command}"));
        }
    }
}

fn names(end: &Finished, file: &str, what: &str) {
    let said = end.text();
    assert_eq!(end.code, Some(1), "{what}: {end:?}");
    assert!(said.contains("server.tls") && said.contains(file), "{what}: {file} is not in {said}");
    assert!(!said.contains("PRIVATE KEY") && !said.contains("panicked"), "{what}: {said}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_closed() {
    let (home, emulator, certificate) = (Home::new(), emulator().await, Certificate::new());
    certificate.install(&home);
    let gateway = Gateway::before(&home, &emulator, &format!("[server]\nheader_timeout = \"500ms\"\n{TLS}")).await;
    // Nothing at all; the beginning of a record; plain HTTP.
    for first in [&b""[..], b"\x16\x03\x01\x02\x00\x01", b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(first).await.unwrap();
        let mut rest = Vec::new();
        let end = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
        let _closed_or_reset = end.unwrap_or_else(|_| panic!("still open after {:?}", begun.elapsed()));
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    // A handshake that is done, and then silence.
    let mut stream = connect(gateway.address(), &[&certificate], &["http/1.1"]).await.unwrap();
    let mut rest = Vec::new();
    let _closed_or_reset = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await.expect("closed");
    until("no connection left", async || (gateway.metric("flowgate_connections").await == 0.0).then_some(())).await;
    let stream = connect(gateway.address(), &[&certificate], &["h2"]).await.unwrap();
    assert_eq!(Http2::over(stream).await.post(CHAT, &asked(1)).await.status(), 200);
}

/// The drain speaks HTTP/2 too: streams finish, and the connection is told to go away.
#[tokio::test]
async fn streams_over_http2_finish_at_the_end() {
    let (home, emulator, certificate) =
        (Home::new(), slow_emulator(Duration::from_millis(50)).await, Certificate::new());
    certificate.install(&home);
    let mut gateway = Gateway::before(&home, &emulator, TLS).await;
    let mut connection = Http2::over(connect(gateway.address(), &[&certificate], &["h2"]).await.unwrap()).await;
    let stream = connection.post(CHAT, &asked(40)).await;
    gateway.program.signal("TERM");
    assert_eq!(tokens_of(&text(stream).await.unwrap()), Some(40));
    let (code, took) = gateway.program.end().await;
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}
