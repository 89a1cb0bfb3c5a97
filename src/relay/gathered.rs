//! Frames that are ready together, sent on together.

use bytes::Bytes;

/// Frames that are ready together are sent on together, up to about this many bytes (ours).
pub(super) const MOST_JOINED: usize = 16 * 1024;

/// What is ready for the caller by now.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    first: Bytes,
    rest: Vec<u8>,
}

impl Gathered {
    /// Adds a piece; an empty one changes nothing.
    pub(super) fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        if self.first.is_empty() {
            self.first = piece;
        } else {
            self.rest.extend_from_slice(&piece);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    /// Everything gathered, as one piece.
    pub(super) fn take(&mut self) -> Bytes {
        let first = std::mem::take(&mut self.first);
        if self.rest.is_empty() {
            return first;
        }
        let rest = std::mem::take(&mut self.rest);
        Bytes::from([&first[..], &rest[..]].concat())
    }
}
