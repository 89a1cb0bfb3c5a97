//! The scripted upstream at work: requests read, acts played.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::raw::{BodyReader, find};
use super::script::{Act, Log, Plan, Seen};

/// Bytes of a body that are kept.
const BODY_KEPT: usize = 1 << 20;

/// One connection of a scripted upstream.
pub(super) struct Connection {
    stream: TcpStream,
    held: Vec<u8>,
    log: Arc<Log>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, log: Arc<Log>) -> Self {
        Self { stream, held: Vec::new(), log }
    }

    pub(super) async fn serve(mut self, plan: &Plan, at_head: bool) {
        while let Some(mut seen) = self.head().await {
            let index = {
                let mut all = self.log.seen.lock().unwrap();
                all.push(seen.clone());
                all.len() - 1
            };
            if !at_head {
                self.body(index, &mut seen).await;
                if !seen.is_whole {
                    return;
                }
            }
            for act in plan(&seen) {
                if !self.play(act).await {
                    return;
                }
            }
        }
    }

    async fn head(&mut self) -> Option<Seen> {
        loop {
            if let Some(end) = find(&self.held, b"\r\n\r\n") {
                let head = self.held.drain(..end + 4).collect::<Vec<_>>();
                let head = String::from_utf8_lossy(&head[..end]).into_owned();
                return Some(Seen { head, ..Seen::default() });
            }
            if self.stream.read_buf(&mut self.held).await.ok()? == 0 {
                return None;
            }
        }
    }

    async fn body(&mut self, index: usize, seen: &mut Seen) {
        let mut reader = BodyReader::of_request(&seen.head);
        let mut hash = Sha256::new();
        let mut piece = Vec::new();
        loop {
            seen.is_whole = reader.take(&mut self.held, &mut piece);
            hash.update(&piece);
            seen.length += piece.len() as u64;
            self.log.received.fetch_add(piece.len() as u64, Ordering::SeqCst);
            let room = BODY_KEPT.saturating_sub(seen.body.len()).min(piece.len());
            seen.body.extend_from_slice(&piece[..room]);
            piece.clear();
            if seen.is_whole || !matches!(self.stream.read_buf(&mut self.held).await, Ok(1..)) {
                break;
            }
        }
        seen.hash = hash.finalize().to_vec();
        self.log.seen.lock().unwrap()[index] = seen.clone();
    }

    /// Whether there is more to do on this connection.
    async fn play(&mut self, act: Act) -> bool {
        match act {
            Act::Say(bytes) => self.stream.write_all(&bytes).await.is_ok(),
            Act::Drip(bytes) => {
                for byte in bytes {
                    if self.stream.write_all(&[byte]).await.is_err() {
                        return false;
                    }
                    tokio::task::yield_now().await;
                }
                true
            }
            Act::Flood(bytes) => {
                let mut at = 0;
                while let Ok(count) = self.stream.write(&bytes[at..]).await {
                    self.log.written.fetch_add(count as u64, Ordering::SeqCst);
                    at = (at + count) % bytes.len();
                }
                false
            }
            Act::Wait(time) => {
                tokio::time::sleep(time).await;
                true
            }
            Act::Stall => {
                let mut ignored = [0; 1024];
                while matches!(self.stream.read(&mut ignored).await, Ok(1..)) {}
                false
            }
            Act::Close => false,
            Act::Reset => {
                let _ = self.stream.set_zero_linger();
                false
            }
        }
    }
}
