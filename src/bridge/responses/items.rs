//! Items of a response's output, as they begin and as they end.

use super::chunk;
use super::reasoning;
use super::tools::{Kind, Tool};
use super::write::{Members, array, inner, literal};
use crate::wire::json::{self, Object};

/// The end of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    /// The model was cut off in it.
    Incomplete,
}

impl End {
    fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }
}

/// The id of item number `index` of the response `id` (`resp_…`): it says which response it belongs to.
pub(super) fn id(prefix: &str, response: &str, index: usize) -> String {
    format!("{prefix}_{}_{index}", response.strip_prefix("resp_").unwrap_or(response))
}

/// A part of a reasoning item; `text` is the inside of a literal, as everywhere here.
pub(super) fn summary_part(text: &str) -> String {
    format!("{{\"type\":\"summary_text\",\"text\":\"{text}\"}}")
}

/// A reasoning item. What was thought stands in its summary, where clients look for it: SiliconFlow's models show all of it.
pub(super) fn thought(id: &str, text: Option<&str>, is_encoded: bool) -> String {
    let mut item = Members::new();
    item.text("id", id).raw("type", "\"reasoning\"");
    item.raw("summary", &array(&text.map(summary_part).into_iter().collect::<Vec<_>>()));
    if let Some(text) = text.filter(|_| is_encoded) {
        item.text("encrypted_content", &reasoning::encode(text));
    }
    item.end()
}

/// A part of a message.
pub(super) fn text_part(text: &str, logprobs: &[String]) -> String {
    let part = format!("{{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":{},\"text\":\"", array(logprobs));
    part + text + "\"}"
}

/// A message, with its one part once there is one.
pub(super) fn message(id: &str, part: Option<&str>, end: Option<End>) -> String {
    let mut item = Members::new();
    item.text("id", id).raw("type", "\"message\"").text("status", end.map_or("in_progress", End::word));
    item.raw("role", "\"assistant\"").raw("content", &array(part.as_slice()));
    item.end()
}

/// A call of a tool under way.
#[derive(Debug)]
pub(super) struct Call {
    /// The number that the chat stream gives it.
    pub(super) number: u64,
    /// Its place in the output.
    pub(super) index: usize,
    pub(super) call_id: String,
    /// The function's name as the model wrote it.
    pub(super) name: String,
    /// The inside of a literal.
    pub(super) arguments: String,
    /// Whether the caller has heard of it.
    pub(super) is_told: bool,
}

impl Call {
    /// Takes a piece of it, and returns what that adds to the arguments. Its id and name are those that came before anybody
    /// heard of it.
    pub(super) fn take<'a>(&mut self, piece: &'a chunk::Call<'_>) -> &'a str {
        if let Some(id) = piece.id.as_deref().filter(|id| !id.is_empty() && !self.is_told) {
            id.clone_into(&mut self.call_id);
        }
        let Some(function) = &piece.function else { return "" };
        if let Some(name) = function.name.as_deref().filter(|_| !self.is_told) {
            self.name.push_str(name);
        }
        self.arguments.push_str(function.arguments());
        function.arguments()
    }

    /// Its item's id.
    pub(super) fn id(&self, response: &str, tool: Option<&Tool>) -> String {
        let prefix = if kind(tool) == Kind::Custom { "ctc" } else { "fc" };
        id(prefix, response, self.index)
    }

    /// Its item; without an end it has only begun.
    pub(super) fn item(&self, response: &str, tool: Option<&Tool>, end: Option<End>) -> String {
        let kind = kind(tool);
        let (name, key) = match kind {
            Kind::Custom => ("\"custom_tool_call\"", "input"),
            Kind::Function => ("\"function_call\"", "arguments"),
        };
        let argument = match (end, kind) {
            (None, _) => String::new(),
            (_, Kind::Custom) => self.input(),
            (_, Kind::Function) => self.arguments.clone(),
        };
        let mut item = Members::new();
        item.text("id", &self.id(response, tool)).raw("type", name);
        item.text("status", end.map_or("in_progress", End::word)).text("call_id", &self.call_id);
        item.text("name", tool.map_or(&self.name, |tool| &tool.name)).raw(key, &literal(&argument));
        let namespace = tool.and_then(|tool| tool.namespace.as_deref()).map(json::quote);
        item.maybe("namespace", namespace.as_deref());
        item.end()
    }

    /// What a tool with free input gets: the `input` of the arguments, or all of them where a model wrote something else.
    pub(super) fn input(&self) -> String {
        let arguments = json::string(&literal(&self.arguments)).map(std::borrow::Cow::into_owned);
        let input = arguments.and_then(|arguments| {
            let input = Object::parse(&arguments).ok()?.get("input").map(|input| input.value.to_owned())?;
            inner(&input).map(str::to_owned)
        });
        input.unwrap_or_else(|| self.arguments.clone())
    }
}

fn kind(tool: Option<&Tool>) -> Kind {
    tool.map_or(Kind::Function, |tool| tool.kind)
}
