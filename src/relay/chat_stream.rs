//! The editor of streamed chat answers: usage once and only if asked, finish reasons and tool-call
//! deltas put right, an error inside the stream recognised, `[DONE]` only behind a whole answer.
//!
//! An event that needs no edit goes through as the bytes it came in; several of them as one piece.
//! The same bytes and the same usage come out however the stream was cut.

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;

use super::answer;
use super::chunk::{self, Memory};
use super::translate::{Failure, Translator};
use super::usage::{self, Tokens, Usage};
use crate::wire::json::Object;
use crate::wire::splice::{self, Edit};
use crate::wire::sse::{self, EventSplitter};

/// Most bytes of one event (ours); the largest real ones are tool arguments of some 100 KB.
const MAX_EVENT: usize = 1024 * 1024;

/// Why the stream cannot be passed on as a whole answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// An event without end.
    #[error("an event of the stream outgrew {MAX_EVENT} bytes")]
    TooLong,
    /// An event that is no chunk and not even JSON.
    #[error("the upstream sent an event that is not JSON")]
    NotJson,
    /// The upstream sent an error where a chunk should be: its JSON text.
    #[error("the upstream reported an error in mid-stream")]
    Error(String),
    /// The stream ended with neither a finish reason nor `[DONE]`.
    #[error("the upstream ended the stream before the answer was complete")]
    Unfinished,
}

/// A streamed answer on its way through.
#[derive(Debug)]
pub struct ChatStream {
    splitter: EventSplitter,
    is_usage_asked: bool,
    memory: Memory,
    tokens: Option<Tokens>,
    /// The chunk that carries the usage at the end, made from what the upstream sent.
    usage_event: Option<Vec<u8>>,
    /// Chunks with content; each is at least one token but for the first, which has the role.
    chunks: u64,
    is_finished: bool,
    is_done: bool,
    fault: Option<StreamFault>,
    /// Whoever turns it into the caller's protocol, where that is another.
    translator: Option<Box<dyn Translator>>,
}

/// What becomes of one event.
enum Verdict {
    Keep,
    Drop,
    Replace(Vec<u8>),
    Fault(StreamFault),
}

impl ChatStream {
    /// An editor for one stream; `is_usage_asked` when the caller set `include_usage`.
    pub fn new(is_usage_asked: bool) -> Self {
        Self {
            splitter: EventSplitter::new(MAX_EVENT),
            is_usage_asked,
            memory: Memory::default(),
            tokens: None,
            usage_event: None,
            chunks: 0,
            is_finished: false,
            is_done: false,
            fault: None,
            translator: None,
        }
    }

    /// An editor for a stream that goes to its caller in another protocol.
    pub fn translated(translator: Box<dyn Translator>) -> Self {
        Self { translator: Some(translator), ..Self::new(true) }
    }

    /// Takes a piece of the upstream's stream and returns what can go to the caller now. Ask
    /// [`fault`](Self::fault) afterwards: what came before a fault is still good.
    pub fn push(&mut self, piece: Bytes) -> Bytes {
        let whole = self.splitter.push(piece);
        let out = self.edit(whole);
        if self.splitter.is_overgrown() && self.fault.is_none() {
            self.fault = Some(StreamFault::TooLong);
        }
        self.translate(out)
    }

    /// What its caller is told when it breaks off, in the caller's own protocol; `None` where that is chat.
    pub fn failed(&mut self, failure: &Failure<'_>) -> Option<Bytes> {
        let mut out = Vec::new();
        self.translator.as_mut()?.failed(failure, &mut out);
        Some(Bytes::from(out))
    }

    fn translate(&mut self, events: Bytes) -> Bytes {
        let Some(translator) = self.translator.as_mut().filter(|_| !events.is_empty()) else { return events };
        let mut out = Vec::with_capacity(events.len());
        translator.push(&events, &mut out);
        Bytes::from(out)
    }

    /// Why nothing more can come of this stream, if so.
    pub fn fault(&self) -> Option<&StreamFault> {
        self.fault.as_ref()
    }

