//! The last requests as they arrived, so that a test can see what the gateway really sent.
//! It must not know what the requests mean.

use super::emulator::locked;
use super::wire::Hijack;
use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http_body::{Body as _, Frame, SizeHint};
use serde::Serialize;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

/// Requests remembered (ours).
const REQUESTS_KEPT: usize = 1_000;
/// Bytes of a body remembered (ours).
const BODY_BYTES_KEPT: usize = 262_144;

/// A request as it arrived.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Received {
    /// The method, in capitals.
    pub method: String,
    /// Path with query, as sent.
    pub path: String,
    /// Header names (lower case) and values in order; bytes outside UTF-8 replaced.
    pub headers: Vec<(String, String)>,
    /// The body as text; for other bytes see `body_base64`. At most the first 262,144 bytes.
    pub body: Option<String>,
    /// The body when it is not UTF-8.
    pub body_base64: Option<String>,
    /// True length of the body in bytes, as far as it was read.
    pub body_bytes: u64,
    /// Status of our answer; 0 while there is none or when a fault never gave one.
    pub status: u16,
    /// The fault that was played, as it was written.
    pub fault: Option<String>,
    /// The other side left before our answer was over.
    pub client_gone: bool,
    /// Our answer went out whole.
    pub finished: bool,
}

impl Received {
    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        self.body.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

type Entry = Arc<Mutex<Received>>;

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct Records(VecDeque<Entry>);

impl Records {
    /// Opens the record of a request.
    pub(super) fn open(&mut self, parts: &Parts, hijack: Hijack) -> Visit {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = parts.headers.iter().map(header).collect();
        let entry =
            Entry::new(Mutex::new(Received { method: parts.method.to_string(), path, headers, ..Received::default() }));
        if self.0.len() == REQUESTS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(entry.clone());
        Visit { entry, hijack }
    }

    pub(super) fn all(&self) -> Vec<Received> {
        self.0.iter().map(|entry| locked(entry).clone()).collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A request being answered. Dropped before its answer is over, it says that the caller left.
#[derive(Debug)]
pub(super) struct Visit {
    entry: Entry,
    hijack: Hijack,
}

impl Visit {
    pub(super) fn body(&self, body: &Bytes) {
        let mut entry = locked(&self.entry);
        entry.body_bytes = body.len() as u64;
        let kept = &body[..body.len().min(BODY_BYTES_KEPT)];
        match std::str::from_utf8(kept) {
            Ok(text) => entry.body = Some(text.to_owned()),
            Err(_) => entry.body_base64 = Some(BASE64_STANDARD.encode(kept)),
        }
    }

    /// A counter for a body that is read piece by piece and not kept.
    pub(super) fn counter(&self) -> impl Fn(usize) + Send + Sync + 'static {
        let entry = self.entry.clone();
        move |length| locked(&entry).body_bytes += length as u64
    }

    pub(super) fn fault(&self, written: &str) {
        locked(&self.entry).fault = Some(written.to_owned());
    }

    pub(super) fn status(&self, status: u16) {
        locked(&self.entry).status = status;
    }

    fn finish(&self) {
        locked(&self.entry).finished = true;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut entry = locked(&self.entry);
        entry.client_gone = !entry.finished && !self.hijack.is_taken();
    }
}

/// An answer's body that tells its visit when it is over.
pub(super) struct Watched {
    inner: Body,
    visit: Visit,
}

impl Watched {
    pub(super) fn new(inner: Body, visit: Visit) -> Self {
        let watched = Self { inner, visit };
        watched.look();
        watched
    }

    fn look(&self) {
        if self.inner.is_end_stream() {
            self.visit.finish();
        }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if frame.is_none() {
            self.visit.finish();
        }
        self.look();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
