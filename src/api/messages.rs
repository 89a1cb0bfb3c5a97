//! `POST /messages`: Anthropic's protocol. Translated to a chat request; or, where the operator wants it so, cut down to what
//! SiliconFlow's own `/messages` is known to take.

use bytes::Bytes;

use super::error::GatewayError;
use super::estimate;
use super::exchange::Exchange;
use super::head::RequestHead;
use super::headers::ANTHROPIC_VERSION;
use super::route::Route;
use crate::bridge::Translated;
use crate::bridge::messages::{self, Context, Known};
use crate::catalog::plan::Facts;
use crate::catalog::{Catalogue, quirks};

/// Which of SiliconFlow's endpoints serves Anthropic's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MessagesUpstream {
    /// Chat completions: every model that chats has them, and they take all that a translation needs.
    #[default]
    Chat,
    /// Its own `/messages`.
    Native,
}

impl Exchange {
    /// The body that a Messages request has from now on.
    pub(super) fn messages(&mut self, body: &Bytes) -> Result<Bytes, GatewayError> {
        self.upstream_headers.remove("anthropic-beta");
        if self.snapshot.settings.messages == MessagesUpstream::Native {
            "/messages".clone_into(&mut self.target.path);
            let (pruned, edits) = messages::prune(body)?;
            self.edits = edits;
            return Ok(pruned);
        }
        self.upstream_headers.remove(ANTHROPIC_VERSION);
        let translated = self.as_chat(body, false)?;
        Ok(self.carry(translated))
    }

    /// A Messages request as a chat request; `is_counted` when nothing but its tokens is asked for.
    pub(super) fn as_chat(&self, body: &Bytes, is_counted: bool) -> Result<Translated, GatewayError> {
        let head = RequestHead::parse(body)?;
        head.require_model()?;
        let model = self.snapshot.aliases.resolve(&head.model).id;
        let context = Context {
            request_id: &self.settlement.request_id,
            input_tokens: if head.is_streaming { estimate::prompt(self, Route::Messages, &model, &head) } else { 0 },
            is_counted,
            model: known(&self.snapshot.catalogue, &model),
        };
        Ok(messages::translate(body, &context)?)
    }
}

/// What the catalogue knows of a model.
fn known(catalogue: &Catalogue, model: &str) -> Known {
    let found = catalogue.get(model);
    let thinking = found.and_then(|model| model.thinking.as_deref()).unwrap_or_default();
    Known {
        switches_thinking: thinking.starts_with("toggle"),
        continues: found.is_some_and(|model| model.caps.iter().any(|cap| cap == "prefix")),
        reads_pdf: quirks::reads_pdf(model),
        most_output: Facts::of(found).most_output,
    }
}
