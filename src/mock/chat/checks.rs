//! The checks of a chat request, field by field: what SiliconFlow refuses, in the order of reading. Texts are API
//! reference section 15's where it has one, else ours.

use super::request::{Choice, Format};
use crate::mock::catalogue::Model;
use crate::mock::quirks::Thinking;
use crate::mock::refusal::Refusal;
use serde_json::Value;

pub(super) fn messages_of<'a>(model: &Model, json: &'a Value) -> Result<&'a [Value], Refusal> {
    let messages = json["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    if messages.is_empty() {
        return Err(Refusal::parameter("Field required: messages must have at least 1 item."));
    }
    for message in messages {
        let role = message["role"].as_str().unwrap_or_default();
        if !matches!(role, "system" | "user" | "assistant" | "tool") {
            return Err(Refusal::parameter(format!(
                "Input should be 'system', 'user', 'assistant' or 'tool': {role:?}"
            )));
        }
        check_parts(model, &message["content"])?;
    }
    Ok(messages)
}

fn check_parts(model: &Model, content: &Value) -> Result<(), Refusal> {
    for part in content.as_array().into_iter().flatten() {
        let kind = part["type"].as_str().unwrap_or_default();
        match kind {
            "text" => {}
            "image_url" | "video_url" | "audio_url" if model.kind.sees() => {}
            "image_url" | "video_url" | "audio_url" => {
                return Err(Refusal::parameter("The model is not a VLM. Please use text-only prompts."));
            }
            _ => {
                return Err(Refusal::parameter(format!("Unknown content part type: {kind:?}")));
            }
        }
    }
    Ok(())
}

pub(super) fn tools_of<'a>(model: &Model, json: &'a Value) -> Result<&'a [Value], Refusal> {
    let tools = json["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    if tools.len() > 128 {
        return Err(Refusal::parameter("tools: List should have at most 128 items after validation"));
    }
    if !tools.is_empty() && !model.can("tools") {
        return Err(Refusal::parameter("Function call is not supported for this model."));
    }
    let well_named = |tool: &Value| {
        let name = tool["function"]["name"].as_str().unwrap_or_default();
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        tool["type"] == "function" && (1..=64).contains(&name.len()) && name.chars().all(fits)
    };
    if tools.iter().all(well_named) { Ok(tools) } else { Err(Refusal::bad_parameter()) }
}

pub(super) fn choice_of<'a>(json: &'a Value, tools: &[Value]) -> Result<Choice<'a>, Refusal> {
    let choice = &json["tool_choice"];
    match choice.as_str() {
        _ if tools.is_empty() => Ok(Choice::Never),
        Some("none") => Ok(Choice::Never),
        Some("required" | "any") => Ok(Choice::Any),
        Some("auto") => Ok(Choice::Auto),
        Some(_) => Err(Refusal::bad_parameter()),
        None => Ok(choice["function"]["name"].as_str().map_or(Choice::Auto, Choice::Named)),
    }
}

pub(super) fn thinking_of(model: &Model, json: &Value) -> Result<bool, Refusal> {
    let wish = json["enable_thinking"].as_bool();
    let thinks = match model.thinking_habit() {
        Thinking::Refused if wish.is_some() => {
            let text = "Value error, current model does not support parameter `enable_thinking`.";
            return Err(Refusal::parameter(text));
        }
        Thinking::Refused | Thinking::Ignored => false,
        Thinking::Always => true,
        Thinking::Toggle(otherwise) => wish.unwrap_or(otherwise),
    };
    match json["thinking_budget"].as_u64() {
        Some(32_769..) => Err(Refusal::parameter("thinking_budget: Must be less than or equal to 32768")),
        Some(..128) => Err(Refusal::parameter("thinking_budget: Must be greater than or equal to 128")),
        _ if thinks && model.refuses_tools_while_thinking() && !json["tools"].is_null() => {
            Err(Refusal::parameter("Function call is not supported in thinking mode."))
        }
        _ => Ok(thinks),
    }
}

/// DeepSeek-V4-Pro wants earlier reasoning back once tools are involved.
pub(super) fn check_history(model: &Model, messages: &[Value], with_tools: bool) -> Result<(), Refusal> {
    let dropped = |message: &Value| {
        message["role"] == "assistant" && message["tool_calls"].is_array() && !message["reasoning_content"].is_string()
    };
    if with_tools && model.wants_reasoning_back() && messages.iter().any(dropped) {
        let text = "The `reasoning_content` in the thinking mode must be passed back to the API.";
        return Err(Refusal::parameter(text));
    }
    Ok(())
}

pub(super) fn check_numbers(json: &Value) -> Result<(), Refusal> {
    let within = |name: &str, low: f64, high: f64| match &json[name] {
        Value::Null => true,
        value => value.as_f64().is_some_and(|number| (low..=high).contains(&number)),
    };
    let fine = within("temperature", 0.0, 2.0)
        && within("top_p", 0.0, 1.0)
        && within("frequency_penalty", -2.0, 2.0)
        && within("max_tokens", 1.0, f64::MAX)
        && within("n", 1.0, 128.0);
    if fine { Ok(()) } else { Err(Refusal::bad_parameter()) }
}

pub(super) fn stop_of(json: &Value) -> Result<Vec<&str>, Refusal> {
    let stop: Vec<&str> = match &json["stop"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    if stop.len() > 4 { Err(Refusal::bad_parameter()) } else { Ok(stop) }
}

pub(super) fn format_of<'a>(model: &Model, json: &'a Value) -> Result<Format<'a>, Refusal> {
    let format = &json["response_format"];
    let asked = match format["type"].as_str() {
        Some("json_object") => Format::Json,
        Some("json_schema") => Format::Schema(&format["json_schema"]["schema"]),
        _ => return Ok(Format::Text),
    };
    if model.can("json") { Ok(asked) } else { Err(Refusal::no_json_mode()) }
}
