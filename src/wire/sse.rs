//! Server-sent events as bytes: where one event ends and the next begins.
//!
//! Nothing is decoded here but line ends (LF, CRLF, CR). The same bytes come out in the same order
//! however the stream was cut into pieces.

use bytes::{Buf, Bytes, BytesMut};

/// Cuts a byte stream into whole events, holding back only the one that is not complete yet.
#[derive(Debug)]
pub struct EventSplitter {
    /// The beginning of an event whose end has not been seen.
    held: BytesMut,
    scan: Scan,
    limit: usize,
    is_overgrown: bool,
}

impl EventSplitter {
    /// A splitter that holds back at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { held: BytesMut::new(), scan: Scan::default(), limit, is_overgrown: false }
    }

    /// Takes one piece of the stream and returns the bytes that are whole events by now (none, one
    /// or several, blank lines included); what follows the last of them is held back.
    pub fn push(&mut self, mut piece: Bytes) -> Bytes {
        let ended = self.scan.last_end(&piece);
        let whole = match ended {
            None => Bytes::new(),
            Some(end) if self.held.is_empty() => piece.split_to(end),
            Some(end) => {
                self.held.extend_from_slice(&piece[..end]);
                piece.advance(end);
                self.held.split().freeze()
            }
        };
        self.is_overgrown = self.held.len() + piece.len() > self.limit;
        if !self.is_overgrown {
            self.held.extend_from_slice(&piece);
        }
        whole
    }

    /// Whether an event outgrew the limit without ending. The stream is of no use then.
    pub fn is_overgrown(&self) -> bool {
        self.is_overgrown
    }

    /// What is left when the stream has ended: an event without its blank line, or nothing.
    pub fn finish(&mut self) -> Bytes {
        self.scan = Scan::default();
        self.held.split().freeze()
    }
}

/// Looks for blank lines, remembering across pieces how the last line ended.
#[derive(Debug, Default)]
struct Scan {
    /// The current line has at least one byte.
    line_has_bytes: bool,
    /// The piece before ended with CR; a LF that follows belongs to it.
    after_cr: bool,
    /// That CR ended a blank line, and so an event.
    cr_ended_event: bool,
}

impl Scan {
    /// The offset just behind the last event that ends within `piece`. A CR that is the last byte
    /// is left undecided until the next byte tells whether it was half of a CRLF.
    fn last_end(&mut self, piece: &[u8]) -> Option<usize> {
        let mut last = None;
        let mut line_start = 0;
        if self.after_cr && !piece.is_empty() {
            let newline = usize::from(piece[0] == b'\n');
            if self.cr_ended_event {
                last = Some(newline);
            }
            line_start = newline;
            self.after_cr = false;
        }
        for at in memchr::memchr2_iter(b'\n', b'\r', piece) {
            if at < line_start {
                continue;
            }
            let blank = at == line_start && !self.line_has_bytes;
            self.line_has_bytes = false;
            let next = piece.get(at + 1);
            if piece[at] == b'\r' && next.is_none() {
                self.after_cr = true;
                self.cr_ended_event = blank;
                return last;
            }
            line_start = at + 1 + usize::from(piece[at] == b'\r' && next == Some(&b'\n'));
            if blank {
                last = Some(line_start);
            }
        }
        self.line_has_bytes |= line_start < piece.len();
        last
    }
}

/// The events of `whole`, as [`EventSplitter::push`] returned it: each with its blank line.
pub fn events(whole: &Bytes) -> Events<'_> {
    Events { rest: whole }
}

/// Iterator of [`events`].
#[derive(Debug)]
pub struct Events<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Events<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (event, rest) = self.rest.split_at(first_end(self.rest));
        self.rest = rest;
        Some(event)
    }
}

/// The offset behind the first event of `bytes`, all of it when no blank line is there.
fn first_end(bytes: &[u8]) -> usize {
    let mut line_start = 0;
    for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
        if at < line_start {
            continue;
        }
        let blank = at == line_start;
        line_start = at + 1 + usize::from(bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n'));
        if blank {
            return line_start;
        }
    }
    bytes.len()
}

