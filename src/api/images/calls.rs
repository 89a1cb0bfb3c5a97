//! The calls that make the pictures of one request: mostly one; several where the model or the limits allow fewer at once, joined
//! in order.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{HeaderMap, Method};

use crate::api::answers;
use crate::api::error::GatewayError;
use crate::api::exchange::Exchange;
use crate::api::headers;
use crate::bridge::pictures::Drawing;
use crate::ledger::Id;
use crate::quota::ask::{Ask, Spent};
use crate::quota::metric::Amounts;
use crate::relay::answer::AnswerFault;
use crate::relay::usage::{Certainty, Tokens, Usage};
use crate::upstream::{Answer, RequestBody};
use crate::wire::json::{self, Object};

/// Calls of one request that are under way at once (ours).
const PARTS_AT_ONCE: usize = 4;
/// A part waits for the minute that the parts before it have filled, and so much longer (ours): the edges of minutes are not
/// known to the millisecond.
const MARGIN: Duration = Duration::from_secs(5);

/// Pictures that were made.
pub(super) struct Drawn {
    /// Headers of the first answer that may pass.
    pub(super) headers: HeaderMap,
    /// The first answer.
    pub(super) first: Bytes,
    /// One entry for each picture: the JSON object as the upstream wrote it.
    pub(super) entries: Vec<String>,
    /// Where each picture is.
    pub(super) links: Vec<String>,
    pub(super) usage: Usage,
}

/// One call's.
struct Part {
    headers: HeaderMap,
    bytes: Bytes,
    entries: Vec<(String, String)>,
    usage: Usage,
    attempts: u32,
    trace_id: Option<Id>,
}

impl Exchange {
    /// Makes the pictures.
    pub(super) async fn call_for(
        &mut self,
        drawing: &Drawing,
        body: Bytes,
        ask: Option<Ask>,
    ) -> Result<Drawn, GatewayError> {
        let parts = if drawing.parts.len() == 1 {
            let answer = self.call(RequestBody::Full(with_part(&body, drawing, 0)?), ask.as_ref()).await?;
            vec![part(self, answer).await?]
        } else {
            let right = self.right.label();
            let parts = self.call_parts(drawing, &body, ask).await?;
            self.settlement.chosen(right);
            parts
        };
        joined(parts)
    }

