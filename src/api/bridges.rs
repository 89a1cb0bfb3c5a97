//! Requests in other protocols than chat: translated on their way in, and their answers on the way out. In between they are chat
//! requests like any other, but for the name of their endpoint in metrics and ledger.

use bytes::Bytes;

use super::error::GatewayError;
use super::exchange::Exchange;
use super::images;
use super::route::Route;
use super::target::Target;
use crate::bridge::Translated;
use crate::relay::answer::AnswerFault;
use crate::relay::chat_stream::ChatStream;
use crate::relay::restream;

impl Exchange {
    /// The body that the request has from now on: its own, or that of the chat request which it is translated to.
    pub(super) async fn translate(&mut self, body: Bytes) -> Result<Bytes, GatewayError> {
        match self.target.route {
            Route::Messages => self.messages(&body),
            Route::ImageEdits => Box::pin(async { images::edits::carry(self, &body) }).await,
            Route::Videos => Box::pin(self.submission(body)).await,
            // Boxed: the usual request's future stays small.
            Route::Responses => Box::pin(self.respond(body)).await,
            _ => Ok(body),
        }
    }

    /// From now on it is the chat request that it was translated to.
    pub(super) fn carry(&mut self, translated: Translated) -> Bytes {
        self.target = Target { route: Route::Chat, path: "/chat/completions".to_owned(), face: self.target.face };
        self.edits = translated.edits;
        self.back = Some(translated.back);
        translated.body
    }

    /// The editor of its streamed answer.
    pub(super) fn chat_stream(&self, is_usage_asked: bool) -> ChatStream {
        match &self.back {
            Some(back) => ChatStream::translated(back.stream()),
            None => ChatStream::new(is_usage_asked),
        }
    }

    /// Its whole answer, in the caller's protocol.
    pub(super) fn whole_back(&self, answer: Bytes) -> Result<Bytes, GatewayError> {
        match &self.back {
            Some(back) => back.whole(&answer).map_err(|_| AnswerFault::NotJson.into()),
            None => Ok(answer),
        }
    }

    /// The stream that the caller asked for, made of a whole answer; `None` where that is no completion.
    pub(super) fn restreamed(&self, answer: &[u8], is_usage_asked: bool) -> Option<Bytes> {
        let events = restream::events(answer, is_usage_asked || self.back.is_some())?;
        let Some(back) = &self.back else { return Some(events) };
        let mut out = Vec::with_capacity(events.len());
        back.stream().push(&events, &mut out);
        Some(Bytes::from(out))
    }
}
