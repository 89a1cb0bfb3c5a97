//! Texts as they stand inside JSON string literals. They are carried over with their escapes as they were written, so that
//! nothing is decoded and encoded again on its way. Knows no protocol.

use crate::wire::json;

/// What stands between two texts that become one: a blank line, as an escape.
pub(super) const BREAK: &str = "\\n\\n";

/// The inside of the string literal `value`; `None` when it is something else.
pub(super) fn inside(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// `text` as it stands inside a literal.
pub(super) fn escaped(text: &str) -> String {
    let quoted = json::quote(text);
    inside(&quoted).unwrap_or_default().to_owned()
}

/// The text that `inside` stands for.
pub(super) fn decoded(inside: &str) -> String {
    json::string(&format!("\"{inside}\"")).unwrap_or_default().into_owned()
}

/// Whether nothing but white space stands there, by plain characters or the usual escapes.
pub(super) fn is_blank(inside: &str) -> bool {
    let mut rest = inside.chars();
    while let Some(letter) = rest.next() {
        let is_white = match letter {
            '\\' => matches!(rest.next(), Some('n' | 'r' | 't')),
            letter => letter.is_whitespace(),
        };
        if !is_white {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_escapes() {
        assert_eq!(inside(r#""a\n\"b\"""#), Some(r#"a\n\"b\""#));
        assert_eq!(inside("7"), None);
        assert_eq!((escaped("a\n\"b\""), decoded(r#"a\n\"b\""#)), (r#"a\n\"b\""#.to_owned(), "a\n\"b\"".to_owned()));
        for (text, is) in [("", true), (r" \n\t", true), (r"\\n", false), ("x", false), (r"\u0041", false)] {
            assert_eq!(is_blank(text), is, "{text}");
        }
    }
}
