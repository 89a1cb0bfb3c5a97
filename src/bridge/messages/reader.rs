//! The conversation of a Messages request as turns of a chat.

use std::borrow::Cow;
use std::fmt;

use super::names::Names;
use super::turns::{Call, Part, Role, Turn, Turns};
use super::{BridgeError, Edits, Known, document, malformed, object, refuse, signature, words};
use crate::wire::json::{self, Object};

/// What Claude Code 2.1 begins its instructions with: a line about itself that differs from request to request. It is not for
/// the model, and no prompt behind it would ever be found in the upstream's cache.
const BILLING: &str = "x-anthropic-billing-header:";

/// A place in a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    System,
    Message(usize),
    Block(usize, usize),
}

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => write!(formatter, "system"),
            Self::Message(message) => write!(formatter, "messages.{message}"),
            Self::Block(message, block) => write!(formatter, "messages.{message}.content.{block}"),
        }
    }
}

/// A block of content.
pub(super) struct Block<'a> {
    pub(super) object: Object<'a>,
    pub(super) kind: Cow<'a, str>,
    pub(super) at: At,
}

/// The blocks of an array, each with its place.
pub(super) fn blocks(value: &str, at: impl Fn(usize) -> At) -> Result<Vec<Block<'_>>, BridgeError> {
    let blocks = json::elements(value).ok_or_else(|| malformed(at(0), "a text or an array of blocks"))?;
    let block = |(index, block)| {
        let at = at(index);
        let object = object(block, at)?;
        let kind = object.string("type").ok_or_else(|| malformed(format!("{at}.type"), "a string"))?;
        Ok(Block { object, kind, at })
    };
    blocks.into_iter().enumerate().map(block).collect()
}

/// Reads a conversation.
pub(super) struct Reader<'a, 'c> {
    pub(super) turns: Turns<'a>,
    pub(super) names: &'c mut Names,
    pub(super) edits: &'c mut Edits,
    pub(super) model: Known,
}

