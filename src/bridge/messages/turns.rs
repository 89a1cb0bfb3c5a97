//! A conversation between the two protocols: turns of one speaker each, and how they are written as chat messages.
//!
//! Texts, urls and names are kept as they stand inside JSON literals.

use std::borrow::Cow;

use super::words::BREAK;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// A piece of what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(Cow<'a, str>),
    /// By its url, `data:` included.
    Picture(Cow<'a, str>),
}

/// A call of a tool.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) id: &'a str,
    pub(super) name: Cow<'a, str>,
    /// Its arguments, a JSON object.
    pub(super) input: &'a str,
}

/// One speaker's turn.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) role: Role,
    pub(super) parts: Vec<Part<'a>>,
    pub(super) thoughts: Vec<Cow<'a, str>>,
    pub(super) calls: Vec<Call<'a>>,
    /// Which call a tool answers.
    pub(super) answers: &'a str,
}

/// Turns in order; two in a row by one speaker are one, as Anthropic reads them.
#[derive(Debug, Default)]
pub(super) struct Turns<'a>(pub(super) Vec<Turn<'a>>);

impl<'a> Turn<'a> {
    fn new(role: Role) -> Self {
        Self { role, parts: Vec::new(), thoughts: Vec::new(), calls: Vec::new(), answers: "" }
    }

    /// Whether nothing of it can be said.
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.calls.is_empty() && self.role != Role::Tool
    }

    /// Its text, where it has nothing else.
    pub(super) fn text(&self) -> Option<String> {
        let texts = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(&**text),
            Part::Picture(_) => None,
        });
        Some(texts.collect::<Option<Vec<_>>>()?.join(BREAK))
    }

    fn write(&self, replays: bool, out: &mut String) {
        out.push_str("{\"role\":\"");
        out.push_str(match self.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        });
        out.push('"');
        if self.role == Role::Tool {
            member("tool_call_id", self.answers, out);
        }
        if replays && !self.thoughts.is_empty() {
            member("reasoning_content", &self.thoughts.join(BREAK), out);
        }
        match self.text() {
            Some(text) => member("content", &text, out),
            None => self.write_parts(out),
        }
        if !self.calls.is_empty() {
            out.push_str(",\"tool_calls\":[");
            list(&self.calls, out, Call::write);
            out.push(']');
        }
        out.push('}');
    }

    fn write_parts(&self, out: &mut String) {
        out.push_str(",\"content\":[");
        list(&self.parts, out, |part, out| {
            let (before, value, after) = match part {
                Part::Text(text) => (r#"{"type":"text","text":""#, text, r#""}"#),
                Part::Picture(url) => (r#"{"type":"image_url","image_url":{"url":""#, url, r#""}}"#),
            };
            out.extend([before, &**value, after]);
        });
        out.push(']');
    }
}

impl Call<'_> {
    fn write(&self, out: &mut String) {
        let arguments = crate::wire::json::quote(self.input);
        out.extend([r#"{"id":""#, self.id, r#"","type":"function","function":{"name":""#, &self.name]);
        out.extend([r#"","arguments":"#, &arguments, "}}"]);
    }
}

impl<'a> Turns<'a> {
    /// The turn in which `role` goes on speaking. Each answer of a tool is one of its own.
    pub(super) fn of(&mut self, role: Role) -> &mut Turn<'a> {
        let goes_on = role != Role::Tool && self.0.last().is_some_and(|turn| turn.role == role);
        if !goes_on {
            self.0.push(Turn::new(role));
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Takes out turns in which nothing is said; whether there were any.
    pub(super) fn drop_empty(&mut self) -> bool {
        let before = self.0.len();
        self.0.retain(|turn| !turn.is_empty());
        let is_shorter = self.0.len() < before;
        if is_shorter {
            self.join();
        }
        is_shorter
    }

    /// Makes one turn of those that one speaker now has in a row.
    fn join(&mut self) {
        for turn in std::mem::take(&mut self.0) {
            match self.0.last_mut().filter(|last| last.role == turn.role && turn.role != Role::Tool) {
                Some(last) => {
                    last.parts.extend(turn.parts);
                    last.thoughts.extend(turn.thoughts);
                    last.calls.extend(turn.calls);
                }
                None => self.0.push(turn),
            }
        }
    }

    /// Whether any tool was called.
    pub(super) fn has_calls(&self) -> bool {
        self.0.iter().any(|turn| !turn.calls.is_empty())
    }

    /// Whether anything was thought.
    pub(super) fn has_thoughts(&self) -> bool {
        self.0.iter().any(|turn| !turn.thoughts.is_empty())
    }

    /// The member `messages`; earlier thinking goes along where `replays`.
    pub(super) fn write(&self, replays: bool, out: &mut String) {
        out.push('[');
        list(&self.0, out, |turn, out| turn.write(replays, out));
        out.push(']');
    }
}

fn member(key: &str, inside: &str, out: &mut String) {
    out.extend([",\"", key, "\":\"", inside, "\""]);
}

/// Writes `items` with commas between them.
fn list<T>(items: &[T], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
}
