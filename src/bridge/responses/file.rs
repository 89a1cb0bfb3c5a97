//! Files in a message: a text becomes text, a PDF goes to the one kind of model that reads it, anything else is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::content::{Part, Place, media};
use super::error::unsupported;
use super::write::{Members, inner};
use crate::bridge::BridgeError;
use crate::wire::json::{self, Object};

/// Media types besides `text/…` that are text (ours).
const TEXTS: &[&str] = &[
    "application/json",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/javascript",
    "application/x-sh",
    "application/x-ndjson",
];

/// An `input_file` part.
///
/// # Errors
/// [`BridgeError`] when there is no data in it, or such that the model cannot read.
pub(super) fn read(part: &Object<'_>, place: Place<'_>) -> Result<Part, BridgeError> {
    let param = format!("{}.file_data", place.param);
    let data = part.string("file_data").filter(|data| !data.is_empty());
    let data = data.ok_or_else(|| {
        unsupported(&param, "A file has to be sent along as `file_data` (a data URL): this gateway keeps no files for prompts (`file_id`) and fetches none (`file_url`).")
    })?;
    let name = part.string("filename").unwrap_or_default();
    let (kind, encoded) = split(&data, &name);
    if kind == "application/pdf" {
        return pdf(part, place, &param);
    }
    if !kind.starts_with("text/") && !TEXTS.contains(&kind) {
        return Err(unsupported(
            &param,
            format!("A file of the type `{}` cannot be given to a model: send text or a PDF.", short(kind)),
        ));
    }
    let text = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| unsupported(&param, "The file's data is not base64 of UTF-8 text."))?;
    let headed = if name.is_empty() { text } else { format!("{name}:\n\n{text}") };
    let quoted = json::quote(&headed);
    Ok(Part::Text(inner(&quoted).unwrap_or_default().to_owned()))
}

/// SiliconFlow: deepseek-ai/DeepSeek-OCR takes PDFs where others take pictures (siliconflow-api.md, section 2).
fn pdf(part: &Object<'_>, place: Place<'_>, param: &str) -> Result<Part, BridgeError> {
    let data = part.get("file_data").map(|data| data.value).unwrap_or_default();
    if place.model.contains("DeepSeek-OCR") && data.starts_with("\"data:") {
        return Ok(media("image_url", &Members::new().raw("url", data).end()));
    }
    Err(unsupported(
        param,
        format!(
            "`{}` reads no PDFs; deepseek-ai/DeepSeek-OCR does, as a data URL. Send the text of the file in its place.",
            short(place.model)
        ),
    ))
}

/// The media type and what is encoded. Without a data URL the name says what it is.
fn split<'a>(data: &'a str, name: &str) -> (&'a str, &'a str) {
    if let Some((head, encoded)) = data.strip_prefix("data:").and_then(|data| data.split_once(',')) {
        return (head.split(';').next().unwrap_or_default(), encoded);
    }
    let is_pdf = name.to_ascii_lowercase().ends_with(".pdf") || data.starts_with("JVBERi");
    (if is_pdf { "application/pdf" } else { "text/plain" }, data)
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
