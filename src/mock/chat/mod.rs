//! Chat completions and what shares their answers: the legacy completions and the Anthropic shape.
//!
//! `request` reads (with `checks` and `prompt`), `answer` decides what is said (`prose`, `tools`, `schema`, or a test's `script`),
//! `plain` and `stream` put it into SiliconFlow's JSON.

mod answer;
mod checks;
pub(super) mod legacy;
pub(super) mod messages;
mod plain;
mod prompt;
mod prose;
mod request;
mod schema;
pub(super) mod script;
mod stream;
mod tools;
mod usage;

use super::call::{Call, Caller};
use super::catalogue::Kind;
use super::emulator::Ticket;
use super::play;
use super::quota::Ask;
use super::refusal::Refusal;
use answer::{Answer, compose};
use axum::Extension;
use axum::response::Response;
use request::ChatRequest;
use serde_json::Value;
use usage::Spent;

/// `POST /v1/chat/completions`.
pub(super) async fn completions(Extension(call): Caller) -> Result<Response, Refusal> {
    let (request, answers, spent, ticket) = prepare(&call, &call.json)?;
    if request.stream {
        let frames = stream::frames(&call, &request, &answers, &spent);
        return Ok(play::events(&call, frames, ticket).await);
    }
    finish(&call, &plain::document(&call, &request, &answers, &spent), ticket, &spent).await
}

/// Checks, admits and thinks up the answers (one per `n`).
fn prepare<'a>(call: &'a Call, json: &'a Value) -> Result<(ChatRequest<'a>, Vec<Answer>, Spent, Ticket), Refusal> {
    let model = call.model(Kind::talks)?;
    let request = ChatRequest::read(model, json).or_else(|refusal| call.count_failed(refusal))?;
    let ticket = call.admit(Ask { tokens: request.most_tokens(), images: 0 })?;
    let answers: Vec<Answer> = (0..request.n).map(|index| compose(&request, call, index)).collect();
    let cached = if request.model.reports_cache() {
        call.emulator.cached_tokens(request.fingerprint(call.model_id()), request.prompt_tokens)
    } else {
        0
    };
    let spent = Spent::of(&request, &answers, cached);
    Ok((request, answers, spent, ticket))
}

/// Sends one whole document after the time it takes.
async fn finish(call: &Call, document: &Value, mut ticket: Ticket, spent: &Spent) -> Result<Response, Refusal> {
    call.take_time(spent.completion).await;
    ticket.bill = spent.bill();
    Ok(play::document(call, document, ticket))
}

/// The answer to a chat request that no caller waits for: a line of a batch.
pub(super) fn answer_line(call: &Call, json: &Value) -> Result<Value, Refusal> {
    let model = call.model_named(json["model"].as_str().unwrap_or_default(), Kind::talks)?;
    let request = ChatRequest::read(model, json)?;
    let answers = vec![compose(&request, call, 0)];
    let spent = Spent::of(&request, &answers, 0);
    Ok(plain::document(call, &request, &answers, &spent))
}
