//! Tools as functions.
//!
//! Anthropic has tools of its own besides: some run on its servers, some have a form that only its models know. The first are
//! left out where others remain; a request that lives by them is refused, for an answer would look as if they had run.

use super::names::Names;
use super::{BridgeError, Edits, malformed, object, refuse, words};
use crate::wire::json::{self, Object};

/// Types of tools that the caller runs itself, in a form that Anthropic's models have learned.
const TYPED: [&str; 5] = ["bash_", "text_editor_", "computer_", "browser_", "memory_"];

/// What a tool may say that a function cannot.
const OPTIONS: [&str; 5] = ["defer_loading", "allowed_callers", "input_examples", "eager_input_streaming", "citations"];

/// The chat members `tools` and `tool_choice`. Whether there are any tools.
pub(super) fn write(
    tools: Option<&str>,
    choice: Option<&str>,
    names: &mut Names,
    edits: &mut Edits,
    out: &mut String,
) -> Result<bool, BridgeError> {
    let tools =
        tools.map_or(Some(Vec::new()), json::elements).ok_or_else(|| malformed("tools", "an array of tools"))?;
    let mut functions = Vec::with_capacity(tools.len());
    let mut left_out = None;
    for (index, tool) in tools.into_iter().enumerate() {
        let tool = object(tool, format!("tools.{index}"))?;
        match tool.string("type").as_deref() {
            _ if is_function(&tool) => functions.push(function(index, &tool, names, edits)?),
            Some(kind) if TYPED.iter().any(|typed| kind.starts_with(typed)) => {
                return Err(refuse(
                    format!("tools.{index}"),
                    format!(
                        "`tools.{index}`: only Anthropic's models know the form of `{kind}`. Describe the tool with a `name` and an `input_schema`."
                    ),
                ));
            }
            kind => {
                left_out = Some((index, kind.unwrap_or_default().to_owned(), tool.string("name").unwrap_or_default()))
            }
        }
    }
    let choice = choice.map(|choice| object(choice, "tool_choice")).transpose()?;
    if let Some((index, kind, name)) = left_out {
        let is_wanted = choice.as_ref().and_then(|choice| choice.string("name")).is_some_and(|wanted| wanted == name);
        if functions.is_empty() || is_wanted {
            return Err(refuse(
                format!("tools.{index}"),
                format!("`tools.{index}`: `{kind}` runs on Anthropic's servers; SiliconFlow has nothing like it."),
            ));
        }
        edits.note("without-server-tools");
    }
    if functions.is_empty() {
        return Ok(false);
    }
    out.extend([",\"tools\":[", &functions.join(","), "]"]);
    choice.map_or(Ok(()), |choice| self::choice(&choice, names, out))?;
    Ok(true)
}

/// Whether a tool is a function like any other.
pub(super) fn is_function(tool: &Object<'_>) -> bool {
    tool.string("type").is_none_or(|kind| kind == "custom")
}

fn function(index: usize, tool: &Object<'_>, names: &mut Names, edits: &mut Edits) -> Result<String, BridgeError> {
    let name = tool.get("name").and_then(|name| words::inside(name.value));
    let name = name.ok_or_else(|| malformed(format!("tools.{index}.name"), "a string"))?;
    let mut out = [r#"{"type":"function","function":{"name":""#, &names.there(name), "\""].concat();
    for (key, there) in [("description", "description"), ("strict", "strict"), ("input_schema", "parameters")] {
        if let Some(member) = tool.get(key).filter(|member| member.value != "null") {
            out.extend([",\"", there, "\":", member.value]);
        }
    }
    out.push_str("}}");
    if tool.has("cache_control") {
        edits.note("without-cache-control");
    }
    if OPTIONS.iter().any(|option| tool.has(option)) {
        edits.note("without-tool-options");
    }
    Ok(out)
}

fn choice(choice: &Object<'_>, names: &mut Names, out: &mut String) -> Result<(), BridgeError> {
    match choice.string("type").as_deref() {
        Some("auto") => out.push_str(",\"tool_choice\":\"auto\""),
        Some("any") => out.push_str(",\"tool_choice\":\"required\""),
        Some("none") => out.push_str(",\"tool_choice\":\"none\""),
        Some("tool") => {
            let name = choice.get("name").and_then(|name| words::inside(name.value));
            let name = names.there(name.ok_or_else(|| malformed("tool_choice.name", "a string"))?);
            out.extend([r#","tool_choice":{"type":"function","function":{"name":""#, &name, "\"}}"]);
        }
        _ => return Err(malformed("tool_choice.type", "`auto`, `any`, `tool` or `none`")),
    }
    if choice.get("disable_parallel_tool_use").is_some_and(|is_disabled| is_disabled.value == "true") {
        out.push_str(",\"parallel_tool_calls\":false");
    }
    Ok(())
}
