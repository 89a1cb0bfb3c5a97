//! A whole chat answer as a Messages answer.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::chunk::{Call, Chunk, Said};
use super::ending::{self, Usage};
use super::{BridgeError, Shown, Way, signature, words};
use crate::wire::json;

/// The answer in Anthropic's form.
///
/// # Errors
/// [`BridgeError`] when `answer` is no chat completion.
pub(super) fn whole(way: &Way, answer: &[u8]) -> Result<Bytes, BridgeError> {
    let chunk = Chunk::read(answer).ok_or_else(no_completion)?;
    let choice = chunk.choice().ok_or_else(no_completion)?;
    let said = choice.said().ok_or_else(no_completion)?;
    let content = blocks(way, said, choice.finish()).join(",");
    let (reason, sequence) = ending::stop(choice.finish(), choice.matched(), &way.stops);
    let usage = chunk.usage().unwrap_or_else(|| Usage::expected(way.input_tokens, 0)).json();
    let head = [r#"{"id":""#, &way.id, r#"","type":"message","role":"assistant","model":""#, chunk.model()].concat();
    let end =
        [r#"],"stop_reason":""#, reason, r#"","stop_sequence":"#, &sequence, r#","usage":"#, &usage, "}"].concat();
    Ok(Bytes::from([&head, r#"","content":["#, &content, &end].concat()))
}

fn blocks(way: &Way, said: &Said<'_>, finish: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let (mut text, reasoning) = (said.content(), said.reasoning());
    match way.shown {
        _ if reasoning.is_empty() => {}
        Shown::Whole => blocks.push(thinking(reasoning, signature::plain())),
        Shown::Signed => blocks.push(thinking("", &signature::with_text(reasoning))),
        // Some models answer there when they were told not to think (siliconflow-api.md, section 2).
        Shown::Hidden if is_answer(text, finish) => text = reasoning,
        Shown::Hidden => {}
    }
    if !text.is_empty() {
        blocks.push([r#"{"type":"text","text":""#, text, "\"}"].concat());
    }
    blocks.extend(said.calls().iter().enumerate().map(|(index, call)| tool_use(way, index, call)));
    blocks
}

/// Whether what looks like thinking is the answer: nothing else came, and nothing cut it off.
pub(super) fn is_answer(text: &str, finish: &str) -> bool {
    words::is_blank(text) && finish == "stop"
}

fn thinking(text: &str, signature: &str) -> String {
    [r#"{"type":"thinking","thinking":""#, text, r#"","signature":""#, signature, "\"}"].concat()
}

fn tool_use(way: &Way, index: usize, call: &Call<'_>) -> String {
    let id = call.id(|| made_up(way, index as u64));
    let input = input(call.arguments());
    let name = way.names.back(call.name());
    [r#"{"type":"tool_use","id":""#, &id, r#"","name":""#, name, r#"","input":"#, &input, "}"].concat()
}

/// An id for a call without one of its own.
pub(super) fn made_up(way: &Way, index: u64) -> String {
    format!("toolu_{}_{index}", way.id.strip_prefix("msg_").unwrap_or(&way.id))
}

/// Arguments as the object that `input` must be. What is none is put into one, so that the tool can say what is wrong.
fn input(arguments: Option<&RawValue>) -> String {
    let value = arguments.map_or("\"\"", RawValue::get);
    let text = json::string(value).unwrap_or(value.into());
    match text.trim() {
        "" | "null" => "{}".to_owned(),
        text if json::Object::parse(text).is_ok() => text.to_owned(),
        text => ["{\"arguments\":", &json::quote(text), "}"].concat(),
    }
}

fn no_completion() -> BridgeError {
    let message = "SiliconFlow's answer is no chat completion.".to_owned();
    BridgeError { param: None, message, code: None }
}