    /// The stream has ended cleanly: returns what is left to send. A stream that ended too early
    /// has a [`fault`](Self::fault) now.
    pub fn finish(&mut self) -> Bytes {
        let last = self.last();
        self.translate(last)
    }

    fn last(&mut self) -> Bytes {
        let tail = self.splitter.finish();
        let last = self.edit(tail);
        if self.is_done || self.fault.is_some() {
            return last;
        }
        if !self.is_finished {
            self.fault = Some(StreamFault::Unfinished);
            return last;
        }
        let mut out = last.to_vec();
        if !out.is_empty() && !out.ends_with(b"\n\n") {
            out.extend_from_slice(b"\n\n");
        }
        self.take_usage_event(&mut out);
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.is_done = true;
        Bytes::from(out)
    }

    /// Whether `[DONE]` has passed: nothing of use can follow.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// What the answer used, as far as it is known by now.
    pub fn usage(&self, is_complete: bool) -> Usage {
        let seen = Tokens { output: self.chunks.saturating_sub(1), ..Tokens::default() };
        match self.tokens {
            Some(tokens) if is_complete => Usage::exact(tokens),
            Some(tokens) => Usage::at_least(tokens.max(seen)),
            None if self.chunks > 0 => Usage::at_least(seen),
            None => Usage::default(),
        }
    }

    fn edit(&mut self, whole: Bytes) -> Bytes {
        let mut edited: Option<Vec<u8>> = None;
        let mut offset = 0;
        for event in sse::events(&whole) {
            let verdict = self.judge(event);
            if !matches!(verdict, Verdict::Keep) && edited.is_none() {
                edited = Some(whole[..offset].to_vec());
            }
            match (&mut edited, verdict) {
                (_, Verdict::Fault(fault)) => {
                    self.fault = Some(fault);
                    break;
                }
                (Some(out), Verdict::Keep) => out.extend_from_slice(event),
                (Some(out), Verdict::Replace(bytes)) => out.extend_from_slice(&bytes),
                _ => {}
            }
            offset += event.len();
        }
        edited.map_or(whole, Bytes::from)
    }

    /// Lines that clients of a chat stream do not expect are left out: some clients take an `event:` for
    /// another kind of stream, some fail on bytes that are no text.
    fn judge(&mut self, event: &[u8]) -> Verdict {
        if self.is_done {
            return Verdict::Drop;
        }
        let shape = sse::shape(event);
        if shape.has_other_lines {
            let cleaned = sse::without_other_lines(event);
            return match self.judge(&cleaned) {
                Verdict::Keep if shape.data.is_none() && !cleaned.contains(&b':') => Verdict::Drop,
                Verdict::Keep => Verdict::Replace(cleaned),
                other => other,
            };
        }
        let Some(place) = shape.data else { return Verdict::Keep };
        let data = &event[place.clone()];
        if is_plain_chunk(data) {
            self.chunks += 1;
            return Verdict::Keep;
        }
        if data.trim_ascii() == b"[DONE]" {
            return self.done(event);
        }
        self.judge_payload(event, place.start, data)
    }

    fn judge_payload(&mut self, event: &[u8], start: usize, data: &[u8]) -> Verdict {
        let Ok(text) = std::str::from_utf8(data) else { return Verdict::Fault(StreamFault::NotJson) };
        if let Ok(object) = Object::parse(text) {
            return self.inspect(event, start, text, &object);
        }
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        if is_json { Verdict::Keep } else { Verdict::Fault(StreamFault::NotJson) }
    }

    fn done(&mut self, event: &[u8]) -> Verdict {
        self.is_done = true;
        let mut out = Vec::new();
        self.take_usage_event(&mut out);
        if out.is_empty() {
            return Verdict::Keep;
        }
        out.extend_from_slice(event);
        Verdict::Replace(out)
    }

