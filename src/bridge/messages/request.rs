//! The top level of a Messages request as that of a chat request: what is carried, what is left out by name, what is refused.
//! The table in docs/bridges.md says the same, and a test holds it to that.

use super::names::Names;
use super::reader::Reader;
use super::thinking::{self, Thinking};
use super::turns::{Role, Turns};
use super::{BridgeError, Context, Edits, Shown, malformed, refuse, tools, words};
use crate::wire::json::{self, Member, Object};

/// Members that are the same on both sides.
const SAME: [&str; 5] = ["model", "stream", "temperature", "top_p", "top_k"];

/// Members of SiliconFlow's own, for those who know them.
const THEIRS: [&str; 9] = [
    "enable_thinking",
    "thinking_budget",
    "reasoning_effort",
    "min_p",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "response_format",
];

/// Members that are read further down.
const READ: [&str; 10] = [
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "stop_sequences",
    "output_config",
    "output_format",
    "mcp_servers",
];

/// Members that nothing upstream is the same as, and what their leaving out is called.
pub(super) const WITHOUT: [(&str, &str); 8] = [
    ("metadata", "without-metadata"),
    ("service_tier", "without-service-tier"),
    ("container", "without-container"),
    ("context_management", "without-context-management"),
    ("cache_control", "without-cache-control"),
    ("inference_geo", "without-inference-geo"),
    ("speed", "without-speed"),
    ("betas", "without-betas"),
];

/// Most stop sequences upstream (siliconflow-api.md, section 2).
const MOST_STOPS: usize = 4;

/// A chat request and what the way back needs.
pub(super) struct Chat {
    pub(super) body: String,
    pub(super) edits: Edits,
    pub(super) names: Names,
    pub(super) shown: Shown,
    pub(super) stops: Vec<String>,
}

/// Writes the chat request.
pub(super) fn chat(body: &[u8], context: &Context<'_>) -> Result<Chat, BridgeError> {
    let text = std::str::from_utf8(body).map_err(|_| not_an_object())?;
    let request = Object::parse(text).map_err(|_| not_an_object())?;
    let value = |key: &str| request.get(key).map(|member| member.value).filter(|value| *value != "null");
    let (mut names, mut edits, mut out) = (Names::default(), Edits::default(), String::with_capacity(text.len() + 256));
    out.push('{');
    plain(&request, &mut out, &mut edits)?;
    value("max_tokens").into_iter().for_each(|most| max_tokens(most, context, &mut out, &mut edits));
    let thinking = Thinking::read(value("thinking"))?;
    let mut reader = Reader { turns: Turns::default(), names: &mut names, edits: &mut edits, model: context.model };
    value("system").map_or(Ok(()), |system| reader.system(system))?;
    reader.messages(value("messages").unwrap_or_default())?;
    let mut turns = reader.turns;
    let begun = if context.is_counted { None } else { begun(&mut turns, thinking, context)? };
    let mut tools = String::new();
    let has_tools = tools::write(value("tools"), value("tool_choice"), &mut names, &mut edits, &mut tools)?;
    let has_tools = has_tools || turns.has_calls();
    said(&turns, has_tools, &mut out, &mut edits);
    out.push_str(&tools);
    out.extend(begun.map(|begun| [",\"prefix\":\"", &begun, "\""].concat()));
    if !request.has("enable_thinking") {
        thinking.write(context.model, &mut out, &mut edits);
    }
    let stops = value("stop_sequences").map_or(Ok(Vec::new()), |stops| stop(stops, &mut out))?;
    value("output_config").map_or(Ok(()), |config| thinking::output_config(config, thinking, &mut out, &mut edits))?;
    value("output_format").map_or(Ok(()), |format| thinking::format(format, "output_format", &mut out))?;
    out.push('}');
    let shown = thinking.shown(has_tools);
    edits.0.extend(names.has_short().then_some("tool-names"));
    edits.0.extend((shown == Shown::Hidden).then_some("without-thinking"));
    Ok(Chat { body: out, edits, names, shown, stops })
}

