//! Takes in what is fetched, as it comes: counted, hashed, its kind judged by its first bytes, so that neither an endless answer nor
//! a page of HTML gets far.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::error::MediaError;
use super::format::{Format, HEAD, Kind};

/// Where the bytes go.
pub(super) enum Sink {
    /// A new file.
    File(tokio::fs::File),
    /// Memory.
    Memory(Vec<u8>),
}

/// See the module.
pub(super) struct Receiver {
    sink: Sink,
    kind: Kind,
    most: u64,
    head: Vec<u8>,
    format: Option<Format>,
    length: u64,
    digest: Sha256,
}

/// What was taken in.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) format: Format,
    pub(super) length: u64,
    pub(super) digest: [u8; 32],
    pub(super) held: Held,
}

/// Where it is now.
#[derive(Debug)]
pub(super) enum Held {
    File(Arc<std::fs::File>),
    Memory(Bytes),
}

impl Receiver {
    /// Takes in something of `kind` of at most `most` bytes.
    pub(super) fn new(sink: Sink, kind: Kind, most: u64) -> Self {
        Self { sink, kind, most, head: Vec::new(), format: None, length: 0, digest: Sha256::new() }
    }

    /// Whether nothing has come yet, so that it can be tried again.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The next piece.
    ///
    /// # Errors
    /// When it is too much, of another kind, or cannot be written.
    pub(super) async fn push(&mut self, piece: &[u8]) -> Result<(), MediaError> {
        self.length += piece.len() as u64;
        self.check_length(self.length)?;
        if self.format.is_none() {
            self.head.extend_from_slice(&piece[..piece.len().min(HEAD)]);
            if self.head.len() >= HEAD {
                self.judge()?;
            }
        }
        self.digest.update(piece);
        match &mut self.sink {
            Sink::File(file) => file.write_all(piece).await?,
            Sink::Memory(bytes) => bytes.extend_from_slice(piece),
        }
        Ok(())
    }

    /// Refuses what says at the outset that it is too large.
    pub(super) fn check_length(&self, length: u64) -> Result<(), MediaError> {
        if length > self.most { Err(MediaError::TooLarge(self.most)) } else { Ok(()) }
    }

    fn judge(&mut self) -> Result<Format, MediaError> {
        let format = Format::of_kind(self.kind, &self.head);
        self.format = format;
        format.ok_or(MediaError::Content(self.kind.word()))
    }

    /// It is over: whether it is whole.
    ///
    /// # Errors
    /// When it is not, or cannot be read back.
    pub(super) async fn finish(mut self) -> Result<Received, MediaError> {
        let format = match self.format {
            Some(format) => format,
            None => self.judge()?,
        };
        let held = match self.sink {
            Sink::Memory(bytes) => Held::Memory(bytes.into()),
            Sink::File(mut file) => {
                file.flush().await?;
                Held::File(Arc::new(file.into_std().await))
            }
        };
        if !is_whole(format, self.length, &held)? {
            return Err(MediaError::Broken);
        }
        Ok(Received { format, length: self.length, digest: self.digest.finalize().into(), held })
    }
}

fn is_whole(format: Format, length: u64, held: &Held) -> io::Result<bool> {
    match held {
        Held::File(file) => format.is_whole(length, &|at, out| file.read_exact_at(out, at)),
        Held::Memory(bytes) => format.is_whole(length, &|at, out| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let part = bytes.get(at..at.saturating_add(out.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(part);
            Ok(())
        }),
    }
}
