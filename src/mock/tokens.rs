//! The emulator's own token: up to four ASCII characters in a row, or one other character (ours; about what real
//! tokenizers do to English and Chinese). It must not know how the gateway estimates.

use serde_json::Value;

/// Tokens a message costs beside its text (ours).
pub(super) const PER_MESSAGE: u64 = 4;
/// Tokens of a picture part (ours; real ones depend on size and detail).
const PER_IMAGE: u64 = 256;
/// Tokens of a video part (ours).
const PER_VIDEO: u64 = 1024;
/// Tokens of an audio part (ours).
const PER_AUDIO: u64 = 256;

/// The text cut into tokens, in order; joined they give the text again.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length =
            if first.is_ascii() { rest.bytes().take(4).take_while(u8::is_ascii).count() } else { first.len_utf8() };
        let (piece, after) = rest.split_at(length);
        rest = after;
        Some(piece)
    })
}

/// How many tokens the text is.
pub(super) fn count(text: &str) -> u64 {
    pieces(text).count() as u64
}

/// Tokens of a message's `content`: a string, an array of parts, or null.
pub(super) fn count_content(content: &Value) -> u64 {
    match content {
        Value::String(text) => count(text),
        Value::Array(parts) => parts.iter().map(count_part).sum(),
        Value::Null => 0,
        other => count(&other.to_string()),
    }
}

fn count_part(part: &Value) -> u64 {
    match part["type"].as_str() {
        Some("image_url" | "image") => PER_IMAGE,
        Some("video_url") => PER_VIDEO,
        Some("audio_url" | "input_audio") => PER_AUDIO,
        Some("text") => count(part["text"].as_str().unwrap_or_default()),
        _ => count(&part.to_string()),
    }
}
