//! Steps 2 to 11 of a request that may be served: by whom, as its endpoint says.

use std::sync::Arc;

use bytes::Bytes;
use http::request;
use hyper::body::Incoming;

use super::admittance::multipart_boundary;
use super::answers::{self, Expected};
use super::body::{self, HeldBody};
use super::error::GatewayError;
use super::exchange::Exchange;
use super::head::RequestHead;
use super::route::{BodyKind, Route};
use super::serve::Gateway;
use super::shape::{self, Shape};
use super::{batches, count_tokens, limits, media, models, speech, usage, videos};
use crate::upstream::RequestBody;

impl Gateway {
    /// Steps 2 to 11. What is left of `body` afterwards was not read.
    pub(super) async fn run(
        &self,
        exchange: &mut Exchange,
        parts: &request::Parts,
        body: &mut Option<Incoming>,
    ) -> Result<answers::Answered, GatewayError> {
        exchange.shape = shape::of_path(exchange, &parts.method);
        match exchange.target.route.body_kind() {
            BodyKind::Json => self.json(exchange, body).await,
            BodyKind::Form => match exchange.boundary.clone() {
                Some(boundary) => Box::pin(exchange.upload(body, Some(&boundary))).await,
                None => self.json(exchange, body).await,
            },
            BodyKind::Streamed if exchange.target.route == Route::Videos => {
                match videos::asked(&parts.method, parts_path(exchange))? {
                    videos::Asked::Create => self.json(exchange, body).await,
                    asked => Box::pin(exchange.videos(asked, parts)).await,
                }
            }
            BodyKind::Streamed if exchange.target.route == Route::Batches => {
                match batches::asked(&parts.method, parts_path(exchange)) {
                    Some(asked) => {
                        let held = self.held(exchange, body).await?;
                        Box::pin(exchange.batches(asked, held.bytes.clone())).await
                    }
                    None => Box::pin(exchange.upload(body, None)).await,
                }
            }
            BodyKind::Streamed if exchange.target.route == Route::Files => {
                let boundary = multipart_boundary(&parts.headers);
                Box::pin(exchange.files(parts, body, boundary.as_deref())).await
            }
            BodyKind::Streamed => Box::pin(exchange.upload(body, None)).await,
            BodyKind::Nothing if exchange.target.route == Route::Limits => Ok(limits::answer(exchange)),
            BodyKind::Nothing if exchange.target.route == Route::Usage => Box::pin(usage::answer(exchange)).await,
            BodyKind::Nothing if exchange.target.route == Route::Media => {
                Box::pin(media::answer(exchange, parts)).await
            }
            BodyKind::Nothing if exchange.target.route == Route::KeptResponse => {
                Box::pin(exchange.kept_response(&parts.method)).await
            }
            BodyKind::Nothing => Box::pin(models::answer(exchange)).await,
        }
    }

    /// Step 2.
    async fn held(&self, exchange: &Exchange, body: &mut Option<Incoming>) -> Result<HeldBody, GatewayError> {
        match body {
            Some(body) => Ok(body::read(body, exchange.snapshot.settings.body, &self.room).await?),
            None => Err(GatewayError::Panic),
        }
    }

    /// Steps 2 to 11 for a JSON body: read body, read head, resolve model, rewrite, call, relay.
    async fn json(
        &self,
        exchange: &mut Exchange,
        body: &mut Option<Incoming>,
    ) -> Result<answers::Answered, GatewayError> {
        let mut held = self.held(exchange, body).await?;
        let is_translated = exchange.target.route == Route::Videos;
        if held.bytes.is_empty() && !exchange.target.route.needs_model() && !is_translated {
            let answer = exchange.call(RequestBody::Full(Bytes::new()), None).await?;
            return answers::read(exchange, answer, Expected::default()).await;
        }
        if exchange.target.route == Route::CountTokens {
            return count_tokens::answer(exchange, &held.bytes);
        }
        if exchange.target.route == Route::ImageEdits && exchange.boundary.is_some() {
            // As base64 it is a third larger, and for a moment both are held.
            held.hold_more(held.bytes.len() as u64 / 3 * 4)?;
        }
        let body = exchange.translate(held.bytes.clone()).await?;
        let head = RequestHead::parse(&body)?;
        if exchange.target.route == Route::Speech {
            exchange.shape = Some(Shape::Sound(speech::read(&head)?));
        }
        if exchange.target.route.needs_model() {
            head.require_model()?;
        }
        if let Some(entry) = &mut exchange.settlement.entry {
            entry.asked = Arc::from(&*head.model);
        }
        let plan = exchange.plan(&head.model)?;
        if head.is_streaming && matches!(exchange.target.route, Route::Chat | Route::Images) {
            exchange.begin_keep_alive()?;
        }
        exchange.along(plan, &head, &body).await
    }
}

/// The path without its query.
fn parts_path(exchange: &Exchange) -> &str {
    exchange.target.path.split('?').next().unwrap_or_default()
}