    async fn call_parts(
        &mut self,
        drawing: &Drawing,
        body: &Bytes,
        ask: Option<Ask>,
    ) -> Result<Vec<Part>, GatewayError> {
        self.patience += MARGIN;
        // Another model is not weighed any more: what is made by then would be paid for nothing.
        self.weigh_at = None;
        let mut bodies = Vec::with_capacity(drawing.parts.len());
        for (index, images) in drawing.parts.iter().enumerate() {
            bodies.push((with_part(body, drawing, index)?, ask.map(|ask| Ask { images: *images, ..ask })));
        }
        let (mut parts, mut failure) = (Vec::with_capacity(bodies.len()), None);
        {
            let exchange = &*self;
            let calls = bodies.into_iter().map(|(body, ask)| one_of_many(exchange, body, ask));
            let mut calls = std::pin::pin!(stream::iter(calls).buffered(self.calls_at_once(drawing)));
            while let Some(part) = calls.next().await {
                match part {
                    Ok(part) => parts.push(part),
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
            }
        }
        let usage = sum(&parts);
        self.settlement.attempts = parts.iter().map(|part| part.attempts).sum();
        self.settlement.trace_id = parts.first().and_then(|part| part.trace_id.clone());
        match failure {
            Some(error) => {
                self.settlement.usage = Usage { certainty: Certainty::AtLeast, ..usage };
                Err(error)
            }
            None => Ok(parts),
        }
    }

    /// As many as the limits let in at once: one that waits for its minute should wait for as short a time as it can.
    fn calls_at_once(&self, drawing: &Drawing) -> usize {
        let most = self.most_pictures(&self.settlement.model).map_or(u64::MAX, |limit| limit.value);
        let largest = drawing.parts.iter().copied().max().unwrap_or(1);
        usize::try_from(most / largest).unwrap_or(PARTS_AT_ONCE).clamp(1, PARTS_AT_ONCE)
    }
}

async fn one_of_many(exchange: &Exchange, body: Bytes, ask: Option<Ask>) -> Result<Part, GatewayError> {
    let path = &exchange.target.path;
    let called = exchange.call_reserved(Method::POST, path, RequestBody::Full(body), ask.as_ref()).await?;
    let part = part(exchange, called.answer).await;
    if let Some(reservation) = called.reservation {
        reservation.settle(match &part {
            Ok(part) => Spent::Exactly(Amounts { requests: 1, tokens: 0, images: part.usage.images }),
            Err(error) if error.may_have_run() => Spent::Unknown,
            Err(_) => Spent::Exactly(Amounts::default()),
        });
    }
    part
}

/// The body of the call `index`: what all have in common, and what is its own.
fn with_part(body: &Bytes, drawing: &Drawing, index: usize) -> Result<Bytes, GatewayError> {
    if !drawing.is_changed_by_parts() {
        return Ok(body.clone());
    }
    let text = std::str::from_utf8(body).map_err(|_| AnswerFault::NotJson)?;
    let end = text.rfind('}').ok_or(AnswerFault::NotJson)?;
    Ok(Bytes::from([&text[..end], &drawing.part(index), &text[end..]].concat()))
}

async fn part(exchange: &Exchange, called: Answer) -> Result<Part, GatewayError> {
    let attempts = called.attempts;
    let called = answers::accepted(exchange, called).await?;
    let (parts, body) = called.response.into_parts();
    answers::check_encoding(&parts.headers)?;
    let read = answers::whole(exchange, &called.lease, body).await?;
    let entries = entries(&read.bytes)?;
    let trace_id = parts.headers.get(headers::TRACE_ID).and_then(headers::text).map(Id::from);
    let usage = Usage { images: entries.len() as u64, certainty: Certainty::Exact, ..read.usage };
    Ok(Part { headers: headers::answer_headers(&parts.headers), bytes: read.bytes, entries, usage, attempts, trace_id })
}

/// Each picture of an answer, with its link: SiliconFlow's `images`, else `data`, which answers of 2024 did not have and today's
/// have beside it.
fn entries(answer: &[u8]) -> Result<Vec<(String, String)>, GatewayError> {
    let text = std::str::from_utf8(answer).map_err(|_| AnswerFault::NotJson)?;
    let object = Object::parse(text).map_err(|_| AnswerFault::NotJson)?;
    let all = ["images", "data"].into_iter().find_map(|key| json::elements(object.get(key)?.value));
    let entry = |entry: &str| Some((entry.to_owned(), Object::parse(entry).ok()?.string("url")?.into_owned()));
    let entries: Option<Vec<_>> = all.unwrap_or_default().into_iter().map(entry).collect();
    entries.filter(|entries| !entries.is_empty()).ok_or(GatewayError::NoPicture)
}

fn sum(parts: &[Part]) -> Usage {
    let add = |sum: Usage, part: &Part| Usage {
        tokens: sum.tokens.plus(part.usage.tokens),
        images: sum.images + part.usage.images,
        ..sum
    };
    parts.iter().fold(Usage::exact(Tokens::default()), add)
}

fn joined(parts: Vec<Part>) -> Result<Drawn, GatewayError> {
    let usage = sum(&parts);
    let (mut entries, mut links) = (Vec::new(), Vec::new());
    for (entry, link) in parts.iter().flat_map(|part| &part.entries) {
        entries.push(entry.clone());
        links.push(link.clone());
    }
    let first = parts.into_iter().next().ok_or(GatewayError::NoPicture)?;
    Ok(Drawn { headers: first.headers, first: first.bytes, entries, links, usage })
}