    fn inspect(&mut self, event: &[u8], start: usize, text: &str, object: &Object<'_>) -> Verdict {
        let Some(choices) = object.get("choices") else {
            let is_error = answer::is_error(object);
            return if is_error { Verdict::Fault(StreamFault::Error(text.to_owned())) } else { Verdict::Keep };
        };
        let mut edits = Vec::new();
        let has_usage = self.take_usage(object, &mut edits);
        if choices.value.trim_start_matches('[').trim_start().starts_with(']') {
            return self.without_choices(event, has_usage);
        }
        self.chunks += 1;
        self.is_finished |= chunk::repair_choices(text, choices.value, &mut self.memory, &mut edits);
        if edits.is_empty() {
            return Verdict::Keep;
        }
        for edit in &mut edits {
            edit.range = edit.range.start + start..edit.range.end + start;
        }
        let mut out = Vec::with_capacity(event.len() + 32);
        splice::apply_into(event, &mut edits, &mut out);
        Verdict::Replace(out)
    }

    /// A chunk with usage alone is kept back for the end; one with nothing at all is dropped unless
    /// the caller expects such chunks.
    fn without_choices(&mut self, event: &[u8], has_usage: bool) -> Verdict {
        if has_usage {
            self.usage_event = Some(event.to_vec());
            return Verdict::Drop;
        }
        if self.is_usage_asked { Verdict::Keep } else { Verdict::Drop }
    }

    /// Remembers the chunk's usage (the last one counts, nothing is added up) and cuts it out.
    fn take_usage(&mut self, object: &Object<'_>, edits: &mut Vec<Edit>) -> bool {
        let Some(index) = object.position("usage") else { return false };
        let value = object.members()[index].value;
        if value == "null" {
            return false;
        }
        if let Some(tokens) = usage::read(value) {
            self.tokens = Some(tokens);
        }
        edits.extend(object.removals(&[index]).into_iter().map(Edit::cut));
        if self.is_usage_asked {
            self.usage_event = Some(usage_event(object, value));
        }
        true
    }

    fn take_usage_event(&mut self, out: &mut Vec<u8>) {
        if let Some(event) = self.usage_event.take().filter(|_| self.is_usage_asked) {
            out.extend_from_slice(&event);
            if !event.ends_with(b"\n\n") && !event.ends_with(b"\r\n\r\n") && !event.ends_with(b"\r\r") {
                out.extend_from_slice(b"\n\n");
            }
        }
    }
}

/// The chunk that OpenAI sends last when `include_usage` is set.
fn usage_event(chunk: &Object<'_>, usage: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"data: {");
    for key in ["id", "object", "created", "model", "system_fingerprint"] {
        if let Some(member) = chunk.get(key) {
            out.extend_from_slice(format!("\"{key}\":{},", member.value).as_bytes());
        }
    }
    out.extend_from_slice(b"\"choices\":[],\"usage\":");
    out.extend_from_slice(usage.as_bytes());
    out.extend_from_slice(b"}\n\n");
    out
}

/// Whether a chunk can go through unread: it has choices, none of them ends or calls a tool, and
/// there is no usage in it. Inside JSON strings quotes are escaped, so a hit is a key or a whole
/// string; a false hit costs a parse, never a wrong edit.
fn is_plain_chunk(data: &[u8]) -> bool {
    static NEEDLES: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
        ["\"choices\"", "\"finish_reason\"", "\"usage\"", "\"tool_calls\""].map(|key| Finder::new(key).into_owned())
    });
    let [choices, finish, usage, tools] = &*NEEDLES;
    let Some(at) = choices.find(data) else { return false };
    let rest = &data[at + 9..];
    rest.trim_ascii_start().strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"[{"))
        && data.trim_ascii_end().ends_with(b"}")
        && is_absent_or_null(data, finish)
        && is_absent_or_null(data, usage)
        && is_absent_or_null(data, tools)
}

fn is_absent_or_null(data: &[u8], key: &Finder<'_>) -> bool {
    let Some(at) = key.find(data) else { return true };
    let rest = data[at + key.needle().len()..].trim_ascii_start();
    let value = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
    value.starts_with(b"null") && key.find(value).is_none()
}

#[cfg(test)]
#[path = "chat_stream_tests.rs"]
mod tests;