impl<'a> Reader<'a, '_> {
    /// The member `system`: a text or blocks of text.
    pub(super) fn system(&mut self, value: &'a str) -> Result<(), BridgeError> {
        for text in self.texts(value, At::System)? {
            if text.starts_with(BILLING) {
                self.edits.note("without-billing-header");
            } else {
                self.turns.of(Role::System).parts.push(Part::Text(Cow::Borrowed(text)));
            }
        }
        Ok(())
    }

    /// The member `messages`.
    pub(super) fn messages(&mut self, value: &'a str) -> Result<(), BridgeError> {
        let messages = json::elements(value).ok_or_else(|| malformed("messages", "an array of messages"))?;
        for (index, message) in messages.into_iter().enumerate() {
            self.message(index, message)?;
        }
        if self.turns.drop_empty() {
            self.edits.note("without-empty-messages");
        }
        Ok(())
    }

    fn message(&mut self, index: usize, message: &'a str) -> Result<(), BridgeError> {
        let at = At::Message(index);
        let message = object(message, at)?;
        let content = message.get("content").map_or("null", |content| content.value);
        match message.string("role").as_deref() {
            Some("user") => self.user(index, content),
            Some("assistant") => self.assistant(index, content),
            Some("system") => self.system_message(index, content),
            _ => Err(malformed(format!("{at}.role"), "`user`, `assistant` or `system`")),
        }
    }

    /// Instructions in the middle: some models' templates take a system message only in front, so they come as the user's
    /// words, marked the way Claude Code marks its own.
    fn system_message(&mut self, index: usize, content: &'a str) -> Result<(), BridgeError> {
        let texts = self.texts(content, At::Message(index))?;
        let is_in_front = self.turns.0.iter().all(|turn| turn.role == Role::System);
        if is_in_front {
            let parts = texts.into_iter().map(|text| Part::Text(Cow::Borrowed(text)));
            self.turns.of(Role::System).parts.extend(parts);
        } else if !texts.is_empty() {
            self.edits.note("system-as-user");
            let text = texts.join(words::BREAK);
            let marked = ["<system-reminder>\\n", &text, "\\n</system-reminder>"].concat();
            self.turns.of(Role::User).parts.push(Part::Text(Cow::Owned(marked)));
        }
        Ok(())
    }

    /// Answers of tools come first, as messages of their own, each right behind the call.
    fn user(&mut self, index: usize, content: &'a str) -> Result<(), BridgeError> {
        if let Some(text) = words::inside(content) {
            self.say(Role::User, text);
            return Ok(());
        }
        let (results, said): (Vec<_>, Vec<_>) = blocks(content, |block| At::Block(index, block))?
            .into_iter()
            .partition(|block| block.kind == "tool_result");
        let mut pictures = Vec::new();
        for result in &results {
            self.tool_result(result, &mut pictures)?;
        }
        let mut parts = pictures;
        for block in &said {
            self.user_block(block, &mut parts)?;
        }
        // A message of answers alone has said it all.
        if !parts.is_empty() || results.is_empty() {
            self.turns.of(Role::User).parts.append(&mut parts);
        }
        Ok(())
    }

    fn user_block(&mut self, block: &Block<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), BridgeError> {
        self.note_extras(&block.object);
        match &*block.kind {
            "text" => parts.extend(document::text(&block.object, "text")),
            "image" => parts.push(document::image(block)?),
            "document" => document::document(block, self.model, parts)?,
            "search_result" => document::search_result(block, parts)?,
            other => {
                let at = block.at;
                return Err(refuse(
                    at,
                    format!("`{at}`: blocks of the type `{other}` cannot be carried to SiliconFlow."),
                ));
            }
        }
        Ok(())
    }

    /// What a tool answered. Chat models take no pictures there: those come with the user's next words.
    fn tool_result(&mut self, block: &Block<'a>, pictures: &mut Vec<Part<'a>>) -> Result<(), BridgeError> {
        self.note_extras(&block.object);
        let call = block.object.get("tool_use_id").and_then(|id| words::inside(id.value));
        let call = call.ok_or_else(|| malformed(format!("{}.tool_use_id", block.at), "a string"))?;
        let mut parts = Vec::new();
        if block.object.get("is_error").is_some_and(|is_error| is_error.value == "true") {
            self.edits.note("tool-error-as-text");
            parts.push(Part::Text(Cow::Borrowed("Error:")));
        }
        let content = block.object.get("content").map_or("null", |content| content.value);
        match words::inside(content) {
            Some(text) => parts.push(Part::Text(Cow::Borrowed(text))),
            None if content == "null" => {}
            None => {
                for inner in blocks(content, |_| block.at)? {
                    self.result_block(&inner, &mut parts)?;
                }
            }
        }
        let (shown, texts): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| matches!(part, Part::Picture(_)));
        let turn = self.turns.of(Role::Tool);
        (turn.answers, turn.parts) = (call, texts);
        if !shown.is_empty() {
            self.edits.note("tool-pictures-as-user");
            turn.parts.push(Part::Text(Cow::Borrowed("(Its pictures are in the next message.)")));
            pictures.push(Part::Text(Cow::Owned(["Pictures that the tool call ", call, " returned:"].concat())));
            pictures.extend(shown);
        }
        Ok(())
    }

    fn result_block(&mut self, block: &Block<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), BridgeError> {
        if block.kind == "tool_reference" {
            parts.extend(document::text(&block.object, "tool_name"));
            return Ok(());
        }
        self.user_block(block, parts)
    }

    fn assistant(&mut self, index: usize, content: &'a str) -> Result<(), BridgeError> {
        if let Some(text) = words::inside(content) {
            self.say(Role::Assistant, text);
            return Ok(());
        }
        for block in blocks(content, |block| At::Block(index, block))? {
            self.note_extras(&block.object);
            match &*block.kind {
                "text" => {
                    let part = document::text(&block.object, "text");
                    self.turns.of(Role::Assistant).parts.extend(part);
                }
                "thinking" => self.thought(&block.object),
                "redacted_thinking" => self.edits.note("without-redacted-thinking"),
                "tool_use" => self.call(&block)?,
                // What Anthropic's own servers did: nobody else can go on with it.
                _ => self.edits.note("without-server-blocks"),
            }
        }
        Ok(())
    }

    /// Thinking of ours, with its text in the block or in its signature. That of others is told as it was.
    fn thought(&mut self, block: &Object<'a>) {
        let text = |key: &str| block.get(key).and_then(|member| words::inside(member.value)).unwrap_or_default();
        let thought = match text("thinking") {
            "" => signature::text(text("signature")).map(Cow::Owned),
            text => Some(Cow::Borrowed(text)),
        };
        match thought {
            Some(thought) => self.turns.of(Role::Assistant).thoughts.push(thought),
            None => self.edits.note("without-redacted-thinking"),
        }
    }

    fn call(&mut self, block: &Block<'a>) -> Result<(), BridgeError> {
        let text = |key: &str| {
            let value = block.object.get(key).and_then(|member| words::inside(member.value));
            value.ok_or_else(|| malformed(format!("{}.{key}", block.at), "a string"))
        };
        let (id, name) = (text("id")?, self.names.there(text("name")?));
        let input = block.object.get("input").map_or("{}", |input| input.value);
        object(input, format!("{}.input", block.at))?;
        self.turns.of(Role::Assistant).calls.push(Call { id, name, input });
        Ok(())
    }

    fn say(&mut self, role: Role, text: &'a str) {
        let turn: &mut Turn<'a> = self.turns.of(role);
        if !text.is_empty() {
            turn.parts.push(Part::Text(Cow::Borrowed(text)));
        }
    }

    /// A text, or the texts of blocks.
    fn texts(&mut self, value: &'a str, at: At) -> Result<Vec<&'a str>, BridgeError> {
        if let Some(text) = words::inside(value) {
            return Ok(Some(text).filter(|text| !text.is_empty()).into_iter().collect());
        }
        let mut texts = Vec::new();
        for block in blocks(value, |_| at)? {
            self.note_extras(&block.object);
            let text = block.object.get("text").filter(|_| block.kind == "text");
            let text = text.and_then(|text| words::inside(text.value));
            let text = text.ok_or_else(|| refuse(at, format!("`{at}`: instructions can only be text.")))?;
            texts.extend(Some(text).filter(|text| !text.is_empty()));
        }
        Ok(texts)
    }

    /// What a block may have that nothing upstream is the same as.
    fn note_extras(&mut self, block: &Object<'_>) {
        if block.has("cache_control") {
            self.edits.note("without-cache-control");
        }
        if block.has("citations") && block.get("citations").is_some_and(|citations| citations.value != "[]") {
            self.edits.note("without-citations");
        }
    }
}