/// What stands in an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// Where the payload stands (offsets; without the optional space behind the colon and the line
    /// end). `None` when there is no `data` line, or several, which nobody sends.
    pub data: Option<std::ops::Range<usize>>,
    /// There are lines besides `data` and comments: other fields, or no fields at all.
    pub has_other_lines: bool,
}

/// Reads the lines of an event.
pub fn shape(event: &[u8]) -> Shape {
    let mut shape = Shape::default();
    let mut is_doubled = false;
    for line in lines(event) {
        match &event[line.clone()] {
            [] | [b':', ..] => {}
            text if text.starts_with(b"data:") => {
                is_doubled |= shape.data.is_some();
                let space = usize::from(text.get(5) == Some(&b' '));
                shape.data = Some(line.start + 5 + space..line.end);
            }
            _ => shape.has_other_lines = true,
        }
    }
    shape.data = shape.data.filter(|_| !is_doubled);
    shape
}

/// The event with its `data` lines, comments and blank lines only.
pub fn without_other_lines(event: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(event.len());
    let starts: Vec<_> = lines(event).map(|line| line.start).collect();
    for (index, start) in starts.iter().enumerate() {
        let whole = &event[*start..starts.get(index + 1).copied().unwrap_or(event.len())];
        if matches!(whole, [] | [b':' | b'\r' | b'\n', ..]) || whole.starts_with(b"data:") {
            out.extend_from_slice(whole);
        }
    }
    out
}

/// Where the lines of an event stand, without their ends.
fn lines(event: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= event.len() {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', &event[start..]).map_or(event.len(), |at| start + at);
        let line = start..end;
        start = end + 1 + usize::from(event[end..].starts_with(b"\r\n"));
        Some(line)
    })
}

/// [`Shape::data`] alone.
pub fn data(event: &[u8]) -> Option<std::ops::Range<usize>> {
    shape(event).data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pieces: &[&[u8]]) -> Vec<String> {
        let mut splitter = EventSplitter::new(1024);
        let mut out = Vec::new();
        let mut take = |whole: Bytes| {
            out.extend(events(&whole).map(|event| String::from_utf8_lossy(event).into_owned()));
        };
        for piece in pieces {
            take(splitter.push(Bytes::copy_from_slice(piece)));
        }
        take(splitter.finish());
        out
    }

    #[test]
    fn every_split_gives_the_same_events() {
        for text in [
            "data: a\n\ndata: b\n\n: note\n\nevent: x\ndata: c\n\ntail",
            "data: a\r\n\r\ndata: b\r\n\r\ndata: c\r\n",
            "data: a\r\rdata: b\r\r",
            "\n\n\r\n\rdata: a\n\r\ndata: b\r\n\n\n",
        ] {
            let expected = run(&[text.as_bytes()]);
            assert_eq!(expected.concat(), text);
            for cut in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(cut);
                assert_eq!(run(&[left, right]), expected, "cut at {cut} of {text:?}");
            }
            let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(run(&single), expected, "byte by byte: {text:?}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut splitter = EventSplitter::new(100);
        splitter.push(Bytes::from(vec![b'x'; 100]));
        assert!(!splitter.is_overgrown());
        splitter.push(Bytes::from_static(b"x"));
        assert!(splitter.is_overgrown());
    }

    #[test]
    fn finds_the_payload() {
        let payload = |event: &str| data(event.as_bytes()).map(|range| event[range].to_owned());
        assert_eq!(payload("data: {}\n\n").as_deref(), Some("{}"));
        assert_eq!(payload("event: x\r\ndata:{}\r\n\r\n").as_deref(), Some("{}"));
        assert_eq!(payload(": note\n\n"), None);
        assert_eq!(payload("data: a\ndata: b\n\n"), None);
        assert!(!shape(b": note\ndata: {}\n\n").has_other_lines);
        let cleaned = without_other_lines(b"event: x\r\n: note\r\n\xff\r\ndata: {}\r\n\r\n");
        assert_eq!(cleaned, b": note\r\ndata: {}\r\n\r\n");
    }
}
