//! What is said: the same request, model and seed always get the same answer, so that tests can compare.
//! It must not know how it is sent.

use super::request::{ChatRequest, Choice, Format};
use super::tools::{self, ToolCall};
use super::{prose, schema};
use crate::mock::call::Call;
use crate::mock::{seed, tokens};

/// One choice of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) reasoning: String,
    pub(super) content: String,
    pub(super) calls: Vec<ToolCall>,
    pub(super) finish: &'static str,
    pub(super) reasoning_tokens: u64,
    pub(super) content_tokens: u64,
    /// The stop sequence that ended it.
    pub(super) stopped_by: Option<String>,
}

impl Answer {
    /// Output tokens, reasoning included.
    pub(super) fn tokens(&self) -> u64 {
        let calls: u64 = self.calls.iter().map(ToolCall::tokens).sum();
        self.reasoning_tokens + self.content_tokens + calls
    }
}

/// Thinks up choice number `index`.
pub(super) fn compose(request: &ChatRequest<'_>, call: &Call, index: u64) -> Answer {
    let mut answer = match &call.turn {
        Some(played) => played.turn.answer(request.model.natural_end(), || call.emulator.fresh_id(24)),
        None => by_itself(request, call, index),
    };
    fit(&mut answer, request);
    bend(&mut answer, call);
    answer
}

/// What the emulator says of its own accord.
fn by_itself(request: &ChatRequest<'_>, call: &Call, index: u64) -> Answer {
    let asked = request.asked();
    let seed = seed::mix(call.seed().wrapping_add(index), &asked);
    let calls = tools::choose(request, &asked, seed);
    let mut answer = Answer { finish: request.model.natural_end(), ..Answer::default() };
    if request.thinks {
        answer.reasoning = prose::reasoning(&asked);
    }
    if calls.is_empty() {
        answer.content = content(request, &asked, seed);
    } else {
        answer.finish = finish_of_calls(request);
        answer.calls = calls;
    }
    answer
}

fn content(request: &ChatRequest<'_>, asked: &str, seed: u64) -> String {
    match request.format {
        Format::Json => schema::free_object(asked).to_string(),
        Format::Schema(schema) => schema::example(schema, asked).to_string(),
        Format::Text => prose::reply(request, asked, seed),
    }
}

fn finish_of_calls(request: &ChatRequest<'_>) -> &'static str {
    let forced = matches!(request.choice, Choice::Any | Choice::Named(_));
    if forced && request.model.forced_call_says_stop() { "stop" } else { "tool_calls" }
}

/// Cuts at stop sequences and at `max_tokens`, which the reasoning eats from or not, by model.
fn fit(answer: &mut Answer, request: &ChatRequest<'_>) {
    let first =
        request.stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| Some((answer.content.find(stop)?, stop)));
    if let Some((place, stop)) = first.min_by_key(|(place, _)| *place) {
        answer.stopped_by = Some((*stop).to_owned());
        answer.content.truncate(place);
    }
    answer.reasoning_tokens = tokens::count(&answer.reasoning);
    let mut room = request.max_tokens.unwrap_or(u64::MAX);
    if request.model.reasoning_within_max_tokens() {
        answer.reasoning_tokens = clip(&mut answer.reasoning, room);
        room -= answer.reasoning_tokens;
    }
    let whole = answer.tokens() + tokens::count(&answer.content);
    answer.content_tokens = clip(&mut answer.content, room);
    room -= answer.content_tokens;
    for call in &mut answer.calls {
        room = room.saturating_sub(tokens::count(&call.name));
        room -= clip(&mut call.arguments, room);
    }
    if answer.tokens() < whole {
        answer.finish = "length";
        answer.stopped_by = None;
    }
}

/// Keeps at most `room` tokens of the text; says how many it kept.
fn clip(text: &mut String, room: u64) -> u64 {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let (mut kept, mut length) = (0, 0);
    for piece in tokens::pieces(text).take(room) {
        kept += 1;
        length += piece.len();
    }
    text.truncate(length);
    kept
}

fn bend(answer: &mut Answer, call: &Call) {
    if call.fault_is("eos") {
        answer.finish = "eos";
    }
    if call.fault_is("answer-in-reasoning") {
        answer.reasoning = std::mem::take(&mut answer.content);
        answer.reasoning_tokens = std::mem::take(&mut answer.content_tokens);
    }
}
