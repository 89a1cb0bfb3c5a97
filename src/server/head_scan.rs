//! A look at the bytes of HTTP/1 heads as they arrive: where a head ends, and whether it gives the
//! length of its body in two ways that contradict each other. The HTTP library resolves that silently
//! (RFC 9112 lets it); a gateway that others trust refuses it. Pure.

/// Longest header name that matters (`transfer-encoding`), with its colon.
const LONGEST: usize = 18;

/// The state of the scan over one connection.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// Beginning of the current line, lower case.
    line: [u8; LONGEST],
    /// Bytes of the current line so far (counts on beyond [`LONGEST`]).
    length: usize,
    has_content_length: bool,
    has_transfer_encoding: bool,
    is_over: bool,
    has_begun: bool,
}

impl HeadScan {
    /// Looks at bytes that arrived while a head was expected.
    pub(super) fn look(&mut self, bytes: &[u8]) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            if self.is_over {
                return;
            }
            self.part(&bytes[start..end]);
            self.end_line();
            start = end + 1;
        }
        if !self.is_over {
            self.part(&bytes[start..]);
        }
    }

    /// A part of a line, without its end. Only its beginning is kept.
    fn part(&mut self, part: &[u8]) {
        let part = part.strip_suffix(b"\r").unwrap_or(part);
        self.has_begun |= !part.is_empty();
        let room = LONGEST.saturating_sub(self.length).min(part.len());
        let kept = self.length.min(LONGEST);
        for (place, byte) in self.line[kept..].iter_mut().zip(&part[..room]) {
            *place = byte.to_ascii_lowercase();
        }
        self.length += part.len();
    }

    fn end_line(&mut self) {
        self.is_over = self.has_begun && self.length == 0;
        self.has_content_length |= self.line_starts(b"content-length:");
        self.has_transfer_encoding |= self.line_starts(b"transfer-encoding:");
        self.length = 0;
    }

    fn line_starts(&self, name: &[u8]) -> bool {
        self.length >= name.len() && self.line.starts_with(name)
    }

    /// Whether anything of a head has arrived.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether the head is complete.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether the head gives both a length and an encoding.
    pub(super) fn is_contradictory(&self) -> bool {
        self.has_content_length && self.has_transfer_encoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(head: &str, size: usize) -> HeadScan {
        let mut scan = HeadScan::default();
        head.as_bytes().chunks(size).for_each(|piece| scan.look(piece));
        scan
    }

    #[test]
    fn sees_two_lengths_in_any_split() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        for size in 1..head.len() {
            assert!(scan(head, size).is_contradictory());
        }
        assert!(
            !scan("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nTransfer-Encoding: x\r\n", 7).is_contradictory(),
            "bodies do not count"
        );
        assert!(
            !scan("POST / HTTP/1.1\r\nX-Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 7).is_contradictory()
        );
    }

    #[test]
    fn blank_lines_before_a_head_are_nothing() {
        assert!(!scan("\r\n", 1).has_begun());
        assert!(scan("\r\nG", 1).has_begun());
    }
}
