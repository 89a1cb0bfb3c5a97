//! The tap for streams that pass unedited: it looks for `usage` in whole events and keeps the
//! largest of each count (Anthropic's shape reports input at the start and output at the end).

use bytes::Bytes;
use memchr::memmem;

use super::usage::{self, Tokens};
use crate::wire::json::Object;
use crate::wire::sse::{self, EventSplitter};

/// An event beyond this is not searched for usage (bytes; ours).
const MAX_EVENT: usize = 1024 * 1024;

/// Watches a stream of events; see the module.
#[derive(Debug)]
pub struct UsageTap {
    splitter: Option<EventSplitter>,
    tokens: Option<Tokens>,
}

impl Default for UsageTap {
    fn default() -> Self {
        Self { splitter: Some(EventSplitter::new(MAX_EVENT)), tokens: None }
    }
}

impl UsageTap {
    /// Looks at one piece of the stream.
    pub fn look(&mut self, piece: &Bytes) {
        let Some(splitter) = &mut self.splitter else { return };
        let whole = splitter.push(piece.clone());
        if splitter.is_overgrown() {
            self.splitter = None;
        }
        self.look_at_events(&whole);
    }

    /// The usage seen so far.
    pub fn tokens(&self) -> Option<Tokens> {
        self.tokens
    }

    fn look_at_events(&mut self, whole: &Bytes) {
        for event in sse::events(whole).filter(|event| memmem::find(event, b"\"usage\"").is_some()) {
            if let Some(seen) = usage_in(event) {
                self.tokens = Some(self.tokens.unwrap_or_default().max(seen));
            }
        }
    }
}

/// `usage` at the top of the event's object, or in its `message` or `response`.
fn usage_in(event: &[u8]) -> Option<Tokens> {
    let payload = std::str::from_utf8(&event[sse::data(event)?]).ok()?;
    let object = Object::parse(payload).ok()?;
    if let Some(member) = object.get("usage") {
        return usage::read(member.value);
    }
    let inner = object.get("message").or_else(|| object.get("response"))?;
    usage::read(Object::parse(inner.value).ok()?.get("usage")?.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_anthropic_stream_in_any_split() {
        let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n\
            event: content_block_delta\ndata: {\"delta\":{\"text\":\"no \\\"usage\\\" here\"}}\n\n\
            event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":21}}\n\n";
        for size in 1..stream.len() {
            let mut tap = UsageTap::default();
            for piece in stream.as_bytes().chunks(size) {
                tap.look(&Bytes::copy_from_slice(piece));
            }
            assert_eq!(tap.tokens().map(|tokens| (tokens.input, tokens.output)), Some((9, 21)));
        }
    }
}
