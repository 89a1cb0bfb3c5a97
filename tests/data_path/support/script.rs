//! An upstream that does to the byte what a test says, and keeps what it received.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::Connection;
use super::soon;

/// One step of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Write these bytes.
    Say(Vec<u8>),
    /// Write each byte by itself.
    Drip(Vec<u8>),
    /// Write this for ever, as fast as it is taken.
    Flood(Vec<u8>),
    /// Do nothing for so long.
    Wait(Duration),
    /// Do nothing until the other side closes; note when.
    Stall,
    /// Close properly.
    Close,
    /// Close with a reset.
    Reset,
}

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Request line and headers, without the empty line.
    pub(crate) head: String,
    /// The body without framing; the first MiB of it.
    pub(crate) body: Vec<u8>,
    /// Its whole length.
    pub(crate) length: u64,
    /// SHA-256 of the whole.
    pub(crate) hash: Vec<u8>,
    /// Whether the body came to its proper end.
    pub(crate) is_whole: bool,
}

impl Seen {
    /// The path with its query.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a header (name in lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

pub(super) type Plan = Box<dyn Fn(&Seen) -> Vec<Act> + Send + Sync>;

/// What happened at a scripted upstream.
#[derive(Default)]
pub(super) struct Log {
    pub(super) seen: Mutex<Vec<Seen>>,
    pub(super) closed: Mutex<Vec<Instant>>,
    pub(super) connections: AtomicU64,
    pub(super) written: AtomicU64,
    /// Bytes of bodies received so far, also of those that are still coming.
    pub(super) received: AtomicU64,
}

/// A scripted upstream.
pub(crate) struct Script {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
    _tasks: JoinSet<()>,
}

impl Script {
    /// Answers every request as `plan` says once its body is here.
    pub(crate) async fn new(plan: impl Fn(&Seen) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::start(Box::new(plan), false).await
    }

    /// Answers when the head is here; the body is not read.
    pub(crate) async fn at_head(plan: impl Fn(&Seen) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::start(Box::new(plan), true).await
    }

    /// The same acts for every request.
    pub(crate) async fn always(acts: Vec<Act>) -> Self {
        Self::new(move |_| acts.clone()).await
    }

    async fn start(plan: Plan, at_head: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (log, plan) = (Arc::new(Log::default()), Arc::new(plan));
        let mut tasks = JoinSet::new();
        let shared = log.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (log, plan) = (shared.clone(), plan.clone());
                connections.spawn(async move {
                    Connection::new(stream, log.clone()).serve(&plan, at_head).await;
                    log.closed.lock().unwrap().push(Instant::now());
                });
            }
        });
        Self { address, log, _tasks: tasks }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Requests that arrived, as far as they did.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    /// The only request that arrived.
    pub(crate) fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// Bytes of floods that were taken.
    pub(crate) fn written(&self) -> u64 {
        self.log.written.load(Ordering::SeqCst)
    }

    pub(crate) fn received(&self) -> u64 {
        self.log.received.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.log.connections.load(Ordering::SeqCst)
    }

    /// Waits until `count` connections have ended; when the last of them did.
    pub(crate) async fn closed(&self, count: usize) -> Instant {
        soon("the upstream's connection closes", async || self.log.closed.lock().unwrap().len() >= count).await;
        *self.log.closed.lock().unwrap().last().unwrap()
    }

    /// Waits until a request is here.
    pub(crate) async fn is_called(&self) {
        soon("the upstream is called", async || !self.seen().is_empty()).await;
    }
}

/// A whole answer with a JSON body.
pub(crate) fn json_answer(status: u16, body: impl AsRef<[u8]>) -> Act {
    let body = body.as_ref();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    Act::Say([head.as_bytes(), body].concat())
}

/// A small good answer to a chat request.
pub(crate) fn ok_chat() -> Act {
    json_answer(
        200,
        r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
    )
}

/// The head of a stream and its first bytes, chunked.
pub(crate) fn sse(bytes: &[u8]) -> Act {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    Act::Say([&head[..], &super::chunk(bytes)].concat())
}
