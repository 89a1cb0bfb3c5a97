//! Transcripts in OpenAI's forms and formats. SiliconFlow hears and answers `{"text": …}`, no more (siliconflow-api.md,
//! section 10): what needs more than the text is refused, what only wishes for more is named. Pure.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::bridge::BridgeError;
use crate::wire::multipart::Way;

/// The fields of a form that are looked at. Those that go through are no documented fields of SiliconFlow's either, but do
/// no harm there: what it makes of them is its own.
pub(super) const FIELDS: &[(&str, Way)] = &[
    ("model", Way::Through),
    ("language", Way::Through),
    ("response_format", Way::Out),
    ("stream", Way::Out),
    ("timestamp_granularities", Way::Out),
    ("include", Way::Out),
    ("chunking_strategy", Way::Out),
    ("known_speaker_names", Way::Out),
    ("known_speaker_references", Way::Out),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Format {
    #[default]
    Json,
    Text,
    Verbose,
}

/// What a form asks for beside its transcript.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Asked {
    format: Format,
    is_stream: bool,
    language: Option<String>,
    /// What was left out or changed, by name.
    pub(super) edits: Vec<&'static str>,
}

/// A transcript as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transcript {
    pub(super) content_type: &'static str,
    pub(super) bytes: Bytes,
}

impl Asked {
    /// Notes the field `name` of the form.
    ///
    /// # Errors
    /// [`BridgeError`] where what it asks for cannot be made.
    pub(super) fn note(&mut self, name: &'static str, value: &str) -> Result<(), BridgeError> {
        match name {
            "language" => self.language = Some(value.to_owned()).filter(|language| !language.is_empty()),
            "response_format" => self.format = format(value)?,
            "stream" => self.is_stream = is_true(value)?,
            "timestamp_granularities" => self.leave_out("without-timestamps"),
            "include" => self.leave_out("without-include"),
            "chunking_strategy" => self.leave_out("without-chunking-strategy"),
            "known_speaker_names" | "known_speaker_references" => self.leave_out("without-speakers"),
            _ => {}
        }
        Ok(())
    }

    fn leave_out(&mut self, edit: &'static str) {
        if !self.edits.contains(&edit) {
            self.edits.push(edit);
        }
    }

    /// The answer in the caller's format, and the name of that edit; `None` where the upstream's own will do. `is_json` says
    /// what the upstream's is.
    pub(super) fn answer(&self, answer: &Bytes, is_json: bool) -> Option<(Transcript, &'static str)> {
        if is_json && self.format == Format::Json && !self.is_stream {
            return None;
        }
        let text = if is_json {
            serde_json::from_slice::<Value>(answer).ok()?["text"].as_str()?.to_owned()
        } else {
            String::from_utf8(answer.to_vec()).ok()?
        };
        Some(if self.is_stream { events(&text) } else { self.whole(&text) })
    }

    fn whole(&self, text: &str) -> (Transcript, &'static str) {
        let json = |value: Value| Transcript { content_type: "application/json", bytes: value.to_string().into() };
        match self.format {
            Format::Json => (json(json!({"text": text})), "response-format"),
            Format::Text => {
                let bytes = Bytes::from(text.to_owned());
                (Transcript { content_type: "text/plain; charset=utf-8", bytes }, "response-format")
            }
            // Nobody has measured how long it was, or heard which language it is: no number is made up.
            Format::Verbose => {
                let value = json!({
                    "task": "transcribe", "language": self.language, "duration": null, "text": text, "segments": [],
                });
                (json(value), "response-format")
            }
        }
    }
}

/// The whole text as OpenAI's events.
fn events(text: &str) -> (Transcript, &'static str) {
    let delta = json!({"type": "transcript.text.delta", "delta": text});
    let done = json!({"type": "transcript.text.done", "text": text});
    let delta = if text.is_empty() { String::new() } else { format!("data: {delta}\n\n") };
    let bytes = Bytes::from(format!("{delta}data: {done}\n\n"));
    (Transcript { content_type: "text/event-stream", bytes }, "streamed-at-once")
}

fn format(value: &str) -> Result<Format, BridgeError> {
    let unsupported = |why: &str| {
        let message = format!("{why} Use `json`, `text` or `verbose_json` as `response_format`.");
        Err(BridgeError::unsupported("response_format", message))
    };
    match value {
        "" | "json" => Ok(Format::Json),
        "text" => Ok(Format::Text),
        "verbose_json" => Ok(Format::Verbose),
        "srt" | "vtt" => unsupported(
            "SiliconFlow tells the text alone and not when it was said, so there can be no subtitles in `srt` or `vtt`.",
        ),
        "diarized_json" => unsupported("SiliconFlow does not tell speakers apart."),
        _ => Err(BridgeError::about("response_format", "`response_format` must be `json`, `text` or `verbose_json`.")),
    }
}

fn is_true(value: &str) -> Result<bool, BridgeError> {
    match value.to_ascii_lowercase().as_str() {
        "" | "false" | "0" => Ok(false),
        "true" | "1" => Ok(true),
        _ => Err(BridgeError::about("stream", "`stream` must be true or false.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&'static str, &str)]) -> Result<Asked, BridgeError> {
        let mut asked = Asked::default();
        fields.iter().try_for_each(|(name, value)| asked.note(name, value))?;
        Ok(asked)
    }

    fn made(fields: &[(&'static str, &str)], answer: &'static str, is_json: bool) -> Option<(String, &'static str)> {
        let (transcript, _) = asked(fields).unwrap().answer(&Bytes::from_static(answer.as_bytes()), is_json)?;
        Some((String::from_utf8(transcript.bytes.to_vec()).unwrap(), transcript.content_type))
    }

    #[test]
    fn the_text_in_each_format() {
        const ANSWER: &str = r#"{"text":"hé \"you\""}"#;
        assert_eq!(made(&[], ANSWER, true), None);
        assert_eq!(made(&[("response_format", "json")], ANSWER, true), None);
        let text = made(&[("response_format", "text")], ANSWER, true).unwrap();
        assert_eq!(text, ("hé \"you\"".to_owned(), "text/plain; charset=utf-8"));
        let (verbose, _) = made(&[("response_format", "verbose_json"), ("language", "fr")], ANSWER, true).unwrap();
        let value: Value = serde_json::from_str(&verbose).unwrap();
        let expected =
            json!({"task": "transcribe", "language": "fr", "duration": null, "text": "hé \"you\"", "segments": []});
        assert_eq!(value, expected);
        let (plain, kind) = made(&[], "hello", false).unwrap();
        assert_eq!((plain.as_str(), kind), (r#"{"text":"hello"}"#, "application/json"));
        let (events, kind) = made(&[("stream", "true")], ANSWER, true).unwrap();
        assert!(events.matches("data: ").count() == 2 && kind == "text/event-stream", "{events}");
    }

    #[test]
    fn what_cannot_be_made_is_refused_and_what_is_missing_named() {
        for (name, value) in [
            ("response_format", "srt"),
            ("response_format", "vtt"),
            ("response_format", "diarized_json"),
            ("stream", "?"),
        ] {
            assert_eq!(asked(&[(name, value)]).unwrap_err().param.as_deref(), Some(name), "{value}");
        }
        let asked = asked(&[
            ("timestamp_granularities", "word"),
            ("timestamp_granularities", "segment"),
            ("known_speaker_names", "ann"),
            ("include", "logprobs"),
        ]);
        assert_eq!(asked.unwrap().edits, ["without-timestamps", "without-speakers", "without-include"]);
    }
}
