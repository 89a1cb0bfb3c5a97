//! Upstreams to which no connection comes about.

use std::time::Duration;

use flowgate::config::Overrides;
use tokio::net::TcpListener;

use super::support::{Got, Rig, chat};
use super::upstreams::{SHORT_CONNECT, check};

#[tokio::test]
async fn a_refused_port_is_a_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let rig =
        check(&format!("http://{address}/v1"), "[upstream]\nretries = 1\n", "502 server_error/upstream_unreachable")
            .await;
    assert_eq!(rig.metric("flowgate_upstream_retries_total", &["connect"]).await, 1.0);
}

#[tokio::test]
async fn a_listener_that_never_accepts_is_a_504() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // What fills the queue stays there: the next packets are dropped as in a black hole.
    let mut fillers = Vec::new();
    while let Ok(Ok(filler)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        fillers.push(filler);
        assert!(fillers.len() < 64, "the queue never fills");
    }
    check(&format!("http://{address}/v1"), SHORT_CONNECT, "504 server_error/upstream_connect_timeout").await;
}

#[tokio::test]
async fn a_silent_handshake_is_a_504() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    check(&format!("https://{address}/v1"), SHORT_CONNECT, "504 server_error/upstream_connect_timeout").await;
    drop(listener);
}

#[tokio::test]
async fn what_is_no_tls_is_a_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await;
        }
    });
    check(&format!("https://{address}/v1"), SHORT_CONNECT, "502 server_error/upstream_tls").await;
}

#[tokio::test]
async fn a_wrong_certificate_is_a_502_and_a_named_one_is_right() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/v1", listener.local_addr().unwrap().port());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await;
            let _ = tokio::io::AsyncWriteExt::write_all(
                &mut stream,
                b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
            )
            .await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
        }
    });
    check(&url, SHORT_CONNECT, "502 server_error/upstream_tls").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let config = format!(
        "[upstream]\nbase_url = \"{url}\"\nca_file = \"{}\"\n[[account]]\nname = \"a\"\napi_key = {{ env = \"UPSTREAM\" }}\n",
        file.display()
    );
    let rig = Rig::with(&config, Overrides::default()).await;
    let got = Got::of(rig.post("/v1/rerank", chat("BAAI/bge-reranker-v2-m3", "x").to_string())).await;
    assert_eq!((got.status, got.text().as_str()), (200, "{}"));
}
