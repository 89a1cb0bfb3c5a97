//! `POST /v1/completions`: the prompt is one user message, `suffix` makes it fill the middle (API reference section 3).

use super::answer::Answer;
use super::prose::spoken;
use super::usage::Spent;
use super::{finish, prepare};
use crate::mock::call::{Call, Caller};
use crate::mock::clock::unix_seconds;
use crate::mock::play::{self, Frame};
use crate::mock::refusal::Refusal;
use axum::Extension;
use axum::response::Response;
use serde_json::{Value, json};

/// The handler.
pub(in crate::mock) async fn completions(Extension(call): Caller) -> Result<Response, Refusal> {
    let Some(prompt) = call.json["prompt"].as_str().filter(|prompt| !prompt.is_empty()) else {
        return Err(Refusal::parameter("Field required: prompt"));
    };
    let chat = as_chat(&call.json, prompt);
    let (request, answers, spent, ticket) = prepare(&call, &chat)?;
    if !request.stream {
        let mut document = text_document(&call, &answers);
        document["usage"] = spent.json(&call);
        return finish(&call, &document, ticket, &spent).await;
    }
    Ok(play::events(&call, frames(&call, &answers, &spent), ticket).await)
}

fn as_chat(json: &Value, prompt: &str) -> Value {
    let mut chat = json.clone();
    chat["messages"] = json!([{"role": "user", "content": prompt}]);
    if json["suffix"].is_string() {
        chat["prefix"] = json!(prompt);
    }
    chat
}

fn envelope(call: &Call, choices: Value) -> Value {
    json!({
        "id": call.trace, "object": "text_completion", "created": unix_seconds(), "model": call.model_id(),
        "choices": choices,
    })
}

fn text_document(call: &Call, answers: &[Answer]) -> Value {
    let choice = |(index, answer): (usize, &Answer)| choice(index, &answer.content, Some(answer.finish));
    envelope(call, answers.iter().enumerate().map(choice).collect())
}

fn choice(index: usize, text: &str, finish: Option<&str>) -> Value {
    json!({"index": index, "text": text, "finish_reason": finish, "logprobs": null})
}

fn frames(call: &Call, answers: &[Answer], spent: &Spent) -> Vec<Frame> {
    let mut so_far = spent.nothing_yet();
    let mut frames = Vec::new();
    for (index, answer) in answers.iter().enumerate() {
        for piece in spoken(&answer.content) {
            so_far.completion += 1;
            let event = envelope(call, json!([choice(index, piece, None)]));
            frames.push(Frame::event(&event).billed(so_far.bill()));
        }
        let mut end = envelope(call, json!([choice(index, "", Some(answer.finish))]));
        end["usage"] = spent.json(call);
        frames.push(Frame::event(&end).billed(spent.bill()));
    }
    frames.push(Frame::plain("data: [DONE]\n\n"));
    frames
}