/// The chat member `messages`. Earlier thinking goes along where tools are involved.
fn said(turns: &Turns<'_>, has_tools: bool, out: &mut String, edits: &mut Edits) {
    if turns.has_thoughts() && !has_tools {
        edits.note("without-earlier-thinking");
    }
    out.push_str("\"messages\":");
    turns.write(has_tools, out);
}

/// Members that need no reading, each with the comma behind it.
fn plain(request: &Object<'_>, out: &mut String, edits: &mut Edits) -> Result<(), BridgeError> {
    edits.note("messages-as-chat");
    for member in request.members().iter().filter(|member| member.value != "null") {
        let key = &*member.key;
        if SAME.contains(&key) || THEIRS.contains(&key) {
            out.extend(["\"", key, "\":", member.value, ","]);
            continue;
        }
        refuse_servers(member)?;
        match WITHOUT.iter().find(|(name, _)| *name == key) {
            Some((_, name)) => edits.note(name),
            None if READ.contains(&key) => {}
            None => edits.note("without-unknown-fields"),
        }
    }
    if request.get("stream").is_some_and(|stream| stream.value == "true") {
        out.push_str("\"stream_options\":{\"include_usage\":true},");
    }
    Ok(())
}

/// Programs made for other models ask for as much as those can say; here that would be refused.
fn max_tokens(asked: &str, context: &Context<'_>, out: &mut String, edits: &mut Edits) {
    let most = context.model.most_output.filter(|most| asked.parse().is_ok_and(|asked: u64| asked > *most));
    edits.0.extend(most.map(|_| "max-tokens"));
    let most = most.map(|most| most.to_string());
    out.extend(["\"max_tokens\":", most.as_deref().unwrap_or(asked), ","]);
}

/// Refuses a list of servers: nobody here would call them, and the model would miss their tools.
pub(super) fn refuse_servers(member: &Member<'_>) -> Result<(), BridgeError> {
    if member.key != "mcp_servers" || matches!(member.value, "[]" | "null") {
        return Ok(());
    }
    let message = "`mcp_servers`: nothing here calls MCP servers for you. Connect to them in your own program, and send their tools in `tools`.";
    Err(refuse(&member.key, message))
}

/// An answer that the caller has begun: taken out, and what it says.
fn begun(turns: &mut Turns<'_>, thinking: Thinking, context: &Context<'_>) -> Result<Option<String>, BridgeError> {
    let Some(last) = turns.0.last().filter(|last| last.role == Role::Assistant) else { return Ok(None) };
    if !last.calls.is_empty() {
        return Err(refuse(
            "messages",
            "`messages`: each `tool_use` needs its `tool_result` in the message behind it.",
        ));
    }
    match last.text().filter(|_| context.model.continues && thinking.is_off()) {
        Some(text) => {
            turns.0.pop();
            Ok(Some(text))
        }
        None => Err(refuse(
            "messages",
            "`messages`: the conversation must end with a user message. This model is not known to go on with an answer that you have begun, or not while it thinks.",
        )),
    }
}

/// The chat member `stop`; the sequences, to recognise the one that stopped it.
fn stop(value: &str, out: &mut String) -> Result<Vec<String>, BridgeError> {
    let stops = json::elements(value).unwrap_or_default();
    let texts: Option<Vec<String>> = stops.iter().map(|stop| words::inside(stop).map(words::decoded)).collect();
    let texts =
        texts.filter(|_| value.starts_with('[')).ok_or_else(|| malformed("stop_sequences", "an array of strings"))?;
    if texts.len() > MOST_STOPS {
        return Err(refuse("stop_sequences", format!("`stop_sequences`: SiliconFlow takes at most {MOST_STOPS}.")));
    }
    if !texts.is_empty() {
        out.extend([",\"stop\":", value]);
    }
    Ok(texts)
}

fn not_an_object() -> BridgeError {
    let message = "We could not parse the JSON body of your request. The body must be one JSON object.".to_owned();
    BridgeError { param: None, message, code: None }
}
