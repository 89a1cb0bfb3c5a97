//! A streamed chat answer as Anthropic's events.
//!
//! One block is open at a time. What comes out depends on the events alone, never on how they were cut into pieces.

use std::sync::Arc;

use super::answer::{is_answer, made_up};
use super::chunk::{Call, Choice, Chunk, Said};
use super::ending::{self, Usage};
use super::{Shown, Way, signature, words};
use crate::relay::translate::{Failure, Translator};
use crate::wire::json;

/// Most bytes of thinking that are kept for a signature, or as the answer (ours: the longest thinking on offer, 262,144
/// tokens, is about this long).
const MOST_KEPT: usize = 1024 * 1024;

/// A stream on its way back.
#[derive(Debug)]
pub(super) struct Events {
    way: Arc<Way>,
    is_begun: bool,
    /// Nothing can follow: the message is whole, or broken.
    is_over: bool,
    open: Option<Open>,
    /// Blocks that have begun.
    blocks: usize,
    /// Pieces of text, thinking and arguments.
    pieces: u64,
    /// Numbers of the tool calls that have begun.
    calls: Vec<u64>,
    /// Thinking that is not shown as such.
    kept: String,
    /// The text so far is blank.
    is_silent: bool,
    end: Option<End>,
    usage: Option<Usage>,
}

/// The block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Thinking,
    Text,
    /// By the number of the call.
    Tool(u64),
}

/// Why it ended.
#[derive(Debug)]
struct End {
    reason: &'static str,
    /// JSON.
    sequence: String,
    /// The upstream's word.
    finish: String,
}

impl Translator for Events {
    fn push(&mut self, events: &[u8], out: &mut Vec<u8>) {
        for line in events.split(|byte| matches!(byte, b'\n' | b'\r')) {
            if self.is_over {
                return;
            }
            match line {
                [b':', ..] => event(out, "ping", &["{\"type\":\"ping\"}"]),
                [b'd', b'a', b't', b'a', b':', data @ ..] => self.data(data.trim_ascii(), out),
                _ => {}
            }
        }
    }

