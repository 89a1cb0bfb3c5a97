//! One chunk of a streamed chat answer: what is wrong with it, and the edits that put it right.
//!
//! Pure: a text in, edits and facts out. The stream's memory is [`Memory`].

use std::collections::HashSet;

use crate::wire::json::{self, Object};
use crate::wire::splice::Edit;

/// What earlier chunks of the same stream said.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Tool calls that have begun: (choice, call).
    begun: HashSet<(u64, u64)>,
    /// Choices that have tool calls.
    with_tools: HashSet<u64>,
    /// How many ids were made up.
    made_up: u32,
}

/// Most tool calls that are remembered (ours; OpenAI allows 128 tools in a request).
const MAX_CALLS: usize = 4096;

/// Edits for the choices in `text` (a chunk, spans counted within it); whether one of them ended.
pub(super) fn repair_choices(text: &str, choices: &str, memory: &mut Memory, edits: &mut Vec<Edit>) -> bool {
    let mut has_finish = false;
    for (position, choice) in json::elements(choices).unwrap_or_default().into_iter().enumerate() {
        let Ok(choice) = Object::parse_within(text, choice) else { continue };
        let index = number(&choice, "index").unwrap_or(position as u64);
        repair_delta(text, &choice, index, memory, edits);
        has_finish |= repair_finish(&choice, memory.with_tools.contains(&index), edits);
    }
    has_finish
}

/// `eos` becomes `stop`; a choice with tool calls that says `stop` becomes `tool_calls`.
/// Whether the choice has ended.
pub(super) fn repair_finish(choice: &Object<'_>, has_tools: bool, edits: &mut Vec<Edit>) -> bool {
    let Some(member) = choice.get("finish_reason") else { return false };
    let Some(reason) = json::string(member.value) else { return false };
    let right = match &*reason {
        "stop" | "eos" if has_tools => "tool_calls",
        "eos" => "stop",
        other => other,
    };
    if right != reason {
        edits.push(Edit::replace(member.span.clone(), json::quote(right)));
    }
    true
}

fn repair_delta(text: &str, choice: &Object<'_>, index: u64, memory: &mut Memory, edits: &mut Vec<Edit>) {
    let Some(delta) = choice.get("delta").and_then(|delta| Object::parse_within(text, delta.value).ok()) else {
        return;
    };
    let Some(calls) = delta.get("tool_calls").and_then(|calls| json::elements(calls.value)) else { return };
    for (position, call) in calls.into_iter().enumerate() {
        let Ok(call) = Object::parse_within(text, call) else { continue };
        memory.with_tools.insert(index);
        let number = number(&call, "index").unwrap_or(position as u64);
        let is_first = memory.begun.len() < MAX_CALLS && memory.begun.insert((index, number));
        repair_call(text, &call, is_first, memory, edits);
    }
}

/// The first delta of a call must have an id; later ones must have neither an empty name nor a
/// null id, which accumulating clients would take for the real ones.
fn repair_call(text: &str, call: &Object<'_>, is_first: bool, memory: &mut Memory, edits: &mut Vec<Edit>) {
    let mut doomed = Vec::new();
    if let Some(id) = call.position("id").filter(|&id| is_blank(call.members()[id].value)) {
        if is_first {
            memory.made_up += 1;
            let made_up = format!("\"call_flowgate_{}\"", memory.made_up);
            edits.push(Edit::replace(call.members()[id].span.clone(), made_up));
        } else {
            doomed.push(id);
        }
    }
    edits.extend(call.removals(&doomed).into_iter().map(Edit::cut));
    if is_first {
        return;
    }
    let Some(function) = call.get("function").and_then(|function| Object::parse_within(text, function.value).ok())
    else {
        return;
    };
    let name = function.position("name").filter(|&name| is_blank(function.members()[name].value));
    edits.extend(function.removals(name.as_slice()).into_iter().map(Edit::cut));
}

fn is_blank(value: &str) -> bool {
    value == "null" || value == "\"\""
}

fn number(object: &Object<'_>, key: &str) -> Option<u64> {
    object.get(key)?.value.parse().ok()
}
