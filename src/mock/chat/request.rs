//! A chat request, read and checked as SiliconFlow would: unknown fields are ignored (PRISM), a null stands for an
//! absent field, and what is refused is refused with the texts of API reference section 15 (others are ours).

use crate::mock::catalogue::Model;
use crate::mock::quirks::Thinking;
use crate::mock::refusal::Refusal;
use crate::mock::{seed, tokens};
use serde_json::Value;

/// Output tokens assumed for a request that sets no `max_tokens`, when tokens are charged before (ours).
const USUAL_OUTPUT_TOKENS: u64 = 4_096;

/// What the answer must look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Format<'a> {
    Text,
    Json,
    Schema(&'a Value),
}

/// Whether tools may or must be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    Never,
    Auto,
    Any,
    Named(&'a str),
}

/// A request that will be answered.
#[derive(Debug)]
pub(super) struct ChatRequest<'a> {
    pub(super) json: &'a Value,
    pub(super) model: &'a Model,
    pub(super) messages: &'a [Value],
    pub(super) thinks: bool,
    pub(super) stream: bool,
    pub(super) n: u64,
    pub(super) max_tokens: Option<u64>,
    pub(super) stop: Vec<&'a str>,
    pub(super) tools: &'a [Value],
    pub(super) choice: Choice<'a>,
    pub(super) format: Format<'a>,
    pub(super) prompt_tokens: u64,
}

impl<'a> ChatRequest<'a> {
    pub(super) fn read(model: &'a Model, json: &'a Value) -> Result<Self, Refusal> {
        let messages = messages_of(model, json)?;
        let tools = tools_of(model, json)?;
        let thinks = thinking_of(model, json)?;
        check_numbers(json)?;
        check_history(model, messages, thinks && !tools.is_empty())?;
        let prompt_tokens = prompt_tokens(json, messages, tools);
        if prompt_tokens > model.window_tokens() {
            return Err(Refusal::parameter(model.overflow_text(prompt_tokens)));
        }
        Ok(Self {
            json,
            model,
            messages,
            thinks,
            stream: json["stream"].as_bool().unwrap_or(false),
            n: json["n"].as_u64().unwrap_or(1),
            max_tokens: json["max_tokens"].as_u64(),
            stop: stop_of(json)?,
            tools,
            choice: choice_of(json, tools)?,
            format: format_of(model, json)?,
            prompt_tokens,
        })
    }

    /// Input and the most output, for a quota that charges before.
    pub(super) fn most_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.max_tokens.unwrap_or(USUAL_OUTPUT_TOKENS))
    }

    /// Stands for the prompt in the cache.
    pub(super) fn fingerprint(&self, model: &str) -> u64 {
        seed::mix(seed::mix(0, model), &self.json["messages"].to_string())
    }

    /// The text of the last user message.
    pub(super) fn asked(&self) -> String {
        self.messages.iter().rev().find(|message| message["role"] == "user").map(text_of).unwrap_or_default()
    }
}

/// The text of a message, parts joined.
pub(super) fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

fn messages_of<'a>(model: &Model, json: &'a Value) -> Result<&'a [Value], Refusal> {
    let messages = json["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    if messages.is_empty() {
        return Err(Refusal::parameter("Field required: messages must have at least 1 item."));
    }
    for message in messages {
        let role = message["role"].as_str().unwrap_or_default();
        if !matches!(role, "system" | "user" | "assistant" | "tool") {
            return Err(Refusal::parameter(format!("Input should be 'system', 'user', 'assistant' or 'tool': {role:?}")));
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
            _ => return Err(Refusal::parameter(format!("Unknown content part type: {kind:?}"))),
        }
    }
    Ok(())
}

fn tools_of<'a>(model: &Model, json: &'a Value) -> Result<&'a [Value], Refusal> {
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

fn choice_of<'a>(json: &'a Value, tools: &[Value]) -> Result<Choice<'a>, Refusal> {
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

fn thinking_of(model: &Model, json: &Value) -> Result<bool, Refusal> {
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
fn check_history(model: &Model, messages: &[Value], with_tools: bool) -> Result<(), Refusal> {
    let dropped = |message: &Value| {
        message["role"] == "assistant" && message["tool_calls"].is_array() && !message["reasoning_content"].is_string()
    };
    if with_tools && model.wants_reasoning_back() && messages.iter().any(dropped) {
        let text = "The `reasoning_content` in the thinking mode must be passed back to the API.";
        return Err(Refusal::parameter(text));
    }
    Ok(())
}

fn check_numbers(json: &Value) -> Result<(), Refusal> {
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

fn stop_of(json: &Value) -> Result<Vec<&str>, Refusal> {
    let stop: Vec<&str> = match &json["stop"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    if stop.len() > 4 { Err(Refusal::bad_parameter()) } else { Ok(stop) }
}

fn format_of<'a>(model: &Model, json: &'a Value) -> Result<Format<'a>, Refusal> {
    let format = &json["response_format"];
    let asked = match format["type"].as_str() {
        Some("json_object") => Format::Json,
        Some("json_schema") => Format::Schema(&format["json_schema"]["schema"]),
        _ => return Ok(Format::Text),
    };
    if model.can("json") { Ok(asked) } else { Err(Refusal::no_json_mode()) }
}

fn prompt_tokens(json: &Value, messages: &[Value], tools: &[Value]) -> u64 {
    let of_message = |message: &Value| {
        let calls = message["tool_calls"].as_array().map_or(0, |calls| tokens::count(&Value::from(calls.clone()).to_string()));
        let reasoning = message["reasoning_content"].as_str().map_or(0, tokens::count);
        tokens::PER_MESSAGE + tokens::count_content(&message["content"]) + calls + reasoning
    };
    let tools: u64 = tools.iter().map(|tool| tokens::count(&tool.to_string())).sum();
    let middle = ["prefix", "suffix"].iter().filter_map(|name| json[*name].as_str()).map(tokens::count).sum::<u64>();
    messages.iter().map(of_message).sum::<u64>() + tools + middle
}
