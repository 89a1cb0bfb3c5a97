//! Whole JSON answers: finish reasons put right, usage read, an error or a blank in a 200 found.

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;

use super::chunk;
use super::usage::{self, Usage};
use crate::wire::json::{self, Object};
use crate::wire::splice::{self, Edit};

/// Why a 200 is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// Nothing came.
    #[error("SiliconFlow answered 200 with an empty body.")]
    Empty,
    /// Something came that is not JSON, such as a page of a proxy in between.
    #[error("SiliconFlow answered 200 with something that is not JSON.")]
    NotJson,
    /// Text where sound should be.
    #[error("SiliconFlow answered 200 with text where sound should be.")]
    NotSound,
    /// It is compressed although nobody asked for that, and cannot be read.
    #[error("SiliconFlow compressed an answer although it was not asked to (content-encoding: {0}).")]
    Compressed(String),
    /// More than any real answer: it is not held, and not passed on unseen either.
    #[error("SiliconFlow's answer is longer than {0} bytes, more than any real one.")]
    TooLong(usize),
    /// An error object where the answer should be: its text.
    #[error("SiliconFlow answered 200 with an error inside.")]
    Refused(Bytes),
}

/// A whole answer, ready for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The bytes to send: the upstream's own unless `edits` says otherwise.
    pub bytes: Bytes,
    /// What it used.
    pub usage: Usage,
    /// Names of the edits made.
    pub edits: Vec<&'static str>,
}

/// Reads a JSON answer and puts a chat completion right.
///
/// # Errors
/// [`AnswerFault`] when it is no answer.
pub fn read(bytes: Bytes, is_chat: bool) -> Result<Answer, AnswerFault> {
    let text = std::str::from_utf8(&bytes).map_err(|_| AnswerFault::NotJson)?;
    if text.trim().is_empty() {
        return Err(AnswerFault::Empty);
    }
    let Ok(object) = Object::parse(text) else {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        return if is_json { Ok(untouched(bytes)) } else { Err(AnswerFault::NotJson) };
    };
    if object.get("choices").is_none() && is_error(&object) {
        return Err(AnswerFault::Refused(bytes));
    }
    let usage = usage::of_answer(&object);
    let mut edits = if is_chat { finish_edits(text, &object) } else { Vec::new() };
    let names = if edits.is_empty() { Vec::new() } else { vec!["finish-reason"] };
    Ok(Answer { bytes: splice::apply(&bytes, &mut edits), usage, edits: names })
}

/// Whether an object is an error in disguise: OpenAI's `error`, or SiliconFlow's flat code and
/// message (code 20000 is its word for success).
pub(super) fn is_error(object: &Object<'_>) -> bool {
    let has_code = object.get("code").is_some_and(|code| code.value != "null" && code.value != "20000");
    object.has("error") || (has_code && object.has("message"))
}

fn untouched(bytes: Bytes) -> Answer {
    Answer { bytes, usage: Usage::default(), edits: Vec::new() }
}

/// The choices are only looked into when one of them may need an edit.
fn finish_edits(text: &str, answer: &Object<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    static NEEDLES: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| ["\"tool_calls\"", "\"eos\""].map(|word| Finder::new(word).into_owned()));
    if NEEDLES.iter().all(|needle| needle.find(text.as_bytes()).is_none()) {
        return edits;
    }
    let choices = answer.get("choices").and_then(|choices| json::elements(choices.value)).unwrap_or_default();
    for choice in choices {
        let Ok(choice) = Object::parse_within(text, choice) else { continue };
        chunk::repair_finish(&choice, has_tool_calls(&choice), &mut edits);
    }
    edits
}

fn has_tool_calls(choice: &Object<'_>) -> bool {
    choice
        .get("message")
        .and_then(|message| Object::parse(message.value).ok())
        .and_then(|message| json::elements(message.get("tool_calls")?.value))
        .is_some_and(|calls| !calls.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(message: &str, reason: &str) -> String {
        format!(
            r#"{{"id":"x","big":12345678901234567890123,"choices":[{{"index":0,"message":{message},"finish_reason":"{reason}"}}],"usage":{{"prompt_tokens":1,"completion_tokens":2}}}}"#
        )
    }

    #[test]
    fn only_the_finish_reason_changes() {
        let plain = body(r#"{"content":"hi"}"#, "stop");
        assert_eq!(read(Bytes::from(plain.clone()), true).unwrap().bytes, plain);
        let eos = read(Bytes::from(body(r#"{"content":"hi"}"#, "eos")), true).unwrap();
        assert_eq!((eos.bytes, eos.edits), (Bytes::from(plain), vec!["finish-reason"]));
        let tools = r#"{"tool_calls":[{"id":"a"}]}"#;
        assert_eq!(read(Bytes::from(body(tools, "stop")), true).unwrap().bytes, body(tools, "tool_calls"));
    }

    #[test]
    fn a_200_without_an_answer_is_a_fault() {
        let fault = |text: &'static str| read(Bytes::from_static(text.as_bytes()), true).unwrap_err();
        assert_eq!(fault(" "), AnswerFault::Empty);
        assert_eq!(fault("<html>"), AnswerFault::NotJson);
        assert!(matches!(
            fault(r#"{"code":50505,"message":"Model service overloaded.","data":null}"#),
            AnswerFault::Refused(_)
        ));
        assert!(read(Bytes::from_static(b"\"ok\""), false).is_ok());
    }
}
