//! The request: every member of it as a chat request has it, left out by name, or refused.

use super::Context;
use super::choice;
use super::edits::Edits;
use super::error::{coded, refused, unsupported, wrong_type};
use super::fields::{self, Fate};
use super::input::Input;
use super::messages::Messages;
use super::tools::Tools;
use super::write::{Members, inner};
use crate::bridge::BridgeError;
use crate::wire::json::{self, Object};

/// A request as a chat request, and what else follows from it.
#[derive(Debug)]
pub(super) struct Chat {
    /// The body.
    pub(super) body: String,
    pub(super) edits: Edits,
    pub(super) tools: Tools,
    /// Whether reasoning goes to the caller in a form that can come back.
    pub(super) is_reasoning_encoded: bool,
}

/// Translates `request`.
///
/// # Errors
/// [`BridgeError`] for what cannot be carried.
pub(super) fn chat(request: &Object<'_>, context: &Context) -> Result<Chat, BridgeError> {
    let mut edits = Edits::default();
    let mut out = Members::new();
    let tools = with_fields(request, &mut out, &mut edits)?;
    let mut input = Input {
        messages: Messages::default(),
        referenced: &context.referenced,
        model: &request.string("model").unwrap_or_default(),
        edits: &mut edits,
    };
    told(request, &mut input)?;
    for item in &context.history {
        input.take(item, "previous_response_id")?;
    }
    asked(request, &mut input)?;
    let mut messages = input.messages;
    let with_thoughts = !tools.is_empty() || messages.has_calls();
    let list = messages.end(with_thoughts)?;
    edits.add_if(messages.is_thought_lost, "without-reasoning");
    out.raw("messages", &list);
    if request.get("stream").is_some_and(|stream| stream.value == "true") {
        out.raw("stream", "true").raw("stream_options", "{\"include_usage\":true}");
    }
    Ok(Chat { body: out.end(), edits, tools, is_reasoning_encoded: includes(request, "reasoning.encrypted_content") })
}

/// Everything but the conversation.
fn with_fields(request: &Object<'_>, out: &mut Members, edits: &mut Edits) -> Result<Tools, BridgeError> {
    for member in request.members() {
        match fields::fate(&member.key) {
            Fate::Carried(name) if member.value != "null" => drop(out.raw(name, member.value)),
            Fate::LeftOut(edit) => edits.add_if(fields::says_something(&member.key, member.value), edit),
            Fate::Refused(why) if fields::says_something(&member.key, member.value) => {
                return Err(unsupported(&member.key, why));
            }
            Fate::Unknown => drop(out.raw(inner(&json::quote(&member.key)).unwrap_or_default(), member.value)),
            Fate::Carried(_) | Fate::Refused(_) | Fate::Read => {}
        }
    }
    let mut tools = match request.get("tools").filter(|tools| tools.value != "null") {
        Some(tools) => Tools::read(tools.value, edits)?,
        None => Tools::default(),
    };
    let choice = request.get("tool_choice").filter(|choice| choice.value != "null");
    let choice = choice.map(|choice| choice::chat(choice.value, &mut tools)).transpose()?.flatten();
    if !tools.is_empty() {
        out.raw("tools", &tools.chat());
        out.maybe("tool_choice", choice.as_deref());
        out.maybe(
            "parallel_tool_calls",
            request.get("parallel_tool_calls").map(|own| own.value).filter(|own| *own != "null"),
        );
    }
    format(request, out, edits)?;
    effort(request, out, edits)?;
    logprobs(request, out, edits)?;
    truncation(request, edits)?;
    Ok(tools)
}

/// `instructions`: for this request alone, before everything else.
fn told(request: &Object<'_>, input: &mut Input<'_>) -> Result<(), BridgeError> {
    match request.get("instructions").map(|told| told.value) {
        None | Some("null") => Ok(()),
        Some(told) => {
            let text = inner(told).ok_or_else(|| wrong_type("instructions", "a string"))?;
            if !text.is_empty() {
                input.messages.system(text.to_owned());
            }
            Ok(())
        }
    }
}

fn asked(request: &Object<'_>, input: &mut Input<'_>) -> Result<(), BridgeError> {
    let asked = request.get("input").map(|asked| asked.value).filter(|asked| *asked != "null");
    let asked =
        asked.ok_or_else(|| coded("input", "missing_required_parameter", "Missing required parameter: 'input'."))?;
    for (index, item) in items(asked)?.iter().enumerate() {
        input.take(item, &format!("input[{index}]"))?;
    }
    Ok(())
}

/// The items of `input` (JSON): a string is one message.
///
/// # Errors
/// [`BridgeError`] when it is neither string nor array.
pub(super) fn items(input: &str) -> Result<Vec<String>, BridgeError> {
    if inner(input).is_some() {
        let part = Members::new().raw("type", "\"input_text\"").raw("text", input).end();
        let message = Members::new()
            .raw("type", "\"message\"")
            .raw("role", "\"user\"")
            .raw("content", &format!("[{part}]"))
            .end();
        return Ok(vec![message]);
    }
    let list = json::elements(input).ok_or_else(|| wrong_type("input", "a string or an array of items"))?;
    Ok(list.into_iter().map(str::to_owned).collect())
}

