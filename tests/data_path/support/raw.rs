//! HTTP/1 by hand, for callers that no library would be.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// Where `needle` begins in `text`.
pub(crate) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

/// A connection to the gateway.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    held: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its proper end.
    pub(crate) is_whole: bool,
}

impl RawAnswer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Raw {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), held: Vec::new() }
    }

    /// Connects and sends.
    pub(crate) async fn saying(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Self {
        let mut raw = Self::to(address).await;
        raw.say(bytes).await;
        raw
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads more; false at the end.
    async fn more(&mut self) -> bool {
        let read = within(20, "an answer to a raw client", self.stream.read_buf(&mut self.held)).await;
        matches!(read, Ok(1..))
    }

    /// The next answer that is not an interim one; `None` when the connection closes without one.
    pub(crate) async fn answer(&mut self) -> Option<RawAnswer> {
        loop {
            let end = loop {
                match find(&self.held, b"\r\n\r\n") {
                    Some(end) => break end,
                    None if self.more().await => {}
                    None => return None,
                }
            };
            let head = String::from_utf8_lossy(&self.held[..end]).into_owned();
            self.held.drain(..end + 4);
            let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
            if status < 200 {
                continue;
            }
            let (body, is_whole) = self.body(BodyReader::of_answer(&head, status)).await;
            return Some(RawAnswer { status, head, body, is_whole });
        }
    }

    async fn body(&mut self, mut reader: BodyReader) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            if reader.take(&mut self.held, &mut body) {
                return (body, true);
            }
            if !self.more().await {
                return (body, matches!(reader, BodyReader::ToEnd));
            }
        }
    }

    /// Reads until `text` has come.
    pub(crate) async fn has(&mut self, text: &str) {
        while find(&self.held, text.as_bytes()).is_none() {
            assert!(self.more().await, "closed before {text}");
        }
    }

    /// Reads and drops everything until the gateway closes; how it closed is not judged.
    pub(crate) async fn is_closed(&mut self) {
        while self.more().await {
            self.held.clear();
        }
    }
}

/// What is left of a body on the wire.
pub(crate) enum BodyReader {
    Length(usize),
    Chunked,
    ToEnd,
    Done,
}

impl BodyReader {
    pub(crate) fn of_request(head: &str) -> Self {
        match Self::framed(head) {
            Self::ToEnd => Self::Length(0),
            framed => framed,
        }
    }

    fn of_answer(head: &str, status: u16) -> Self {
        if status == 204 || status == 304 { Self::Length(0) } else { Self::framed(head) }
    }

    fn framed(head: &str) -> Self {
        let lower = head.to_ascii_lowercase();
        let header = |name: &str| lower.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if header("transfer-encoding:").is_some() {
            return Self::Chunked;
        }
        header("content-length:").map_or(Self::ToEnd, |length| Self::Length(length.parse().unwrap()))
    }

    /// Moves what is here from `held` to `body`; whether the body is over.
    pub(crate) fn take(&mut self, held: &mut Vec<u8>, body: &mut Vec<u8>) -> bool {
        match self {
            Self::Length(left) => {
                let count = (*left).min(held.len());
                body.extend(held.drain(..count));
                *left -= count;
                *left == 0
            }
            Self::Chunked => {
                while let Some(line) = find(held, b"\r\n") {
                    let text = String::from_utf8_lossy(&held[..line]).into_owned();
                    let Ok(size) = usize::from_str_radix(text.split(';').next().unwrap().trim(), 16) else {
                        return false;
                    };
                    if held.len() < line + 4 + size {
                        return false;
                    }
                    body.extend_from_slice(&held[line + 2..line + 2 + size]);
                    held.drain(..line + 4 + size);
                    if size == 0 {
                        *self = Self::Done;
                        return true;
                    }
                }
                false
            }
            Self::ToEnd => {
                body.append(held);
                false
            }
            Self::Done => true,
        }
    }
}
