//! Names from requests, made fit for logs and traces. Pure.

use std::fmt::{self, Write};

/// Letters of a name that are shown (ours): longer ones are no model's.
const MOST_LETTERS: usize = 200;

/// A name from a request, as it may stand in a log: what would end the line or move a terminal's cursor
/// is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |letter: &char| !letter.is_control() && !matches!(letter, '\u{2028}' | '\u{2029}');
        self.0.chars().take(MOST_LETTERS).try_for_each(|letter| {
            formatter.write_char(if is_plain(&letter) { letter } else { char::REPLACEMENT_CHARACTER })
        })
    }
}