/// `text.format` and `text.verbosity`.
fn format(request: &Object<'_>, out: &mut Members, edits: &mut Edits) -> Result<(), BridgeError> {
    let Some(text) = request.get("text").filter(|text| text.value != "null") else { return Ok(()) };
    let text = Object::parse(text.value).map_err(|_| wrong_type("text", "an object"))?;
    edits.add_if(text.has("verbosity"), "without-verbosity");
    let Some(format) = text.get("format").filter(|format| format.value != "null") else { return Ok(()) };
    let format = Object::parse(format.value).map_err(|_| wrong_type("text.format", "an object"))?;
    match format.string("type").as_deref() {
        Some("text") => {}
        Some("json_object") => drop(out.raw("response_format", "{\"type\":\"json_object\"}")),
        Some("json_schema") => {
            let mut schema = Members::new();
            for key in ["name", "description", "schema", "strict"] {
                schema.maybe(key, format.get(key).map(|member| member.value).filter(|value| *value != "null"));
            }
            let format = Members::new().raw("type", "\"json_schema\"").raw("json_schema", &schema.end()).end();
            out.raw("response_format", &format);
        }
        _ => return Err(refused("text.format.type", "The format must be `text`, `json_object` or `json_schema`.")),
    }
    Ok(())
}

/// `reasoning`. Models that only switch read `enable_thinking`, those with an effort `reasoning_effort`; each ignores the
/// other, and the gateway leaves the switch out where a model refuses it (siliconflow-api.md, section 2).
fn effort(request: &Object<'_>, out: &mut Members, edits: &mut Edits) -> Result<(), BridgeError> {
    let Some(reasoning) = request.get("reasoning").filter(|reasoning| reasoning.value != "null") else { return Ok(()) };
    let reasoning = Object::parse(reasoning.value).map_err(|_| wrong_type("reasoning", "an object"))?;
    edits.add_if(["context", "mode"].into_iter().any(|key| reasoning.has(key)), "without-reasoning-options");
    let effort = reasoning.string("effort");
    if effort.is_none() && reasoning.has("effort") {
        return Err(wrong_type("reasoning.effort", "a string"));
    }
    let (thinks, effort) = match effort.as_deref() {
        None => return Ok(()),
        Some("none") => (false, None),
        Some("minimal") => (false, Some("low")),
        Some(effort @ ("low" | "medium" | "high" | "max")) => (true, Some(effort)),
        Some("xhigh") => (true, Some("max")),
        Some(_) => {
            return Err(refused(
                "reasoning.effort",
                "`reasoning.effort` must be one of none, minimal, low, medium, high, xhigh and max.",
            ));
        }
    };
    if !request.has("enable_thinking") {
        out.raw("enable_thinking", if thinks { "true" } else { "false" });
    }
    if let Some(effort) = effort.filter(|_| !request.has("reasoning_effort")) {
        out.text("reasoning_effort", effort);
    }
    Ok(())
}

/// `include` and `top_logprobs`.
fn logprobs(request: &Object<'_>, out: &mut Members, edits: &mut Edits) -> Result<(), BridgeError> {
    let known = ["reasoning.encrypted_content", "message.output_text.logprobs", "message.input_image.image_url"];
    let asked = request.get("include").filter(|include| include.value != "null");
    let asked = asked.map(|include| json::elements(include.value).ok_or_else(|| wrong_type("include", "an array")));
    let asked = asked.transpose()?.unwrap_or_default();
    let is_known = |asked: &str| json::string(asked).is_some_and(|asked| known.contains(&&*asked));
    edits.add_if(!asked.iter().all(|asked| is_known(asked)), "without-include");
    let top = request.get("top_logprobs").map(|top| top.value).filter(|top| !matches!(*top, "null" | "0"));
    if top.is_some() || includes(request, "message.output_text.logprobs") {
        out.raw("logprobs", "true").maybe("top_logprobs", top);
    }
    Ok(())
}

/// Nothing is cut off a conversation here: what does not fit is the upstream's to refuse, in words that agents recognise.
fn truncation(request: &Object<'_>, edits: &mut Edits) -> Result<(), BridgeError> {
    match request.string("truncation").as_deref() {
        Some("auto") => edits.add("without-truncation"),
        None | Some("disabled") => {}
        Some(_) => return Err(refused("truncation", "`truncation` must be `auto` or `disabled`.")),
    }
    Ok(())
}

fn includes(request: &Object<'_>, what: &str) -> bool {
    let list = request.get("include").and_then(|include| json::elements(include.value)).unwrap_or_default();
    list.into_iter().any(|entry| json::string(entry).is_some_and(|entry| entry == what))
}
