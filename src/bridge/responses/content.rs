//! Parts of messages: text, pictures, sounds and files as a chat request has them.

use super::error::{refused, unsupported, wrong_type};
use super::file;
use super::write::{Members, array, inner, literal};
use crate::bridge::BridgeError;
use crate::wire::json::{self, Object};

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The inside of a string literal.
    Text(String),
    /// A picture, a sound or a document, as JSON.
    Media(String),
}

/// Where content stands, for errors, and for which model it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) param: &'a str,
    pub(super) model: &'a str,
}

/// The parts of `content` (JSON): a string, or an array of parts.
///
/// # Errors
/// [`BridgeError`] for a part that no chat model of SiliconFlow's takes.
pub(super) fn parts(content: &str, place: Place<'_>) -> Result<Vec<Part>, BridgeError> {
    if let Some(text) = inner(content) {
        return Ok(vec![Part::Text(text.to_owned())]);
    }
    let list = json::elements(content).ok_or_else(|| wrong_type(place.param, "a string or an array of parts"))?;
    list.into_iter()
        .map(|part| {
            let part = Object::parse(part).map_err(|_| wrong_type(place.param, "an array of objects"))?;
            read(&part, place)
        })
        .collect()
}

fn read(part: &Object<'_>, place: Place<'_>) -> Result<Part, BridgeError> {
    match part.string("type").as_deref() {
        Some("input_text" | "output_text" | "text" | "summary_text" | "reasoning_text") => text(part, "text", place),
        Some("refusal") => text(part, "refusal", place),
        Some("input_image") => picture(part, place),
        Some("input_audio") => sound(part, place),
        Some("input_file") => file::read(part, place),
        kind => {
            let kind = kind.unwrap_or("?").chars().take(64).collect::<String>();
            Err(refused(
                place.param,
                format!("A part of the type `{kind}` cannot be given to a model of SiliconFlow's."),
            ))
        }
    }
}

fn text(part: &Object<'_>, key: &str, place: Place<'_>) -> Result<Part, BridgeError> {
    let text = part.get(key).and_then(|text| inner(text.value));
    text.map(|text| Part::Text(text.to_owned()))
        .ok_or_else(|| wrong_type(&format!("{}.{key}", place.param), "a string"))
}

fn picture(part: &Object<'_>, place: Place<'_>) -> Result<Part, BridgeError> {
    let url = part.get("image_url").map(|url| url.value).filter(|url| url.starts_with('"'));
    let Some(url) = url else {
        return Err(unsupported(
            &format!("{}.image_url", place.param),
            "A picture needs an `image_url`: a URL or a data URL. SiliconFlow keeps no files for pictures, so `file_id` cannot be used.",
        ));
    };
    let mut image = Members::new();
    image.raw("url", url);
    // SiliconFlow knows auto, low and high; OpenAI's `original` is the most there is.
    match part.string("detail").as_deref() {
        Some("original") => image.text("detail", "high"),
        Some(detail) => image.text("detail", detail),
        None => &mut image,
    };
    Ok(media("image_url", &image.end()))
}

fn sound(part: &Object<'_>, place: Place<'_>) -> Result<Part, BridgeError> {
    let param = format!("{}.input_audio", place.param);
    let audio = part.get("input_audio").and_then(|audio| Object::parse(audio.value).ok());
    let audio = audio.ok_or_else(|| wrong_type(&param, "an object"))?;
    let data = audio.get("data").and_then(|data| inner(data.value)).ok_or_else(|| wrong_type(&param, "base64 data"))?;
    let kind = match audio.string("format").as_deref() {
        Some("mp3") => "audio/mpeg",
        Some("wav") | None => "audio/wav",
        Some(_) => return Err(refused(&param, "The format of a sound must be `mp3` or `wav`.")),
    };
    Ok(media("audio_url", &Members::new().raw("url", &literal(&format!("data:{kind};base64,{data}"))).end()))
}

/// A part as a chat request has it.
pub(super) fn media(kind: &str, value: &str) -> Part {
    Part::Media(Members::new().text("type", kind).raw(kind, value).end())
}

/// The texts of `parts` as the inside of one literal, one a paragraph.
pub(super) fn joined(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Media(_) => None,
    });
    texts.collect::<Vec<_>>().join("\\n\\n")
}

/// The pictures, sounds and documents of `parts`.
pub(super) fn media_of(parts: Vec<Part>) -> Vec<String> {
    let media = parts.into_iter().filter_map(|part| match part {
        Part::Media(media) => Some(media),
        Part::Text(_) => None,
    });
    media.collect()
}

/// `parts` as the content of a user's message: a string where that does, for models that only read take nothing else.
pub(super) fn chat(parts: Vec<Part>) -> String {
    if parts.iter().all(|part| matches!(part, Part::Text(_))) {
        return literal(&joined(&parts));
    }
    let parts = parts.into_iter().map(|part| match part {
        Part::Text(text) => Members::new().raw("type", "\"text\"").raw("text", &literal(&text)).end(),
        Part::Media(media) => media,
    });
    array(&parts.collect::<Vec<_>>())
}
