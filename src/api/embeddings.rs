//! Embedding batches that are larger than the upstream takes: split, run a few at a time, joined in
//! order as one answer. Callers send up to 1,000 inputs at once (clients.md, finding 11).

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, Method};

use super::answers::{self, Answered};
use super::error::GatewayError;
use super::estimate;
use super::exchange::Exchange;
use super::head::RequestHead;
use super::headers;
use super::route::Route;
use crate::catalog::quirks::{self, MAX_EMBEDDING_BATCH};
use crate::ledger::Id;
use crate::quota::ask::Spent;
use crate::quota::metric::Amounts;
use crate::relay::answer::AnswerFault;
use crate::relay::usage::{self, Tokens, Usage};
use crate::upstream::refusal::Cause;
use crate::upstream::{Answer, RequestBody};
use crate::wire::json::{self, Object};

/// Parts of one batch that are under way at once (ours).
const PARTS_AT_ONCE: usize = 4;

/// A batch that has to be split.
#[derive(Debug)]
pub(super) struct Batch {
    inputs: usize,
}

/// What a refusal of an embeddings request may be about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Suspect {
    /// The longest input: its index and its length (bytes of JSON).
    Longest(usize, usize),
    /// Inputs of token ids, which the upstream does not take.
    TokenIds,
}

struct Part {
    headers: HeaderMap,
    entries: Vec<String>,
    model: String,
    tokens: Tokens,
    answer: Meta,
}

struct Meta {
    attempts: u32,
    trace_id: Option<Id>,
}

impl Batch {
    /// The batch in a request, if it has too many inputs for one call.
    pub(super) fn of(route: Route, head: &RequestHead<'_>) -> Option<Self> {
        let inputs = inputs(route, head)?.len();
        (inputs > MAX_EMBEDDING_BATCH).then_some(Self { inputs })
    }

    /// In how many calls it goes.
    pub(super) fn parts(&self) -> usize {
        self.inputs.div_ceil(MAX_EMBEDDING_BATCH)
    }

    /// Runs the parts of `body` (already rewritten) and joins their answers.
    pub(super) async fn run(
        self,
        exchange: &mut Exchange,
        body: Bytes,
        edits: Vec<&'static str>,
    ) -> Result<Answered, GatewayError> {
        let bodies = parts(&body).ok_or(AnswerFault::NotJson)?;
        let (parts, failure) = {
            let calls = bodies.into_iter().enumerate().map(|(number, body)| part(exchange, number, body));
            gather(stream::iter(calls).buffered(PARTS_AT_ONCE)).await
        };
        let tokens = parts.iter().fold(Tokens::default(), |sum, part| sum.plus(part.tokens));
        if let Some(error) = failure {
            exchange.settlement.usage = Usage::at_least(tokens);
            return Err(error);
        }
        exchange.settlement.attempts = parts.iter().map(|part| part.answer.attempts).sum();
        exchange.settlement.trace_id = parts.first().and_then(|part| part.answer.trace_id.clone());
        let joined = join(&parts, tokens, self.inputs)?;
        let headers = parts.into_iter().next().map(|part| part.headers).unwrap_or_default();
        let edits = edits.into_iter().chain(["batch-split"]).collect();
        Ok(Answered::json(headers, joined, Usage::exact(tokens), edits))
    }
}

/// The parts in order, up to the first that failed.
async fn gather(calls: impl Stream<Item = Result<Part, GatewayError>>) -> (Vec<Part>, Option<GatewayError>) {
    let mut calls = std::pin::pin!(calls);
    let mut parts = Vec::new();
    while let Some(part) = calls.next().await {
        match part {
            Ok(part) => parts.push(part),
            Err(error) => return (parts, Some(error)),
        }
    }
    (parts, None)
}

/// The inputs, when there is an array of them: an array of numbers is one input of token ids.
fn inputs<'a>(route: Route, head: &RequestHead<'a>) -> Option<Vec<&'a str>> {
    let value = head.object.get("input").filter(|_| route == Route::Embeddings)?.value;
    let elements = json::elements(value)?;
    let is_many = elements.first().is_some_and(|first| !first.starts_with(|digit: char| digit.is_ascii_digit()));
    is_many.then_some(elements)
}

/// The request's body once for each part, with that part's inputs and nothing else changed.
fn parts(body: &Bytes) -> Option<Vec<Bytes>> {
    let text = std::str::from_utf8(body).ok()?;
    let object = Object::parse(text).ok()?;
    let input = object.get("input")?;
    let elements = json::elements(input.value)?;
    let (before, after) = (&text[..input.span.start], &text[input.span.end..]);
    let part = |chunk: &[&str]| Bytes::from(format!("{before}[{}]{after}", chunk.join(",")));
    Some(elements.chunks(MAX_EMBEDDING_BATCH).map(part).collect())
}

