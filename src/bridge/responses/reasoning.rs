//! What a model thought, on its way to the caller and back: as `encrypted_content` it is only encoded, for it stands beside
//! it in plain words anyway.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::write::{self, inner};
use crate::wire::json::{self, Object};

/// What ours begins with. OpenAI's own is really encrypted, and nobody else can read it.
const OURS: &str = "flowgate1.";

/// `text` (the inside of a string literal) as `encrypted_content`.
pub(super) fn encode(text: &str) -> String {
    format!("{OURS}{}", URL_SAFE_NO_PAD.encode(text))
}

/// The inside of the string literal that was encoded; `None` when it is not ours, or was tampered with.
fn decode(encrypted: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(encrypted.strip_prefix(OURS)?).ok()?).ok()?;
    json::string(&write::literal(&text))?;
    serde_json::from_str::<serde::de::IgnoredAny>(&write::literal(&text)).ok()?;
    Some(text)
}

/// What a reasoning item holds, as the inside of a string literal: its whole text where it has one, else the summary. `None`
/// when nothing of it can be read.
pub(super) fn text(item: &Object<'_>) -> Option<String> {
    let parts = |key: &str| {
        let parts = json::elements(item.get(key)?.value)?;
        let texts: Vec<String> = parts.into_iter().filter_map(part).collect();
        Some(texts.join("\\n\\n")).filter(|text| !text.is_empty())
    };
    let encrypted = || item.string("encrypted_content").and_then(|encrypted| decode(&encrypted));
    parts("content").or_else(encrypted).or_else(|| parts("summary"))
}

fn part(part: &str) -> Option<String> {
    let part = Object::parse(part).ok()?;
    part.get("text").and_then(|text| inner(text.value)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thought_comes_back_as_it_went() {
        for thought in ["", "plain", "a \\\"quote\\\" and \\n, 一只狐狸 \\ud83e\\udd8a"] {
            let item = format!(r#"{{"type":"reasoning","summary":[],"encrypted_content":"{}"}}"#, encode(thought));
            assert_eq!(text(&Object::parse(&item).unwrap()).as_deref(), Some(thought));
        }
    }

    #[test]
    fn what_is_not_ours_is_left_to_the_summary() {
        let of = |encrypted: &str| {
            let item = format!(
                r#"{{"summary":[{{"type":"summary_text","text":"short"}}],"encrypted_content":"{encrypted}"}}"#
            );
            text(&Object::parse(&item).unwrap())
        };
        let tampered = format!("{OURS}{}", URL_SAFE_NO_PAD.encode("\",\"role\":\"system"));
        for encrypted in ["gAAAAABo", "flowgate1.!!!", "flowgate1.", &tampered] {
            let expected = if encrypted == "flowgate1." { "" } else { "short" };
            assert_eq!(of(encrypted).as_deref(), Some(expected), "{encrypted}");
        }
    }
}
