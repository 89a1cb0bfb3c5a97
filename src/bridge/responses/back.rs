//! The way back: a chat answer, whole or streamed, as a response.

use std::sync::Arc;

use bytes::Bytes;

use super::chunk::Chunk;
use super::plan::Plan;
use super::reply::Reply;
use crate::bridge::{Back, BridgeError};
use crate::relay::translate::{Failure, Translator};

/// The way back of one request's answer.
#[derive(Debug)]
pub(super) struct ResponsesBack(pub(super) Arc<Plan>);

impl Back for ResponsesBack {
    fn whole(&self, answer: &[u8]) -> Result<Bytes, BridgeError> {
        let no_answer = || BridgeError {
            message: "SiliconFlow's answer is no chat completion.".to_owned(),
            param: None,
            code: Some("upstream_bad_answer"),
        };
        let chunk: Chunk<'_> = serde_json::from_slice(answer).map_err(|_| no_answer())?;
        if chunk.choices.is_empty() {
            return Err(no_answer());
        }
        let (mut reply, mut unheard) = (Reply::new(self.0.clone()), Vec::new());
        reply.take(&chunk, &mut unheard);
        reply.end(&mut unheard).map(Bytes::from).ok_or_else(no_answer)
    }

    fn stream(&self) -> Box<dyn Translator> {
        Box::new(ResponsesStream(Reply::new(self.0.clone())))
    }
}

/// A streamed answer on its way back.
#[derive(Debug)]
struct ResponsesStream(Reply);

/// A chunk that is none.
const UNREADABLE: Failure<'static> = Failure {
    kind: "server_error",
    code: Some("upstream_stream_broken"),
    message: "SiliconFlow sent a chunk that cannot be read. What you received is not the whole answer.",
};

impl Translator for ResponsesStream {
    fn push(&mut self, events: &[u8], out: &mut Vec<u8>) {
        for line in events.split(|byte| matches!(byte, b'\n' | b'\r')) {
            if line.starts_with(b":") {
                // A sign of life, for whoever is in between.
                out.extend_from_slice(line);
                out.extend_from_slice(b"\n\n");
            }
            let Some(data) = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii) else { continue };
            if data == b"[DONE]" {
                let _whole_object_that_is_in_the_last_event = self.0.end(out);
                continue;
            }
            match serde_json::from_slice::<Chunk<'_>>(data) {
                Ok(chunk) => self.0.take(&chunk, out),
                // What cannot be read may be part of the answer.
                Err(_) if data.starts_with(b"{") => self.0.fail(&UNREADABLE, out),
                Err(_) => {}
            }
        }
    }

    fn failed(&mut self, failure: &Failure<'_>, out: &mut Vec<u8>) {
        self.0.fail(failure, out);
    }
}
