//! Answers of hosts that mean no good: none of them is kept, none of them costs more than its limits, nothing is left of any.

use std::net::SocketAddr;
use std::sync::Mutex;

use super::*;
use crate::media::{Kind, MediaError};

/// What becomes of a link to a host that answers so.
async fn kept(answer: (Vec<u8>, End), kind: Kind) -> Result<u64, &'static str> {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(BTreeMap::from([("/thing", answer)])).await;
    let keeper = keeper_in(home.path(), &host.url("/v1"), settings(), clock().0);
    let started = tokio::time::Instant::now();
    let kept = keeper.keep(&host.url("/thing?Signature=secret"), kind, "ann").await;
    assert!(started.elapsed() < Duration::from_secs(20));
    if let Err(error) = &kept {
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(files(home.path()), Vec::<String>::new(), "{error}");
    }
    kept.map(|kept| kept.length).map_err(|error| error.label())
}

fn answer(head: &str, body: &[u8], end: End) -> (Vec<u8>, End) {
    ([head.as_bytes(), b"\r\n\r\n", body].concat(), end)
}

#[tokio::test]
async fn a_picture_is_kept_whatever_is_said_of_it() {
    let picture = png(1000);
    for kind in ["image/png", "application/octet-stream", "text/html", ""] {
        assert_eq!(kept(good(kind, &picture), Kind::Picture).await, Ok(picture.len() as u64), "{kind}");
    }
    // Without a length, to the end of the connection.
    assert_eq!(kept(answer("HTTP/1.1 200 OK", &picture, End::Close), Kind::Picture).await, Ok(picture.len() as u64));
    assert_eq!(kept(good("video/mp4", MP4), Kind::Video).await, Ok(24));
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    for body in [
        &b"<html><body>Not a picture</body></html>"[..],
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
        b"{\"code\":20012}",
        b"root:x:0:0:root:/root:/bin/bash",
        b"\x89PNG",
        b"",
        MP4,
    ] {
        assert_eq!(kept(good("image/png", body), Kind::Picture).await, Err("content"), "{body:?}");
    }
    assert_eq!(kept(good("video/mp4", &png(10)), Kind::Video).await, Err("content"));
    let gzip = answer("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3", b"\x1f\x8b\x08", End::Close);
    assert_eq!(kept(gzip, Kind::Picture).await, Err("content"));
}

#[tokio::test]
async fn redirects_are_not_followed_and_errors_are_none() {
    for status in [301, 302, 303, 307, 308] {
        let head = format!("HTTP/1.1 {status} X\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0");
        assert_eq!(kept(answer(&head, b"", End::Close), Kind::Picture).await, Err("redirect"), "{status}");
    }
    for status in [
        "204 No Content",
        "206 Partial Content\r\ncontent-length: 0",
        "403 Forbidden\r\ncontent-length: 0",
        "404 X\r\ncontent-length: 0",
    ] {
        assert_eq!(
            kept(answer(&format!("HTTP/1.1 {status}"), b"", End::Close), Kind::Picture).await,
            Err("status"),
            "{status}"
        );
    }
}

#[tokio::test]
async fn lengths_that_lie_are_found_out() {
    let picture = png(1000);
    let with_length =
        |length: usize| answer(&format!("HTTP/1.1 200 OK\r\ncontent-length: {length}"), &picture, End::Close);
    assert_eq!(kept(with_length(picture.len() + 1), Kind::Picture).await, Err("broken"));
    assert_eq!(kept(with_length(picture.len() - 20), Kind::Picture).await, Err("broken"));
    assert_eq!(kept(with_length(1 << 40), Kind::Picture).await, Err("too_large"));
    // Cut off in the middle, where nobody said how long it would be.
    assert_eq!(kept(answer("HTTP/1.1 200 OK", &picture[..500], End::Close), Kind::Picture).await, Err("broken"));
}

#[tokio::test]
async fn endless_and_slow_answers_end() {
    let start = png(64);
    assert_eq!(kept(answer("HTTP/1.1 200 OK", &start[..40], End::Endless), Kind::Picture).await, Err("too_large"));
    assert_eq!(kept(answer("HTTP/1.1 200 OK", b"<html>", End::Endless), Kind::Picture).await, Err("content"));
    assert_eq!(kept(answer("HTTP/1.1 200 OK", &start[..40], End::Stall), Kind::Picture).await, Err("too_slow"));
    assert_eq!(kept((b"HTTP/1.1 200".to_vec(), End::Stall), Kind::Picture).await, Err("too_slow"));
    let endless_head = ([&b"HTTP/1.1 200 OK\r\n"[..], &b"x: y\r\n".repeat(20_000)].concat(), End::Stall);
    assert_eq!(kept(endless_head, Kind::Picture).await, Err("broken"));
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let home = tempfile::tempdir().unwrap();
    let host =
        Host::new(BTreeMap::from([("/x", answer("HTTP/1.1 503 X\r\ncontent-length: 0", b"", End::Close))])).await;
    let keeper = keeper_in(home.path(), &host.url("/v1"), settings(), clock().0);
    assert!(matches!(keeper.keep(&host.url("/x"), Kind::Picture, "ann").await, Err(MediaError::Status(503))));
    assert_eq!(host.calls(), 3);
    drop(host);
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let keeper = keeper_in(home.path(), &format!("http://{nobody}/v1"), settings(), clock().0);
    let refused = keeper.keep(&format!("http://{nobody}/x"), Kind::Picture, "ann").await;
    assert!(matches!(refused, Err(MediaError::Unreachable(_))), "{refused:?}");
}

/// The addresses that a name resolves to, one list after the other, as a name server that changes its mind would say.
fn resolving(answers: Vec<Vec<SocketAddr>>) -> (crate::media::connector::Resolve, Arc<AtomicU64>) {
    let (asked, answers) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(answers)));
    let counted = asked.clone();
    let resolve = Arc::new(move |_host: String, _port: u16| {
        counted.fetch_add(1, Ordering::SeqCst);
        let mut answers = answers.lock().unwrap();
        let next = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { Ok(next) }) as futures_util::future::BoxFuture<'static, _>
    });
    (resolve, asked)
}

/// A good name may lead to a bad address: what counts is what is connected to.
#[tokio::test]
async fn names_that_lead_to_private_addresses_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(BTreeMap::from([("/x", good("image/png", &png(10)))])).await;
    let port = host.address.port();
    for address in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "::1", "::ffff:127.0.0.1", "fd00::1"] {
        let (resolve, asked) = resolving(vec![vec![SocketAddr::new(address.parse().unwrap(), port)]]);
        let keeper = keeper_in(home.path(), "https://api.siliconflow.cn/v1", settings(), clock().0).resolving(resolve);
        let refused = keeper.keep("https://s3.siliconflow.cn/x", Kind::Picture, "ann").await;
        assert!(matches!(refused, Err(MediaError::Address)), "{address}: {refused:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "asked once, and connected to what was said then");
    }
    assert_eq!(host.calls(), 0);
}

/// The upstream's own name is this machine's: what it resolves to must be, too.
#[tokio::test]
async fn a_local_name_must_stay_local() {
    let home = tempfile::tempdir().unwrap();
    let (resolve, _) = resolving(vec![vec![SocketAddr::from(([1, 1, 1, 1], 80))]]);
    let keeper = keeper_in(home.path(), "http://localhost:80/v1", settings(), clock().0).resolving(resolve);
    assert!(matches!(keeper.keep("http://localhost:80/x", Kind::Picture, "ann").await, Err(MediaError::Address)));
}