async fn part(exchange: &Exchange, number: usize, body: Bytes) -> Result<Part, GatewayError> {
    let first = number * MAX_EMBEDDING_BATCH;
    let suspect = RequestHead::parse(&body).ok().and_then(|head| suspect(Route::Embeddings, &head));
    let size = |head: RequestHead<'_>| estimate::size(exchange, &exchange.settlement.model, &head);
    let ask = RequestHead::parse(&body).ok().and_then(size).map(|size| size.ask);
    let called =
        exchange.call_reserved(Method::POST, &exchange.target.path, RequestBody::Full(body), ask.as_ref()).await?;
    let part = read_part(exchange, called.answer, first).await;
    if let Some(reservation) = called.reservation {
        reservation.settle(spent(&part));
    }
    part.map_err(|error| name_suspect(error, suspect.map(|suspect| suspect.shifted(first))))
}

/// What a part has cost.
fn spent(part: &Result<Part, GatewayError>) -> Spent {
    match part {
        Ok(part) => Spent::Exactly(Amounts { tokens: part.tokens.input, ..Amounts::default() }),
        Err(error) if error.may_have_run() => Spent::Unknown,
        Err(_) => Spent::Exactly(Amounts::default()),
    }
}

async fn read_part(exchange: &Exchange, called: Answer, first: usize) -> Result<Part, GatewayError> {
    let attempts = called.attempts;
    let mut called = answers::accepted(exchange, called).await?;
    let (parts, body) = called.response.into_parts();
    let bytes = answers::whole(exchange, &called.lease, body).await?.bytes;
    let text = std::str::from_utf8(&bytes).map_err(|_| AnswerFault::NotJson)?;
    let object = Object::parse(text).map_err(|_| AnswerFault::NotJson)?;
    let data = object.get("data").and_then(|data| json::elements(data.value)).ok_or(AnswerFault::NotJson)?;
    let trace_id = parts.headers.get(headers::TRACE_ID).and_then(headers::text).map(Id::from);
    let tokens = usage::of_answer(&object).tokens;
    called.trace.used([tokens.input, tokens.output]);
    Ok(Part {
        headers: headers::answer_headers(&parts.headers),
        entries: data.into_iter().map(|entry| renumbered(entry, first)).collect(),
        model: object.get("model").map_or("null", |model| model.value).to_owned(),
        tokens,
        answer: Meta { attempts, trace_id },
    })
}

/// An entry with its index in the whole batch; the rest of its text as it was.
fn renumbered(entry: &str, first: usize) -> String {
    let index = Object::parse(entry).ok().and_then(|object| {
        let member = object.get("index")?;
        Some((member.span.clone(), member.value.parse::<usize>().ok()?))
    });
    match index {
        Some((span, index)) => format!("{}{}{}", &entry[..span.start], index + first, &entry[span.end..]),
        None => entry.to_owned(),
    }
}

fn join(parts: &[Part], tokens: Tokens, inputs: usize) -> Result<Bytes, GatewayError> {
    let entries: Vec<&str> = parts.iter().flat_map(|part| &part.entries).map(String::as_str).collect();
    if entries.len() != inputs {
        return Err(AnswerFault::NotJson.into());
    }
    let model = parts.first().map_or("null", |part| &part.model);
    let usage = usage::embedding_object(tokens);
    Ok(Bytes::from(format!(
        "{{\"object\":\"list\",\"model\":{model},\"data\":[{}],\"usage\":{usage}}}",
        entries.join(",")
    )))
}

/// What is most likely wrong if this request is refused.
pub(super) fn suspect(route: Route, head: &RequestHead<'_>) -> Option<Suspect> {
    let input = head.object.get("input").filter(|_| route == Route::Embeddings)?;
    let elements = json::elements(input.value)?;
    if elements.first()?.starts_with(|first: char| first == '[' || first.is_ascii_digit()) {
        return Some(Suspect::TokenIds);
    }
    let lengths = elements.iter().map(|element| element.len()).enumerate();
    let (index, length) = lengths.max_by_key(|(index, length)| (*length, std::cmp::Reverse(*index)))?;
    Some(Suspect::Longest(index, length))
}

/// The upstream refuses a whole batch for one over-long input and does not say which
/// (siliconflow-api.md, section 7); the longest is named, with the limit where it is known.
pub(super) fn name_suspect(error: GatewayError, suspect: Option<Suspect>) -> GatewayError {
    match (error, suspect) {
        (GatewayError::Refused(mut refusal, model), Some(suspect))
            if matches!(refusal.cause, Cause::Parameter | Cause::ContextTooLong) =>
        {
            refusal.text = format!("{} ({})", refusal.text, suspect.hint(&model));
            GatewayError::Refused(refusal, model)
        }
        (error, _) => error,
    }
}

impl Suspect {
    fn hint(self, model: &str) -> String {
        match self {
            Self::TokenIds => {
                "inputs of token ids are not taken, send text; in LangChain set check_embedding_ctx_length=False"
                    .to_owned()
            }
            Self::Longest(index, length) => {
                let limit = quirks::max_embedding_tokens(model).map(|limit| format!("; {model} takes {limit} tokens"));
                format!("the longest input is input[{index}], {length} bytes{}", limit.unwrap_or_default())
            }
        }
    }

    /// The same input, counted in the whole batch of which this part begins at `first`.
    fn shifted(self, first: usize) -> Self {
        match self {
            Self::Longest(index, length) => Self::Longest(index + first, length),
            Self::TokenIds => Self::TokenIds,
        }
    }
}
