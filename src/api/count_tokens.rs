//! `POST /messages/count_tokens`: how many tokens a Messages request has, by the estimator. Nothing is sent upstream, so it
//! takes no quota and costs nothing.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::answers::Answered;
use super::error::GatewayError;
use super::estimate;
use super::exchange::Exchange;
use super::head::RequestHead;
use super::route::Route;
use crate::relay::usage::Usage;

/// Says which member of the answer is no exact count.
const ESTIMATED: HeaderName = HeaderName::from_static("x-flowgate-estimated");

/// The count for `body`: that of the chat request which it would become.
pub(super) fn answer(exchange: &Exchange, body: &Bytes) -> Result<Answered, GatewayError> {
    let translated = exchange.as_chat(body, true)?;
    let head = RequestHead::parse(&translated.body)?;
    let model = exchange.resolve(&head.model)?;
    let tokens = estimate::prompt(exchange, Route::Chat, &model.id, &head);
    let headers = HeaderMap::from_iter([(ESTIMATED, HeaderValue::from_static("input_tokens"))]);
    let answer = format!("{{\"input_tokens\":{tokens}}}");
    Ok(Answered::json(headers, answer.into(), Usage::nothing(), Vec::new()))
}
