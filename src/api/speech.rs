//! Speech in OpenAI's fields: what is checked before anything is sent, and what each field becomes upstream
//! (siliconflow-api.md, section 10). Pure; the edits are made by `rewrite`.

use std::borrow::Cow;

use super::head::RequestHead;
use crate::bridge::BridgeError;
use crate::catalog::voices;
use crate::wire::json::{self, Object};
use crate::wire::splice::Edit;

/// What stands between the style of a voice and the text, for the models that take a style.
const END_OF_STYLE: &str = "<|endofprompt|>";
/// Samples in a second of OpenAI's `pcm` (its audio guide, 2026-11). It has no header to say another rate, and
/// SiliconFlow's own rate is told in two ways.
const PCM_RATE: u32 = 24_000;

/// How the sound is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// The content type of the format; `None` of one that only the upstream knows.
    pub(super) content_type: Option<&'static str>,
    /// As events, with the sound in them.
    pub(super) is_events: bool,
}

/// What the request asks for.
///
/// # Errors
/// [`BridgeError`] where a field cannot be carried.
pub(super) fn read(head: &RequestHead<'_>) -> Result<Wish, BridgeError> {
    check_speed(head)?;
    check_voice(head)?;
    if head.object.has("instructions") && head.object.string("instructions").is_none() {
        return Err(BridgeError::about("instructions", "`instructions` must be a string."));
    }
    let format = text(head, "response_format")?.unwrap_or(Cow::Borrowed("mp3"));
    let is_events = match text(head, "stream_format")?.as_deref() {
        None | Some("audio") => false,
        Some("sse") => true,
        Some(_) => return Err(BridgeError::about("stream_format", "`stream_format` must be `audio` or `sse`.")),
    };
    Ok(Wish { content_type: content_type(&format)?, is_events })
}

fn text<'a>(head: &RequestHead<'a>, key: &'static str) -> Result<Option<Cow<'a, str>>, BridgeError> {
    match head.object.string(key) {
        None if head.object.has(key) => Err(BridgeError::about(key, format!("`{key}` must be a string."))),
        text => Ok(text),
    }
}

fn content_type(format: &str) -> Result<Option<&'static str>, BridgeError> {
    match format {
        "mp3" => Ok(Some("audio/mpeg")),
        "opus" => Ok(Some("audio/opus")),
        "wav" => Ok(Some("audio/wav")),
        "pcm" => Ok(Some("audio/pcm")),
        "aac" | "flac" => Err(BridgeError::unsupported(
            "response_format",
            format!("SiliconFlow does not make `{format}`. Use `mp3`, `opus`, `wav` or `pcm` as `response_format`."),
        )),
        _ => Ok(None),
    }
}

fn check_speed(head: &RequestHead<'_>) -> Result<(), BridgeError> {
    let Some(speed) = head.object.get("speed").filter(|speed| speed.value != "null") else { return Ok(()) };
    let is_fine = speed.value.parse::<f64>().is_ok_and(|speed| (0.25..=4.0).contains(&speed));
    if is_fine { Ok(()) } else { Err(BridgeError::about("speed", "`speed` must be a number from 0.25 to 4.0.")) }
}

fn check_voice(head: &RequestHead<'_>) -> Result<(), BridgeError> {
    let Some(voice) = head.object.get("voice").filter(|voice| voice.value != "null") else { return Ok(()) };
    let is_fine = json::string(voice.value).is_some() || id(voice.value).is_some();
    let message =
        "`voice` must be a name such as `alloy` or `anna`, an uploaded voice `speech:…`, or `{\"id\": \"…\"}`.";
    if is_fine { Ok(()) } else { Err(BridgeError::about("voice", message)) }
}

/// The id in a voice that is an object.
fn id(voice: &str) -> Option<Cow<'_, str>> {
    Object::parse(voice).ok()?.string("id")
}

/// The edit that makes the voice one that `model` knows: its name, and whether there was none before.
pub(super) fn voice(head: &RequestHead<'_>, model: &str) -> Option<(&'static str, Edit)> {
    let member = head.object.get("voice").filter(|voice| voice.value != "null" && voice.value != "\"\"");
    let Some(member) = member else { return default_voice(head, model) };
    let asked = json::string(member.value).or_else(|| id(member.value))?;
    let known = voices::voice(model, &asked);
    match known {
        None if member.value.starts_with('"') => None,
        known => {
            let voice = known.map_or(asked, Cow::Owned);
            Some(("voice", Edit::replace(member.span.clone(), json::quote(&voice))))
        }
    }
}

/// Without a voice and without an example of one, nothing is spoken upstream.
fn default_voice(head: &RequestHead<'_>, model: &str) -> Option<(&'static str, Edit)> {
    if head.object.has("references") || !voices::needs_voice(model) {
        return None;
    }
    let voice = json::quote(&voices::default_voice(model));
    let edit = match head.object.get("voice") {
        Some(empty) => Edit::replace(empty.span.clone(), voice),
        None => Edit::insert(head.object.members().last()?.span.end, format!(",\"voice\":{voice}")),
    };
    Some(("default-voice", edit))
}

/// The edit that puts `instructions` before the text, for a model that takes a style there.
pub(super) fn style(head: &RequestHead<'_>, model: &str) -> Option<Edit> {
    let (input, style) = (head.object.get("input")?, styled(head, model)?);
    let text = json::string(input.value)?;
    Some(Edit::replace(input.span.clone(), json::quote(&format!("{style}{END_OF_STYLE}{text}"))))
}

