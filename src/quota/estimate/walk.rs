//! The way through the JSON of a request: which strings are text, which are names of things, which are pictures.
//!
//! A walk over the raw bytes with a bounded memory of where it is. It does not check the JSON (the head has been
//! parsed); it never fails, it only counts less of what makes no sense. It knows no tokenizer.

use super::features::{Feature, Features};
use super::media::{Kind, Media};
use super::text::Text;

/// Counts the member `messages`.
pub(super) fn messages(json: &str, text: &mut Text, features: &mut Features) {
    Walk::new(json, Part::Messages, text, features).run();
}

/// Counts the member `tools`.
pub(super) fn tools(json: &str, text: &mut Text, features: &mut Features) {
    let before = features.get(Feature::Tool);
    Walk::new(json, Part::Tools, text, features).run();
    if features.get(Feature::Tool) > before {
        features.add(Feature::HasTools, 1.0);
    }
}

/// Counts a member with input that is no chat.
pub(super) fn input(json: &str, text: &mut Text, features: &mut Features) {
    let is_one = json.trim_start().starts_with('"');
    features.add(Feature::Item, if is_one { 1.0 } else { 0.0 });
    Walk::new(json, Part::Input, text, features).run();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Messages,
    Tools,
    Input,
}

/// What the value behind a key is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Text that the model reads.
    Text,
    /// A word of the protocol; never read by the model.
    Word,
    /// `role` or `type`, whose value says what the object is.
    Naming,
    /// The call of a tool.
    Call,
    /// A picture, a sound, a film: the value, or the object that is the value.
    Media(Kind),
    /// Where a medium is, or its bytes.
    Payload,
    /// How closely a picture is looked at.
    Detail,
}

/// What a key of a message says of its value; names as in OpenAI's and Anthropic's references, read 2026-11-21.
fn role_in_message(key: &[u8]) -> Option<Role> {
    Some(match key {
        b"content" | b"text" | b"reasoning_content" | b"thinking" | b"name" | b"arguments" | b"input" => Role::Text,
        b"role" | b"type" => Role::Naming,
        b"function" | b"function_call" => Role::Call,
        b"image_url" | b"source" | b"image" => Role::Media(Kind::Image),
        b"video_url" | b"video" => Role::Media(Kind::Video),
        b"audio_url" | b"input_audio" | b"audio" => Role::Media(Kind::Audio),
        b"url" | b"data" => Role::Payload,
        b"detail" => Role::Detail,
        b"tool_calls" | b"id" | b"tool_call_id" | b"tool_use_id" | b"index" | b"signature" | b"cache_control"
        | b"media_type" | b"format" | b"fps" | b"max_frames" | b"is_error" | b"prefix" | b"partial" => Role::Word,
        _ => return None,
    })
}

/// Deepest nesting whose kind is remembered; below it all is taken for arrays. No request of use is deeper.
const DEEPEST: u32 = 128;

struct Walk<'a, 'c> {
    bytes: &'a [u8],
    at: usize,
    part: Part,
    depth: u32,
    /// A bit for each level: whether it is an object.
    objects: u128,
    /// Whether the next string is a key.
    is_key: bool,
    role: Role,
    media: Media<'a>,
    text: &'c mut Text,
    features: &'c mut Features,
}

impl<'a, 'c> Walk<'a, 'c> {
    fn new(json: &'a str, part: Part, text: &'c mut Text, features: &'c mut Features) -> Self {
        let (bytes, media) = (json.as_bytes(), Media::default());
        Self { bytes, at: 0, part, depth: 0, objects: 0, is_key: false, role: Role::Text, media, text, features }
    }

