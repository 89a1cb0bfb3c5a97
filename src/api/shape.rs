//! Answers that go to their callers in another shape than they come in: OpenAI's.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use hyper::body::Incoming;

use super::answers::{self, Answered, Content};
use super::error::GatewayError;
use super::exchange::Exchange;
use super::route::Route;
use super::{batches, files, headers, speech, transcripts, voices};
use crate::relay::answer::AnswerFault;
use crate::relay::collect::collect;
use crate::relay::relayed::Tap;
use crate::relay::speech_stream::SpeechStream;
use crate::relay::usage::Usage;
use crate::upstream::KeyLease;

/// A shape that was asked for.
#[derive(Debug)]
pub(super) enum Shape {
    /// Sound.
    Sound(speech::Wish),
    /// What was heard.
    Transcript(Arc<Mutex<transcripts::Asked>>),
    /// Files.
    Files(files::Asked),
    /// A video job of this size.
    Video(String),
    /// Batches.
    Batches(batches::Asked),
    /// Voices, with the presets.
    Voices(Vec<serde_json::Value>),
}

/// The shape that a path alone asks for.
pub(super) fn of_path(exchange: &Exchange, method: &Method) -> Option<Shape> {
    let path = exchange.target.path.split('?').next().unwrap_or_default();
    match exchange.target.route {
        Route::Voices if method == Method::GET && path == "/audio/voice/list" => {
            Some(Shape::Voices(voices::presets(exchange)))
        }
        _ => None,
    }
}

impl Answered {
    /// Reads an answer of the upstream, as far as it must be read, into `shape`.
    pub(super) async fn shaped(
        &mut self,
        exchange: &Exchange,
        lease: &KeyLease,
        upstream: &HeaderMap,
        body: Incoming,
        shape: Shape,
    ) -> Result<(), GatewayError> {
        match shape {
            Shape::Sound(wish) => self.sound(exchange, lease, upstream, body, wish).await,
            Shape::Transcript(asked) => {
                let asked = std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner));
                self.transcript(exchange, lease, upstream, body, asked).await
            }
            Shape::Files(asked) => self.files(exchange, lease, body, asked).await,
            Shape::Video(size) => self.video_begun(exchange, lease, body, size).await,
            Shape::Batches(asked) => self.batches(exchange, lease, body, asked).await,
            Shape::Voices(presets) => {
                let read = answers::whole(exchange, lease, body).await?;
                let list = voices::with(&read.bytes, presets);
                self.edits.extend(list.is_some().then_some("preset-voices"));
                self.content = Content::Whole(list.unwrap_or(read.bytes), read.usage);
                Ok(())
            }
        }
    }

    /// Sound passes as it comes, as bytes or as events.
    async fn sound(
        &mut self,
        exchange: &Exchange,
        lease: &KeyLease,
        upstream: &HeaderMap,
        body: Incoming,
        wish: speech::Wish,
    ) -> Result<(), GatewayError> {
        let kind = upstream.get(header::CONTENT_TYPE).and_then(headers::text).unwrap_or_default();
        if kind.contains("json") || kind.starts_with("text/") {
            // It may say why; sound it is not.
            answers::whole(exchange, lease, body).await?;
            return Err(AnswerFault::NotSound.into());
        }
        let is_told = kind.starts_with("audio/");
        let tap = if wish.is_events {
            let spoken = exchange.settlement.entry.as_ref().map_or(0, |entry| entry.expected.spoken_bytes);
            self.edits.push("speech-events");
            self.content_type("text/event-stream");
            self.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            Tap::Speech(Box::new(SpeechStream::new(spoken)))
        } else {
            wish.content_type.filter(|_| !is_told).into_iter().for_each(|kind| self.content_type(kind));
            Tap::Opaque
        };
        self.content = Content::Relayed(body, tap, Bytes::new());
        Ok(())
    }

    async fn transcript(
        &mut self,
        exchange: &Exchange,
        lease: &KeyLease,
        upstream: &HeaderMap,
        body: Incoming,
        asked: transcripts::Asked,
    ) -> Result<(), GatewayError> {
        let is_json = !answers::is_plain_transcript(exchange.target.route, upstream);
        let (bytes, usage) = match is_json {
            true => {
                let read = answers::whole(exchange, lease, body).await?;
                answers::check_transcript(exchange, &read.bytes)?;
                (read.bytes, read.usage)
            }
            false => {
                let bytes = collect(body, answers::MOST_WHOLE, answers::relay_limits(exchange)).await?;
                (bytes.ok_or(AnswerFault::TooLong(answers::MOST_WHOLE))?, Usage::default())
            }
        };
        let made = asked.answer(&bytes, is_json);
        self.edits.extend(asked.edits);
        let bytes = match made {
            Some((transcript, edit)) => {
                self.edits.push(edit);
                self.content_type(transcript.content_type);
                transcript.bytes
            }
            None => bytes,
        };
        self.content = Content::Whole(bytes, usage);
        Ok(())
    }

    fn content_type(&mut self, kind: &'static str) {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
}