fn styled<'a>(head: &RequestHead<'a>, model: &str) -> Option<Cow<'a, str>> {
    let style = head.object.string("instructions").filter(|style| !style.is_empty())?;
    let has_one = head.object.string("input").is_none_or(|text| text.contains(END_OF_STYLE));
    (voices::takes_style(model) && !has_one && !style.contains(END_OF_STYLE)).then_some(style)
}

/// The edit that asks for OpenAI's rate where samples come bare and no rate was asked for.
pub(super) fn pcm_rate(head: &RequestHead<'_>) -> Option<Edit> {
    let is_pcm = head.object.string("response_format").is_some_and(|format| format == "pcm");
    let last = head.object.members().last().filter(|_| is_pcm && !head.object.has("sample_rate"))?;
    match head.object.get("sample_rate") {
        Some(empty) => Some(Edit::replace(empty.span.clone(), PCM_RATE.to_string())),
        None => Some(Edit::insert(last.span.end, format!(",\"sample_rate\":{PCM_RATE}"))),
    }
}

/// Text that `model` is to speak, as it is charged (UTF-8 bytes): with the style before it.
pub(super) fn spoken_bytes(head: &RequestHead<'_>, model: &str) -> u64 {
    let text = head.object.string("input").map_or(0, |text| text.len());
    let style = styled(head, model).map_or(0, |style| style.len() + END_OF_STYLE.len());
    (text + style) as u64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::api::rewrite::Rewrite;
    use crate::api::route::Route;
    use crate::catalog::ResolvedModel;

    const COSY: &str = "FunAudioLLM/CosyVoice2-0.5B";

    fn spoken(model: &str, more: &str) -> (serde_json::Value, Vec<&'static str>, u64) {
        let body = Bytes::from(format!(r#"{{"model":"{model}","input":"hi \"you\""{more}}}"#));
        let head = RequestHead::parse(&body).unwrap();
        let bytes = spoken_bytes(&head, model);
        let model = ResolvedModel { id: model.to_owned(), is_renamed: false };
        let mut rewrite = Rewrite::plan(Route::Speech, &head, &model);
        let out = serde_json::from_slice(&rewrite.apply(&body)).unwrap();
        (out, rewrite.names, bytes)
    }

    #[test]
    fn a_voice_is_found_for_everybody() {
        for (voice, becomes, name) in [
            ("", "alex", Some("default-voice")),
            (r#","voice":null"#, "alex", Some("default-voice")),
            (r#","voice":"""#, "alex", Some("default-voice")),
            (r#","voice":"nova""#, "bella", Some("voice")),
            (r#","voice":{"id":"anna"}"#, "anna", Some("voice")),
        ] {
            let (out, names, _) = spoken(COSY, voice);
            assert_eq!(out["voice"], format!("{COSY}:{becomes}"), "{voice}");
            assert_eq!(names, name.into_iter().collect::<Vec<_>>());
        }
        let (out, names, _) = spoken(COSY, r#","voice":{"id":"speech:mine:a:b"}"#);
        assert_eq!((&out["voice"], names), (&"speech:mine:a:b".into(), vec!["voice"]));
        let (out, names, _) = spoken(COSY, r#","references":[{"audio":"x","text":"y"}]"#);
        assert!(out.get("voice").is_none() && names.is_empty());
        assert!(spoken("fnlp/MOSS-TTSD-v0.5", "").1.is_empty());
    }

    #[test]
    fn a_style_goes_before_the_text_where_the_model_takes_one() {
        let (out, names, bytes) = spoken(COSY, r#","voice":"a:b","instructions":"Be \"calm\".""#);
        assert_eq!(out["input"], "Be \"calm\".<|endofprompt|>hi \"you\"");
        assert!(out.get("instructions").is_none() && names == ["instructions"]);
        assert_eq!(bytes, out["input"].as_str().unwrap().len() as u64);
        let (out, names, bytes) = spoken("fnlp/MOSS-TTSD-v0.5", r#","instructions":"Be calm.""#);
        assert_eq!((&out["input"], names, bytes), (&"hi \"you\"".into(), vec!["without-instructions"], 8));
    }

    #[test]
    fn bare_samples_come_at_openais_rate() {
        let (out, names, _) = spoken(COSY, r#","voice":"a:b","response_format":"pcm","stream_format":"audio""#);
        assert_eq!((&out["sample_rate"], out.get("stream_format")), (&24_000.into(), None));
        assert_eq!(names, ["sample-rate", "stream-format"]);
        assert_eq!(spoken(COSY, r#","voice":"a:b","response_format":"pcm","sample_rate":8000"#).1.len(), 0);
    }

    #[test]
    fn what_cannot_be_carried_is_refused_by_name() {
        for (more, param) in [
            (r#","response_format":"aac""#, "response_format"),
            (r#","response_format":"flac""#, "response_format"),
            (r#","response_format":7"#, "response_format"),
            (r#","stream_format":"ws""#, "stream_format"),
            (r#","speed":0.2"#, "speed"),
            (r#","speed":"fast""#, "speed"),
            (r#","voice":7"#, "voice"),
            (r#","voice":{"name":"x"}"#, "voice"),
            (r#","instructions":[]"#, "instructions"),
        ] {
            let body = format!(r#"{{"model":"m","input":"hi"{more}}}"#);
            let head = RequestHead::parse(body.as_bytes()).unwrap();
            assert_eq!(read(&head).unwrap_err().param.as_deref(), Some(param), "{more}");
        }
    }
}