    fn run(mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => self.string(),
                b'{' => self.open(true),
                b'[' => self.open(false),
                b'}' | b']' => self.close(),
                b',' => self.is_key = self.is_object(),
                b' ' | b'\n' | b'\r' | b'\t' | b':' => {}
                _ => self.bare(),
            }
        }
        self.media.count_into(self.features);
    }

    fn is_object(&self) -> bool {
        self.depth > 0 && self.objects >> (self.depth - 1).min(DEEPEST - 1) & 1 == 1
    }

    fn open(&mut self, is_object: bool) {
        self.depth += 1;
        let bit = 1 << (self.depth - 1).min(DEEPEST - 1);
        self.objects = if is_object && self.depth <= DEEPEST { self.objects | bit } else { self.objects & !bit };
        self.is_key = is_object;
        match (self.part, self.depth) {
            (Part::Messages, 2) if is_object => self.features.add(Feature::Message, 1.0),
            (Part::Messages, _) if is_object && self.role == Role::Call => self.features.add(Feature::Call, 1.0),
            (Part::Tools, 2) if is_object => self.features.add(Feature::Tool, 1.0),
            // One text as token ids, or one document as an object.
            (Part::Input, 2) => self.features.add(Feature::Item, 1.0),
            _ => {}
        }
        if self.part == Part::Tools {
            self.features.add(Feature::SchemaBracket, 1.0);
        }
        if let Role::Media(kind) = self.role {
            self.media.open(kind, self.depth - 1);
        }
        if is_object {
            self.role = Role::Text;
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.is_key = false;
        if self.media.is_behind(self.depth) {
            self.media.count_into(self.features);
        }
    }

    fn string(&mut self) {
        if self.is_key {
            self.is_key = false;
            return self.key();
        }
        match (self.part, self.role) {
            (Part::Tools, _) => self.schema_string(),
            (_, Role::Text | Role::Call) => self.text(),
            (_, Role::Naming) => self.naming(),
            (_, Role::Word) => _ = self.skip(),
            (_, Role::Detail) => self.media.detail = Some(self.skip()),
            (_, Role::Payload) => self.media.payload = Some(self.skip()),
            (_, Role::Media(kind)) => {
                self.media.open(kind, self.depth.saturating_sub(1));
                self.media.payload = Some(self.skip());
            }
        }
    }

    fn key(&mut self) {
        if self.part == Part::Tools {
            return self.schema_string();
        }
        let begin = self.at;
        let known = role_in_message(self.skip());
        // Members that no reference names are arguments in plain JSON, which the model reads with their keys.
        self.role = known.unwrap_or(Role::Text);
        if known.is_none() {
            self.at = begin;
            self.text();
        }
    }

    fn text(&mut self) {
        // A text in an array of texts, on the first level below it.
        if self.part == Part::Input && self.depth == 1 && !self.is_object() {
            self.features.add(Feature::Item, 1.0);
        }
        self.at = self.text.scan(self.bytes, self.at);
    }

    fn schema_string(&mut self) {
        self.features.add(Feature::SchemaString, 1.0);
        self.at = self.text.scan(self.bytes, self.at);
    }

    /// The value of `role` or `type`.
    fn naming(&mut self) {
        match self.skip() {
            b"tool" | b"tool_result" => self.features.add(Feature::Answer, 1.0),
            b"tool_use" => self.features.add(Feature::Call, 1.0),
            _ => {}
        }
    }

    /// The string that begins at `at`, as it is written, without a look at its characters.
    fn skip(&mut self) -> &'a [u8] {
        let begin = self.at;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            match memchr::memchr2(b'"', b'\\', rest) {
                None => {
                    self.at = self.bytes.len();
                    return &self.bytes[begin.min(self.at)..];
                }
                Some(found) if rest[found] == b'\\' => self.at += found + 2,
                Some(found) => {
                    let end = self.at + found;
                    self.at = end + 1;
                    return &self.bytes[begin..end];
                }
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn bare(&mut self) {
        let begin = self.at - 1;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        while self.bytes.get(self.at).is_some_and(is_part) {
            self.at += 1;
        }
        let is_number = matches!(self.bytes[begin], b'0'..=b'9' | b'-');
        match self.part {
            Part::Input if is_number => self.features.add(Feature::TokenId, 1.0),
            Part::Tools => self.text.bare(&self.bytes[begin..self.at]),
            _ => {}
        }
    }
}
