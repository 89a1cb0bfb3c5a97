//! A body made of text and files, read while it is sent: however large they are, a few KiB of them are in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use tokio::task::JoinHandle;

/// Bytes read at once (ours; a multiple of three, so that base64 has no padding in its middle).
const BLOCK: u64 = 96 << 10;

/// A part of a body.
#[derive(Debug, Clone)]
pub enum Piece {
    /// These bytes.
    Text(Bytes),
    /// The bytes from `from` to `to` of a file.
    File {
        /// The file.
        file: Arc<File>,
        /// The first byte.
        from: u64,
        /// The byte after the last.
        to: u64,
    },
    /// A whole file of so many bytes as base64.
    Base64 {
        /// The file.
        file: Arc<File>,
        /// Its length (bytes).
        length: u64,
    },
}

impl Piece {
    /// How long it is when it is sent (bytes).
    pub fn length(&self) -> u64 {
        match self {
            Self::Text(bytes) => bytes.len() as u64,
            Self::File { from, to, .. } => to.saturating_sub(*from),
            Self::Base64 { length, .. } => length.div_ceil(3) * 4,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Pieces {
    pieces: VecDeque<Piece>,
    /// How far the first of them is, where it is a file.
    at: u64,
    /// What is still to be sent.
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Pieces {
    /// A body of `pieces` in their order.
    pub fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let pieces: VecDeque<Piece> = pieces.into_iter().filter(|piece| piece.length() > 0).collect();
        let left = pieces.iter().map(Piece::length).sum();
        Self { pieces, at: 0, left, reading: None }
    }

    /// How many bytes are still to be sent.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Begins to read the next block of the first piece; of text, it is all of it.
    fn begin(&mut self) -> Option<Bytes> {
        let (file, from, to, is_base64) = match self.pieces.front()? {
            Piece::Text(_) => {
                let Some(Piece::Text(bytes)) = self.pieces.pop_front() else { return None };
                return Some(bytes);
            }
            Piece::File { file, from, to } => (file.clone(), *from, *to, false),
            Piece::Base64 { file, length } => (file.clone(), 0, *length, true),
        };
        let start = from + self.at;
        let end = to.min(start + BLOCK);
        if end == to {
            self.pieces.pop_front();
            self.at = 0;
        } else {
            self.at += end - start;
        }
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let mut block = vec![0; usize::try_from(end - start).unwrap_or(0)];
            file.read_exact_at(&mut block, start)?;
            Ok(if is_base64 { STANDARD.encode(block).into() } else { block.into() })
        }));
        None
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.reading.is_none()
            && let Some(bytes) = self.begin()
        {
            self.left -= bytes.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context)).unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        self.reading = None;
        match read {
            Ok(bytes) => {
                self.left -= bytes.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Err(error) => {
                self.pieces.clear();
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
