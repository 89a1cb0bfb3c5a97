//! What a keeper does with every kind of answer, and what is left of it afterwards.

mod answers;
mod keeping;
mod serving;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::keeper::Clock;
use super::{Home, Keeper, MediaSettings, Piece, Pieces};
use crate::telemetry::metrics::Metrics;

/// What a host answers on a path: bytes and all, then it closes or goes on for ever.
type Answers = BTreeMap<&'static str, (Vec<u8>, End)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Close,
    Stall,
    /// Says the answer's last 64 KiB for ever.
    Endless,
}

/// A host of pictures on this machine.
struct Host {
    address: SocketAddr,
    calls: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Host {
    async fn new(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, calls) = (Arc::new(answers), Arc::new(AtomicU64::new(0)));
        let (counted, mut tasks) = (calls.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let answers = answers.clone();
                connections.spawn(async move {
                    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        match stream.read(&mut piece).await {
                            Ok(count) if count > 0 => head.extend_from_slice(&piece[..count]),
                            _ => return,
                        }
                    }
                    let head = String::from_utf8(head).unwrap();
                    let path = head.split(' ').nth(1).unwrap();
                    let Some((bytes, end)) = answers.get(path.split('?').next().unwrap()) else { return };
                    let _gone = stream.write_all(bytes).await;
                    match end {
                        End::Close => {}
                        End::Stall => std::future::pending().await,
                        End::Endless => while stream.write_all(&[0x20; 65536]).await.is_ok() {},
                    }
                });
            }
        });
        Self { address, calls, _tasks: tasks }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

/// A good answer with these bytes in it.
fn good(kind: &str, bytes: &[u8]) -> (Vec<u8>, End) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", bytes.len());
    ([head.as_bytes(), bytes].concat(), End::Close)
}

/// A PNG as far as anybody looks, with `filling` bytes in its middle.
fn png(filling: usize) -> Vec<u8> {
    let head = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
    let body: Vec<u8> = (0..filling).map(|index| (index % 251) as u8).collect();
    [&head[..], &body, b"\0\0\0\0IEND\xae\x42\x60\x82"].concat()
}

const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2";

/// The moment at which tests begin (Unix seconds).
const NOW: u64 = 1_800_000_000;

/// A clock that stands until it is moved.
fn clock() -> (Clock, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(NOW));
    let read = now.clone();
    (Arc::new(move || read.load(Ordering::SeqCst)), now)
}

fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}

fn settings() -> MediaSettings {
    MediaSettings { fetch_timeout: Duration::from_secs(2), ..MediaSettings::default() }
}

/// A keeper for an upstream at `upstream`, in `folder`.
fn keeper_in(folder: &Path, upstream: &str, settings: MediaSettings, clock: Clock) -> Keeper {
    let home = Home::Folder { path: folder.to_owned(), is_synced: false };
    Keeper::open(home, &[3; 32], settings, upstream, tls(), Arc::new(Metrics::new().unwrap()), clock).unwrap()
}

/// The bytes of a body of these pieces.
async fn bytes(pieces: impl IntoIterator<Item = Piece>) -> Vec<u8> {
    Pieces::new(pieces).collect().await.unwrap().to_bytes().to_vec()
}

/// Names of the files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