    fn failed(&mut self, error: &Failure<'_>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let message = json::quote(error.message);
        event(out, "error", &[r#"{"type":"error","error":{"type":""#, kind(error), r#"","message":"#, &message, "}}"]);
    }
}

/// Anthropic's word for an error of OpenAI's.
fn kind(error: &Failure<'_>) -> &'static str {
    match (error.kind, error.code) {
        (_, Some("invalid_api_key")) => "authentication_error",
        ("requests" | "tokens" | "rate_limit_error" | "insufficient_quota", _) => "rate_limit_error",
        ("service_unavailable_error", _) => "overloaded_error",
        ("invalid_request_error", _) => "invalid_request_error",
        _ => "api_error",
    }
}

impl Events {
    /// A stream for one answer.
    pub(super) fn new(way: Arc<Way>) -> Self {
        Self {
            way,
            is_begun: false,
            is_over: false,
            open: None,
            blocks: 0,
            pieces: 0,
            calls: Vec::new(),
            kept: String::new(),
            is_silent: true,
            end: None,
            usage: None,
        }
    }

    fn data(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if data == b"[DONE]" {
            self.begin("", out);
            return self.finish(out);
        }
        let Some(chunk) = Chunk::read(data) else {
            return self.broken("An event of SiliconFlow's stream is no chat chunk.", out);
        };
        self.begin(chunk.model(), out);
        self.usage = chunk.usage().or(self.usage);
        if let Some(choice) = chunk.choice() {
            self.choice(choice, out);
        }
    }

    fn begin(&mut self, model: &str, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let usage = Usage::expected(self.way.input_tokens, 0).json();
        let head = [
            r#"{"type":"message_start","message":{"id":""#,
            &self.way.id,
            r#"","type":"message","role":"assistant","model":""#,
            model,
        ];
        let tail = [r#"","content":[],"stop_reason":null,"stop_sequence":null,"usage":"#, &usage, "}}"];
        event(out, "message_start", &[&head.concat(), &tail.concat()]);
        event(out, "ping", &["{\"type\":\"ping\"}"]);
    }

    fn choice(&mut self, choice: &Choice<'_>, out: &mut Vec<u8>) {
        if let Some(said) = choice.said() {
            self.said(said, out);
        }
        let finish = choice.finish();
        if !finish.is_empty() && self.end.is_none() {
            let (reason, sequence) = ending::stop(finish, choice.matched(), &self.way.stops);
            self.end = Some(End { reason, sequence, finish: finish.to_owned() });
        }
    }

    fn said(&mut self, said: &Said<'_>, out: &mut Vec<u8>) {
        match (said.reasoning(), self.way.shown) {
            ("", _) => {}
            (text, Shown::Whole) => self.piece(Open::Thinking, "thinking_delta", "thinking", text, out),
            (text, Shown::Signed) => {
                self.open(Open::Thinking, out);
                self.keep(text);
            }
            (text, Shown::Hidden) => self.keep(text),
        }
        let text = said.content();
        if !text.is_empty() {
            self.is_silent &= words::is_blank(text);
            self.piece(Open::Text, "text_delta", "text", text, out);
        }
        for (position, call) in said.calls().iter().enumerate() {
            self.call(position as u64, call, out);
        }
    }

    fn keep(&mut self, text: &str) {
        if self.kept.len() + text.len() <= MOST_KEPT {
            self.kept.push_str(text);
        }
    }

    /// A piece of a call. Calls come one behind the other; a piece of an earlier one would be lost on clients that have run
    /// it by now.
    fn call(&mut self, position: u64, call: &Call<'_>, out: &mut Vec<u8>) {
        let number = call.index().unwrap_or(position);
        let block = Open::Tool(number);
        if self.open != Some(block) {
            if self.calls.contains(&number) {
                return self.broken("SiliconFlow's stream mixed the arguments of several tool calls.", out);
            }
            self.calls.push(number);
            self.is_silent = false;
            self.close(out);
            self.open = Some(block);
            let id = call.id(|| made_up(&self.way, number));
            let name = self.way.names.back(call.name());
            let block = [r#"{"type":"tool_use","id":""#, &id, r#"","name":""#, name, r#"","input":{}}"#].concat();
            self.block_start(&block, out);
        }
        match call.arguments().map(|arguments| arguments.get()) {
            None | Some("\"\"") => {}
            Some(value) => match words::inside(value) {
                Some(text) => self.delta("input_json_delta", "partial_json", text, out),
                None => self.delta("input_json_delta", "partial_json", &words::escaped(value), out),
            },
        }
    }

    fn piece(&mut self, block: Open, kind: &str, key: &str, text: &str, out: &mut Vec<u8>) {
        self.open(block, out);
        self.delta(kind, key, text, out);
    }

    fn open(&mut self, block: Open, out: &mut Vec<u8>) {
        if self.open == Some(block) {
            return;
        }
        self.close(out);
        self.open = Some(block);
        let empty = match block {
            Open::Thinking => r#"{"type":"thinking","thinking":"","signature":""}"#,
            _ => r#"{"type":"text","text":""}"#,
        };
        self.block_start(empty, out);
    }

    fn block_start(&mut self, block: &str, out: &mut Vec<u8>) {
        let index = self.blocks.to_string();
        self.blocks += 1;
        event(
            out,
            "content_block_start",
            &[r#"{"type":"content_block_start","index":"#, &index, r#","content_block":"#, block, "}"],
        );
    }

    fn delta(&mut self, kind: &str, key: &str, text: &str, out: &mut Vec<u8>) {
        self.pieces += 1;
        let mut index = itoa::Buffer::new();
        let index = index.format(self.blocks.saturating_sub(1));
        let head = [r#"{"type":"content_block_delta","index":"#, index, r#","delta":{"type":""#, kind, "\",\""];
        event(out, "content_block_delta", &[head[0], head[1], head[2], head[3], head[4], key, "\":\"", text, "\"}}"]);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        if open == Open::Thinking {
            let signature = match std::mem::take(&mut self.kept) {
                text if text.is_empty() => signature::plain().to_owned(),
                text => signature::with_text(&text),
            };
            self.delta("signature_delta", "signature", &signature, out);
        }
        let index = (self.blocks - 1).to_string();
        event(out, "content_block_stop", &[r#"{"type":"content_block_stop","index":"#, &index, "}"]);
    }

    /// The answer is whole.
    fn finish(&mut self, out: &mut Vec<u8>) {
        let end = self.end.take();
        let finish = end.as_ref().map_or("stop", |end| &*end.finish);
        if self.way.shown == Shown::Hidden && self.is_silent && is_answer("", finish) && !self.kept.is_empty() {
            let kept = std::mem::take(&mut self.kept);
            self.piece(Open::Text, "text_delta", "text", &kept, out);
        }
        self.close(out);
        let (reason, sequence) = end.map_or(("end_turn", "null".to_owned()), |end| (end.reason, end.sequence));
        let usage = self.usage.unwrap_or_else(|| Usage::expected(self.way.input_tokens, self.pieces)).json();
        let head = [r#"{"type":"message_delta","delta":{"stop_reason":""#, reason, r#"","stop_sequence":"#, &sequence];
        event(out, "message_delta", &[&head.concat(), "},\"usage\":", &usage, "}"]);
        event(out, "message_stop", &["{\"type\":\"message_stop\"}"]);
        self.is_over = true;
    }

    fn broken(&mut self, message: &str, out: &mut Vec<u8>) {
        self.failed(&Failure { kind: "server_error", code: None, message }, out);
    }
}

/// Writes one event; `data` are the pieces of its JSON.
fn event(out: &mut Vec<u8>, name: &str, data: &[&str]) {
    for piece in ["event: ", name, "\ndata: "].iter().chain(data).chain(&["\n\n"]) {
        out.extend_from_slice(piece.as_bytes());
    }
}
