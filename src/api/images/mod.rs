//! Pictures: asked for in OpenAI's words or SiliconFlow's, made in as many calls as the model and the account's limits need,
//! fetched at once and kept, and answered with links of our own or with the pictures themselves.
//!
//! `bridge::pictures` knows what becomes of each member of a request; here it is called ([`calls`]), fetched ([`gallery`]) and
//! answered ([`answer`]).

mod answer;
mod calls;
pub(super) mod edits;
mod gallery;

use bytes::Bytes;

use super::answers::Answered;
use super::error::GatewayError;
use super::exchange::Exchange;
use super::head::RequestHead;
use super::rewrite::Rewrite;
use super::route::Route;
use crate::bridge::pictures::{self, Drawing, Model};
use crate::catalog::pictures::{Draws, of as draws};
use crate::quota::ask::Ask;
use crate::quota::metric::Metric;
use crate::quota::{AdmitError, Refused};
use crate::relay::usage::Usage;

/// What `id` takes, if the account lets it make `most` pictures at once.
pub(super) fn model<'a>(id: &'a str, draws: &'a Draws, most: u64) -> Model<'a> {
    Model {
        id,
        sizes: draws.sizes,
        takes_size: draws.takes_size,
        most_at_once: draws.most_at_once.min(most),
        most_inputs: draws.most_inputs,
        takes_format: draws.takes_format,
    }
}

impl Exchange {
    /// The pictures that a request is for, with the edits that it needs; `None` for any other request.
    pub(super) fn drawing(
        &self,
        head: &RequestHead<'_>,
        id: &str,
        rewrite: &mut Rewrite,
    ) -> Result<Option<Drawing>, GatewayError> {
        if self.target.route != Route::Images {
            return Ok(None);
        }
        let draws = draws(id);
        let model = model(id, &draws, self.most_pictures(id).map_or(u64::MAX, |limit| limit.value));
        let drawing = Drawing::read(&head.object, &head.model, &model)?;
        if self.is_edit() {
            let count = (0..).take_while(|index| head.object.has(&pictures::input_name(*index))).count();
            pictures::check_inputs(count, &model)?;
        }
        self.check_wait(id, &drawing)?;
        rewrite.pictures(head, &drawing);
        Ok(Some(drawing))
    }

    /// Whether the caller asked at `/images/edits`.
    fn is_edit(&self) -> bool {
        self.settlement.route == Route::ImageEdits.label()
    }

    /// Most pictures of a minute, of account and key.
    fn most_pictures(&self, id: &str) -> Option<crate::quota::limits::Limit> {
        let accounts = self.snapshot.quota.accounts.iter().filter(|(account, _)| account.is_governed);
        let of_accounts = accounts.filter_map(|(_, limits)| limits(id, Route::Images).get(Metric::Ipm));
        of_accounts.chain(self.tenant.quota.limits.get(Metric::Ipm)).min_by_key(|limit| limit.value)
    }

    /// What would fill more minutes than the request may wait for is not begun: what is made first would be paid for nothing.
    fn check_wait(&self, id: &str, drawing: &Drawing) -> Result<(), GatewayError> {
        let Some(limit) = self.most_pictures(id) else { return Ok(()) };
        let needs: u64 = drawing.parts.iter().sum();
        let minutes = 1 + self.patience.as_secs() / 60;
        if needs <= limit.value.saturating_mul(minutes) {
            return Ok(());
        }
        let refused = Refused::Never { metric: Metric::Ipm, limit, needs };
        Err(GatewayError::Quota(AdmitError { refused, is_own: false }, id.to_owned()))
    }

    /// Steps 6 to 10 for pictures.
    pub(super) async fn draw(
        &mut self,
        drawing: Drawing,
        body: Bytes,
        mut edits: Vec<&'static str>,
        ask: Option<Ask>,
    ) -> Result<Answered, GatewayError> {
        let drawn = self.call_for(&drawing, body, ask).await?;
        // Whatever becomes of the pictures, they are made and charged.
        self.settlement.usage = drawn.usage;
        let pictures = gallery::Gallery { exchange: self, shape: drawing.shape }.fetch(&drawn.links).await?;
        let has_links = pictures.iter().any(gallery::Picture::is_upstreams);
        edits.extend(has_links.then_some("upstream-url"));
        let is_edit = self.is_edit();
        let usage: Usage = drawn.usage;
        let made = answer::make(&drawing, &drawn, pictures, is_edit);
        Ok(Answered::made(http::StatusCode::OK, made.headers, made.pieces, usage, edits))
    }
}
