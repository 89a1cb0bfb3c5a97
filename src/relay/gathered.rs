//! Frames that are ready together, sent on together.

use bytes::Bytes;

/// Frames that are ready together are sent on together, up to about this many bytes (ours).
pub(super) const MOST_JOINED: usize = 16 * 1024;

/// Frames that wait for one more look at the upstream before they are sent on.
///
/// The upstream's connection is a task of its own that hands over one frame at a time. When it has
/// read many events at once, sending each on by itself would cost a system call for each; giving
/// that task one turn first joins them, and a paced stream is delayed by no more than that turn.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    first: Bytes,
    rest: Vec<u8>,
    has_yielded: bool,
}

impl Gathered {
    /// Adds a piece; an empty one changes nothing.
    pub(super) fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        self.has_yielded = false;
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

    /// Whether to give the upstream's task a turn: once for each piece.
    pub(super) fn yields(&mut self) -> bool {
        self.len() > 0 && !std::mem::replace(&mut self.has_yielded, true)
    }
}
