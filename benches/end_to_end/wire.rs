//! The little HTTP/1.1 that the fast upstream and the load generator need: where a head ends, one header's value, and a body
//! taken out of its framing. Knows nothing of sockets, so that both sides read bytes in the same way.

use anyhow::{Context as _, Result, bail};
use memchr::memmem;

/// More than any head in this benchmark; a longer one is a fault, not a reason to read on.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The length of the head at the start of `bytes`, its blank line included, or `None` while it is not complete.
///
/// # Errors
/// If no blank line comes within [`MAX_HEAD_BYTES`].
pub(crate) fn head_len(bytes: &[u8]) -> Result<Option<usize>> {
    match memmem::find(bytes, b"\r\n\r\n") {
        Some(at) => Ok(Some(at + 4)),
        None if bytes.len() > MAX_HEAD_BYTES => bail!("head is longer than {MAX_HEAD_BYTES} bytes"),
        None => Ok(None),
    }
}

/// The value of the first header called `name` (in lower case), without the blanks around it.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.split("\r\n").skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A body being taken out of its framing, piece by piece.
#[derive(Debug)]
pub(crate) enum Body {
    /// `content-length`: so many bytes are still to come.
    Length(usize),
    /// `transfer-encoding: chunked`.
    Chunked(Chunk),
}

/// Where in a chunked body the reader stands.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// In the line with the size; the digits so far, and whether they have ended.
    Size { bytes: usize, is_ended: bool },
    /// In the data; so many bytes of it are still to come.
    Data(usize),
    /// Behind the data; so many bytes of the line end are still to come.
    DataEnd(usize),
    /// Behind the last chunk; so many bytes are in the trailer line so far.
    Trailer(usize),
    /// Everything has been read.
    Done,
}

impl Body {
    /// The framing that `head` announces; no framing header means no body.
    ///
    /// # Errors
    /// If the length is not a number.
    pub(crate) fn announced_by(head: &str) -> Result<Self> {
        if header(head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Ok(Self::Chunked(Chunk::Size { bytes: 0, is_ended: false }));
        }
        let length = header(head, "content-length").map(str::parse).transpose();
        Ok(Self::Length(length.context("content-length is not a number")?.unwrap_or(0)))
    }

    /// Whether the whole body has been fed.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Takes the next bytes off the wire and appends what they carry to `payload`.
    ///
    /// # Errors
    /// If a chunk's size is malformed or bytes follow the end of the body (nothing here pipelines).
    pub(crate) fn feed(&mut self, mut wire: &[u8], payload: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Length(left) => {
                let taken = wire.len().min(*left);
                payload.extend_from_slice(&wire[..taken]);
                *left -= taken;
                wire = &wire[taken..];
            }
            Self::Chunked(chunk) => {
                while !wire.is_empty() && !matches!(chunk, Chunk::Done) {
                    wire = chunk.step(wire, payload)?;
                }
            }
        }
        if !wire.is_empty() {
            bail!("{} bytes follow the end of the body", wire.len());
        }
        Ok(())
    }
}

impl Chunk {
    /// Reads at least one byte of `wire` (which is not empty) and returns the rest.
    fn step<'w>(&mut self, wire: &'w [u8], payload: &mut Vec<u8>) -> Result<&'w [u8]> {
        let (byte, rest) = wire.split_first().context("nothing to read")?;
        match self {
            Self::Size { bytes, .. } if *byte == b'\n' => {
                *self = if *bytes == 0 { Self::Trailer(0) } else { Self::Data(*bytes) };
            }
            Self::Size { is_ended, .. } if *is_ended || matches!(byte, b'\r' | b';' | b' ') => *is_ended = true,
            Self::Size { bytes, .. } => {
                let digit = char::from(*byte).to_digit(16).context("chunk size is not a hexadecimal number")?;
                *bytes = bytes.checked_mul(16).context("chunk size is too large")? + usize::try_from(digit)?;
            }
            Self::Data(left) => {
                let (taken, rest) = wire.split_at(wire.len().min(*left));
                payload.extend_from_slice(taken);
                *left -= taken.len();
                if *left == 0 {
                    *self = Self::DataEnd(2);
                }
                return Ok(rest);
            }
            Self::DataEnd(left) => {
                *left -= 1;
                if *left == 0 {
                    *self = Self::Size { bytes: 0, is_ended: false };
                }
            }
            Self::Trailer(0) if *byte == b'\n' => *self = Self::Done,
            Self::Trailer(length) if *byte == b'\n' => *length = 0,
            Self::Trailer(length) if *byte != b'\r' => *length += 1,
            Self::Trailer(_) | Self::Done => {}
        }
        Ok(rest)
    }
}
