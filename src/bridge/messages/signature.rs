//! Signatures of thinking blocks. Clients send such blocks back as they got them; where the text was to be left out, the
//! signature is what carries it, as Anthropic's own does.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::words;

/// What ours begin with; the number is for later forms.
const MARK: &str = "flowgate.1.";

/// The signature of a block that has its text.
pub(super) fn plain() -> &'static str {
    MARK
}

/// The signature of a block without a text: `thinking` (as it stands inside JSON) is in it.
pub(super) fn with_text(thinking: &str) -> String {
    format!("{MARK}{}", BASE64_URL_SAFE_NO_PAD.encode(words::decoded(thinking)))
}

/// The text in a signature of ours, as it stands inside JSON; `None` where there is none, as in those of others.
pub(super) fn text(signature: &str) -> Option<String> {
    let carried = signature.strip_prefix(MARK).filter(|carried| !carried.is_empty())?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(carried).ok()?;
    String::from_utf8(bytes).ok().map(|text| words::escaped(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back() {
        assert_eq!(text(&with_text(r#"Oslo 🦊\n\"x\""#)).as_deref(), Some(r#"Oslo 🦊\n\"x\""#));
        for other in [plain(), "", "EqQBCkYIBBgCIkD", "flowgate.1.%%%"] {
            assert_eq!(text(other), None, "{other}");
        }
    }
}
