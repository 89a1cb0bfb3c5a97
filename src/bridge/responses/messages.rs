//! The messages of a chat request, put together from items: what an assistant thought, said and called in one turn is one
//! message, and what its tools returned stands right behind it, as chat models are taught.

use std::collections::{HashMap, HashSet};

use super::content::{self, Part};
use super::error::refused;
use super::write::{Members, array, literal};
use crate::bridge::BridgeError;

/// A message that is complete.
#[derive(Debug)]
enum Message {
    /// System or user, as JSON.
    Plain(String),
    Assistant(Turn),
}

/// What an assistant did before anybody else spoke, and what its tools returned.
#[derive(Debug, Default)]
struct Turn {
    /// The inside of a literal.
    thought: Option<String>,
    said: Option<String>,
    /// Id and JSON of each call.
    calls: Vec<(String, String)>,
    /// The same of what was returned.
    returned: Vec<(String, String)>,
}

/// All messages under way.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// What the model is told to be (insides of literals), as long as nobody has spoken.
    system: Vec<String>,
    list: Vec<Message>,
    /// The assistant's turn that goes on.
    turn: Option<Turn>,
    /// Where in the list the turn stands that made a call.
    callers: HashMap<String, usize>,
    /// What was thought, until it is known what came of it.
    thought: Option<String>,
    /// A thought of which nothing came, or that nobody needs, was left out.
    pub(super) is_thought_lost: bool,
}

impl Messages {
    /// Tells the model something (the inside of a literal). What comes first becomes one message: some models take no
    /// second one.
    pub(super) fn system(&mut self, text: String) {
        if self.list.is_empty() && self.turn.is_none() {
            self.system.push(text);
        } else {
            self.plain(Members::new().raw("role", "\"system\"").raw("content", &literal(&text)).end());
        }
    }

    /// Somebody asks.
    pub(super) fn user(&mut self, parts: Vec<Part>) {
        self.plain(Members::new().raw("role", "\"user\"").raw("content", &content::chat(parts)).end());
    }

    /// The assistant thought.
    pub(super) fn thought(&mut self, text: String) {
        self.is_thought_lost |= self.thought.is_some();
        self.thought = Some(text);
    }

    /// The assistant said (the inside of a literal).
    pub(super) fn said(&mut self, text: &str) {
        match &mut self.turn().said {
            Some(said) => {
                said.push_str("\\n\\n");
                said.push_str(text);
            }
            said => *said = Some(text.to_owned()),
        }
    }

    /// The assistant called a function; `arguments` is a string literal.
    pub(super) fn called(&mut self, id: &str, name: &str, arguments: &str) {
        let function = Members::new().text("name", name).raw("arguments", arguments).end();
        let call = Members::new().text("id", id).raw("type", "\"function\"").raw("function", &function).end();
        self.turn().calls.push((id.to_owned(), call));
    }

    /// A function returned. Pictures stand in a message of their own behind it: a tool's message has only text.
    ///
    /// # Errors
    /// [`BridgeError`] when nobody called it.
    pub(super) fn returned(&mut self, id: &str, parts: Vec<Part>) -> Result<(), BridgeError> {
        self.end_turn();
        let unknown = || refused("input", format!("No tool call found for function call output with call_id {id}."));
        let text = content::joined(&parts);
        let media = content::media_of(parts);
        let text = if text.is_empty() && !media.is_empty() { "(see the next message)".to_owned() } else { text };
        let message =
            Members::new().raw("role", "\"tool\"").text("tool_call_id", id).raw("content", &literal(&text)).end();
        match self.callers.get(id).and_then(|place| self.list.get_mut(*place)) {
            Some(Message::Assistant(turn)) => turn.returned.push((id.to_owned(), message)),
            _ => return Err(unknown()),
        }
        if !media.is_empty() {
            self.user(media.into_iter().map(Part::Media).collect());
        }
        Ok(())
    }

    /// Whether a function was ever called.
    pub(super) fn has_calls(&self) -> bool {
        !self.callers.is_empty() || self.turn.as_ref().is_some_and(|turn| !turn.calls.is_empty())
    }

    /// The array; thoughts go along if `with_thoughts`.
    ///
    /// # Errors
    /// [`BridgeError`] when a call was never answered.
    pub(super) fn end(&mut self, with_thoughts: bool) -> Result<String, BridgeError> {
        self.end_turn();
        let mut out = Vec::with_capacity(self.list.len() + 1);
        if !self.system.is_empty() {
            let told = literal(&self.system.join("\\n\\n"));
            out.push(Members::new().raw("role", "\"system\"").raw("content", &told).end());
        }
        for message in std::mem::take(&mut self.list) {
            match message {
                Message::Plain(message) => out.push(message),
                Message::Assistant(turn) => {
                    self.is_thought_lost |= turn.thought.is_some() && !with_thoughts;
                    turn.write(with_thoughts, &mut out)?;
                }
            }
        }
        Ok(array(&out))
    }

    fn plain(&mut self, message: String) {
        self.end_turn();
        self.list.push(Message::Plain(message));
    }

    /// The assistant's turn that goes on; a new one where something was thought anew.
    fn turn(&mut self) -> &mut Turn {
        if let Some(thought) = self.thought.take() {
            self.end_turn();
            return self.turn.insert(Turn { thought: Some(thought), ..Turn::default() });
        }
        self.turn.get_or_insert_default()
    }

    fn end_turn(&mut self) {
        self.is_thought_lost |= self.thought.take().is_some();
        let Some(turn) = self.turn.take() else { return };
        let place = self.list.len();
        self.callers.extend(turn.calls.iter().map(|(id, _)| (id.clone(), place)));
        self.list.push(Message::Assistant(turn));
    }
}

impl Turn {
    /// Its message, and those of its tools right behind it.
    fn write(self, with_thoughts: bool, out: &mut Vec<String>) -> Result<(), BridgeError> {
        let returned: HashSet<&str> = self.returned.iter().map(|(id, _)| id.as_str()).collect();
        if let Some((id, _)) = self.calls.iter().find(|(id, _)| !returned.contains(id.as_str())) {
            return Err(refused("input", format!("No tool output found for function call {id}.")));
        }
        let mut message = Members::new();
        message.raw("role", "\"assistant\"");
        let said = self.said.as_deref().map(literal);
        message.raw("content", said.as_deref().unwrap_or(if self.calls.is_empty() { "\"\"" } else { "null" }));
        let thought = self.thought.as_deref().filter(|_| with_thoughts).map(literal);
        message.maybe("reasoning_content", thought.as_deref());
        if !self.calls.is_empty() {
            let calls: Vec<&String> = self.calls.iter().map(|(_, call)| call).collect();
            message.raw("tool_calls", &array(&calls));
        }
        out.push(message.end());
        out.extend(self.returned.into_iter().map(|(_, message)| message));
        Ok(())
    }
}
