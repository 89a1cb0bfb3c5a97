//! Which tools are called, and with what. Without being forced, a tool is called when the last user message has a
//! word of its name in it (ours); two capitalised names joined by "and" make two calls of the one tool.

use super::request::{ChatRequest, Choice};
use super::schema;
use crate::mock::{seed, tokens};
use serde_json::Value;

/// Most calls made at once (ours).
const MOST_CALLS: usize = 4;

/// One call of a tool.
#[derive(Debug, Clone)]
pub(super) struct ToolCall {
    /// Hex digits; the form of the whole id differs between streams and plain answers.
    pub(super) serial: String,
    pub(super) name: String,
    /// JSON text.
    pub(super) arguments: String,
}

impl ToolCall {
    pub(super) fn tokens(&self) -> u64 {
        tokens::count(&self.name) + tokens::count(&self.arguments)
    }
}

/// The calls this request is answered with; none when it is answered in words.
pub(super) fn choose(request: &ChatRequest<'_>, asked: &str, seed: u64) -> Vec<ToolCall> {
    let answered = request.messages.last().is_some_and(|message| message["role"] == "tool");
    let named = |name: &str| request.tools.iter().filter(|tool| name_of(tool) == name).collect();
    let tools: Vec<&Value> = match request.choice {
        Choice::Never => vec![],
        Choice::Named(name) => named(name),
        Choice::Any => or_first(mentioned(request.tools, asked), request.tools),
        Choice::Auto if answered => vec![],
        Choice::Auto => mentioned(request.tools, asked),
    };
    let most = if request.json["parallel_tool_calls"] == false { 1 } else { MOST_CALLS };
    let wanted = with_hints(&tools, asked).into_iter().take(most).enumerate();
    wanted.map(|(place, (tool, hint))| call(tool, &hint, seed.wrapping_add(place as u64))).collect()
}

fn or_first<'a>(mentioned: Vec<&'a Value>, all: &'a [Value]) -> Vec<&'a Value> {
    if mentioned.is_empty() { all.first().into_iter().collect() } else { mentioned }
}

fn name_of(tool: &Value) -> &str {
    tool["function"]["name"].as_str().unwrap_or_default()
}

/// Tools of whose name a word of four letters or more stands in the text.
fn mentioned<'a>(tools: &'a [Value], asked: &str) -> Vec<&'a Value> {
    let asked = asked.to_lowercase();
    let hit = |tool: &&Value| {
        let name = name_of(tool).to_lowercase();
        name.split(['_', '-']).any(|word| word.len() >= 4 && asked.contains(word))
    };
    tools.iter().filter(hit).collect()
}

/// One tool is called once per subject; several are called once each.
fn with_hints<'a>(tools: &[&'a Value], asked: &str) -> Vec<(&'a Value, String)> {
    let subjects = subjects(asked);
    let first = subjects.first().cloned().unwrap_or_else(|| asked.to_owned());
    match tools {
        [tool] if subjects.len() > 1 => subjects.into_iter().map(|subject| (*tool, subject)).collect(),
        tools => tools.iter().map(|tool| (*tool, first.clone())).collect(),
    }
}

/// Capitalised words after the first word: "Paris" and "Tokyo" in "Weather in Paris and Tokyo?".
fn subjects(asked: &str) -> Vec<String> {
    let trimmed = |word: &str| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned();
    let words = asked.split_whitespace().skip(1).map(trimmed);
    words.filter(|word| word.len() > 1 && word.starts_with(char::is_uppercase)).collect()
}

fn call(tool: &Value, hint: &str, seed: u64) -> ToolCall {
    let name = name_of(tool).to_owned();
    let arguments = schema::example(&tool["function"]["parameters"], hint);
    let arguments = if arguments.is_object() { arguments.to_string() } else { "{}".to_owned() };
    ToolCall { serial: seed::hex(seed::mix(seed, &arguments), 24), name, arguments }
}
