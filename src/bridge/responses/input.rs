//! `input`: every item that a chat model can take, as the messages of a chat request.

use std::collections::HashMap;

use super::content::{self, Part, Place};
use super::edits::Edits;
use super::error::{coded, refused, wrong_type};
use super::messages::Messages;
use super::write::{Members, inner};
use super::{reasoning, tools};
use crate::bridge::BridgeError;
use crate::wire::json::{self, Object};

/// Items on their way into messages.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) messages: Messages,
    /// Items that others point to, by their ids (JSON).
    pub(super) referenced: &'a HashMap<String, String>,
    /// The model's name, as the caller wrote it.
    pub(super) model: &'a str,
    pub(super) edits: &'a mut Edits,
}

impl Input<'_> {
    /// Takes one item (JSON) that stands at `param`.
    ///
    /// # Errors
    /// [`BridgeError`] when it cannot be understood, or no chat model can take it.
    pub(super) fn take(&mut self, item: &str, param: &str) -> Result<(), BridgeError> {
        let item = Object::parse(item).map_err(|_| wrong_type(param, "an object"))?;
        match item.string("type").as_deref() {
            Some("message") => self.message(&item, param),
            None if item.has("role") => self.message(&item, param),
            Some("item_reference") | None => self.reference(&item, param),
            Some("reasoning") => {
                self.thought(&item);
                Ok(())
            }
            Some("function_call") => self.call(&item, param, "arguments"),
            Some("custom_tool_call") => self.call(&item, param, "input"),
            Some("local_shell_call") => self.shell_call(&item, param),
            Some("function_call_output" | "custom_tool_call_output" | "local_shell_call_output") => {
                self.output(&item, param)
            }
            Some(kind) => self.left_out(kind, param),
        }
    }

    fn message(&mut self, item: &Object<'_>, param: &str) -> Result<(), BridgeError> {
        let place_param = format!("{param}.content");
        let place = Place { param: &place_param, model: self.model };
        let content = item.get("content").map_or("\"\"", |content| content.value);
        let parts = content::parts(content, place)?;
        match item.string("role").as_deref() {
            Some("user") => self.messages.user(parts),
            Some("assistant") => self.messages.said(&only_text(&parts, &place_param)?),
            Some("system" | "developer") => self.messages.system(only_text(&parts, &place_param)?),
            _ => {
                return Err(refused(
                    &format!("{param}.role"),
                    "`role` must be `user`, `assistant`, `system` or `developer`.",
                ));
            }
        }
        Ok(())
    }

    fn reference(&mut self, item: &Object<'_>, param: &str) -> Result<(), BridgeError> {
        let id = item.string("id").ok_or_else(|| refused(&format!("{param}.type"), "An input item needs a `type`."))?;
        let Some(found) = self.referenced.get(&*id) else {
            let id: String = id.chars().take(96).collect();
            return Err(coded(
                param,
                "item_not_found",
                format!(
                    "Item with id '{id}' not found: only items of responses that were stored here, with this key, can be pointed to."
                ),
            ));
        };
        if found.contains("\"item_reference\"")
            && Object::parse(found).is_ok_and(|item| item.string("type").as_deref() == Some("item_reference"))
        {
            return Err(refused(param, "An item reference points to another one."));
        }
        let found = found.clone();
        self.take(&found, param)
    }

    fn thought(&mut self, item: &Object<'_>) {
        match reasoning::text(item) {
            Some(text) if !text.is_empty() => self.messages.thought(text),
            _ => self.edits.add_if(item.has("encrypted_content"), "without-reasoning"),
        }
    }

    /// A call of a tool: `argument` is where its text stands.
    fn call(&mut self, item: &Object<'_>, param: &str, argument: &str) -> Result<(), BridgeError> {
        let id = text(item, "call_id", param)?;
        let name = tools::chat_name(item.string("namespace").as_deref(), &text(item, "name", param)?);
        let literal = item.get(argument).map(|member| member.value).filter(|value| inner(value).is_some());
        let literal = literal.ok_or_else(|| wrong_type(&format!("{param}.{argument}"), "a string"))?;
        if argument == "input" {
            let wrapped = json::quote(&Members::new().raw("input", literal).end());
            self.messages.called(&id, &name, &wrapped);
        } else {
            self.messages.called(&id, &name, if literal == "\"\"" { "\"{}\"" } else { literal });
        }
        Ok(())
    }

    /// The shell tool of old: its action is what a function's arguments would be.
    fn shell_call(&mut self, item: &Object<'_>, param: &str) -> Result<(), BridgeError> {
        let id = text(item, "call_id", param)?;
        let action = item.get("action").map_or("{}", |action| action.value);
        self.messages.called(&id, "local_shell", &json::quote(action));
        Ok(())
    }

    fn output(&mut self, item: &Object<'_>, param: &str) -> Result<(), BridgeError> {
        let id = item.string("call_id").or_else(|| item.string("id"));
        let id =
            id.ok_or_else(|| refused(&format!("{param}.call_id"), "A tool's output needs the `call_id` of its call."))?;
        let place_param = format!("{param}.output");
        let place = Place { param: &place_param, model: self.model };
        let output = item.get("output").map_or("\"\"", |output| output.value);
        let parts = match content::parts(output, place) {
            // Some tools return an object; the model reads it as it stands.
            Err(_) if output.starts_with('{') => {
                vec![Part::Text(inner(&json::quote(output)).unwrap_or_default().to_owned())]
            }
            parts => parts?,
        };
        self.messages.returned(&id, parts)
    }

    /// What only OpenAI's own tools say. A summary that only OpenAI can read stands for the whole conversation before it.
    fn left_out(&mut self, kind: &str, param: &str) -> Result<(), BridgeError> {
        let is_hosted = [
            "web_search",
            "file_search",
            "computer",
            "image_generation",
            "code_interpreter",
            "mcp",
            "tool_search",
            "shell",
            "apply_patch",
        ];
        if is_hosted.iter().any(|tool| kind.starts_with(tool)) {
            self.edits.add("without-hosted-calls");
            return Ok(());
        }
        let kind: String = kind.chars().take(64).collect();
        Err(refused(param, format!("An item of the type `{kind}` cannot be given to a model of SiliconFlow's.")))
    }
}

fn text(item: &Object<'_>, key: &str, param: &str) -> Result<String, BridgeError> {
    item.string(key).map(std::borrow::Cow::into_owned).ok_or_else(|| wrong_type(&format!("{param}.{key}"), "a string"))
}

fn only_text(parts: &[Part], param: &str) -> Result<String, BridgeError> {
    if parts.iter().any(|part| matches!(part, Part::Media(_))) {
        return Err(refused(
            param,
            "Pictures, sounds and files can only be in a user's message, or in what a tool returns.",
        ));
    }
    Ok(content::joined(parts))
}
