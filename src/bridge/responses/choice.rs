//! `tool_choice`: which of the tools may or must be called.

use super::error::{refused, unsupported, wrong_type};
use super::tools::{Kind, Tool, Tools};
use super::write::Members;
use crate::bridge::BridgeError;
use crate::wire::json::{self, Object};

/// `choice` (JSON) as a chat request has it; `None` where there is nothing to say. A list of allowed tools takes the others
/// out of `tools`, which is what it means.
///
/// # Errors
/// [`BridgeError`] when it asks for what cannot be called.
pub(super) fn chat(choice: &str, tools: &mut Tools) -> Result<Option<String>, BridgeError> {
    if let Some(word) = json::string(choice) {
        return simple(&word, choice, tools);
    }
    let choice = Object::parse(choice).map_err(|_| wrong_type("tool_choice", "a string or an object"))?;
    match choice.string("type").as_deref() {
        Some("function") => one(&choice, Kind::Function, tools).map(Some),
        Some("custom") => one(&choice, Kind::Custom, tools).map(Some),
        Some("allowed_tools") => allowed(&choice, tools),
        kind => {
            let kind = kind.unwrap_or("?").chars().take(64).collect::<String>();
            Err(unsupported(
                "tool_choice",
                format!("SiliconFlow's models have no tool of the type `{kind}`, so it cannot be chosen."),
            ))
        }
    }
}

fn simple(word: &str, choice: &str, tools: &Tools) -> Result<Option<String>, BridgeError> {
    match word {
        "required" if tools.is_empty() => Err(refused(
            "tool_choice",
            "`tool_choice` is `required`, and there is no tool that a model of SiliconFlow's could call.",
        )),
        "auto" | "none" | "required" => Ok((!tools.is_empty()).then(|| choice.to_owned())),
        _ => Err(refused("tool_choice", "`tool_choice` must be `none`, `auto`, `required` or an object.")),
    }
}

fn one(choice: &Object<'_>, kind: Kind, tools: &Tools) -> Result<String, BridgeError> {
    let tool = found(choice, kind, tools)
        .ok_or_else(|| refused("tool_choice", "`tool_choice` names a tool that is not among `tools`."))?;
    let name = Members::new().text("name", &tool.chat_name).end();
    Ok(Members::new().raw("type", "\"function\"").raw("function", &name).end())
}

fn found<'a>(choice: &Object<'_>, kind: Kind, tools: &'a Tools) -> Option<&'a Tool> {
    tools.named(kind, choice.string("namespace").as_deref(), &choice.string("name")?)
}

fn allowed(choice: &Object<'_>, tools: &mut Tools) -> Result<Option<String>, BridgeError> {
    let listed = choice.get("tools").and_then(|tools| json::elements(tools.value));
    let listed = listed.ok_or_else(|| wrong_type("tool_choice.tools", "an array"))?;
    let mut names = Vec::new();
    for entry in listed {
        let entry = Object::parse(entry).map_err(|_| wrong_type("tool_choice.tools", "an array of objects"))?;
        let kind = if entry.string("type").as_deref() == Some("custom") { Kind::Custom } else { Kind::Function };
        names.extend(found(&entry, kind, tools).map(|tool| tool.chat_name.clone()));
    }
    tools.keep(|tool| names.contains(&tool.chat_name));
    let mode = choice.get("mode").map_or("\"auto\"", |mode| mode.value);
    simple(&json::string(mode).unwrap_or_default(), mode, tools)
}
