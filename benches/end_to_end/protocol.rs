//! The protocols in which a stream can be asked for: what is sent, and how its answer is told. The gateway turns all of them into
//! chat completions; nginx and the upstream speak those alone.

use memchr::memmem;
use serde::{Deserialize, Serialize};

/// Something that a caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Protocol {
    /// Chat completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Messages,
}

/// What is asked for, in every protocol.
const SYSTEM: &str = "You are a helpful assistant. Answer in one short sentence.";
const QUESTION: &str = "Why is the sky blue, and why is it red in the evening? Please explain it to a child of six years who has \
                        just learned that light has colours.";

impl Protocol {
    /// Where it is spoken.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    /// The body that asks `model`: for a stream if there is a `wish` for the upstream, which it reads wherever it stands.
    pub(crate) fn body(self, model: &str, wish: Option<&str>) -> String {
        let stream = if wish.is_some() { r#","stream":true"# } else { "" };
        let wish = wish.map(|wish| format!(" ({wish})")).unwrap_or_default();
        match self {
            Self::Chat => {
                let usage = if stream.is_empty() { "" } else { r#","stream_options":{"include_usage":true}"# };
                format!(
                    concat!(
                        r#"{{"messages":[{{"role":"system","content":"{}"}},{{"role":"user","content":"{}{}"}}],"#,
                        r#""model":"{}","max_tokens":256,"temperature":0.7{}{}}}"#
                    ),
                    SYSTEM, QUESTION, wish, model, stream, usage
                )
            }
            // As Codex does it, nothing is kept.
            Self::Responses => format!(
                concat!(
                    r#"{{"instructions":"{}","input":[{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{}{}"}}]}}],"#,
                    r#""model":"{}","max_output_tokens":256,"temperature":0.7,"store":false{}}}"#
                ),
                SYSTEM, QUESTION, wish, model, stream
            ),
            Self::Messages => format!(
                concat!(
                    r#"{{"system":"{}","messages":[{{"role":"user","content":"{}{}"}}],"#,
                    r#""model":"{}","max_tokens":256,"temperature":0.7{}}}"#
                ),
                SYSTEM, QUESTION, wish, model, stream
            ),
        }
    }

    /// What stands before the time stamp in an event with content.
    pub(crate) fn stamp_mark(self) -> &'static [u8] {
        match self {
            Self::Chat => b"\"content\":\"@",
            Self::Responses => b"\"delta\":\"@",
            Self::Messages => b"\"text\":\"@",
        }
    }

    /// Whether a stream has come to its proper end.
    pub(crate) fn is_whole(self, stream: &[u8]) -> bool {
        match self {
            Self::Chat => stream.trim_ascii_end().ends_with(b"data: [DONE]"),
            Self::Responses => memmem::rfind(stream, b"event: response.completed\n").is_some(),
            Self::Messages => memmem::rfind(stream, b"event: message_stop\n").is_some(),
        }
    }
}
