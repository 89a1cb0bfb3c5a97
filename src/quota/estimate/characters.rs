//! Characters outside of ASCII: how they are written and which script they belong to.

use super::features::Feature;

/// The features of the characters outside of ASCII; [`kind`] returns places in it.
pub(super) const KINDS: [Feature; 8] = [
    Feature::Han,
    Feature::FullWidth,
    Feature::Kana,
    Feature::Hangul,
    Feature::Alphabet,
    Feature::Accented,
    Feature::Thin,
    Feature::Wide,
];

/// Which of [`KINDS`] a character is (blocks of the Unicode Standard, version 17).
pub(super) fn kind(code: u32) -> usize {
    match code {
        0x3400..=0x9FFF | 0xF900..=0xFAFF => 0,
        0x2010..=0x203A | 0x3000..=0x303F | 0xFF00..=0xFF65 => 1,
        0x3040..=0x30FF | 0x31F0..=0x31FF | 0xFF66..=0xFF9F => 2,
        0xAC00..=0xD7A3 | 0x1100..=0x11FF | 0x3130..=0x318F => 3,
        0x0250..=0x07FF => 4,
        0x0080..=0x024F | 0x1E00..=0x1EFF => 5,
        0x1_0000.. => 7,
        _ => 6,
    }
}

/// The character that begins with `lead` at `at`, and its length in bytes. The text is UTF-8 already; a piece of it
/// still decodes to something.
pub(super) fn decode(bytes: &[u8], at: usize, lead: u8) -> (u32, usize) {
    let next = |offset: usize| u32::from(bytes.get(at + offset).copied().unwrap_or(0x80) & 0x3F);
    match lead {
        0xC0..=0xDF => (u32::from(lead & 0x1F) << 6 | next(1), 2),
        0xE0..=0xEF => (u32::from(lead & 0x0F) << 12 | next(1) << 6 | next(2), 3),
        0xF0.. => (0x1_0000, 4),
        _ => (0xFFFD, 1),
    }
}

/// Four hexadecimal digits at `at`.
pub(super) fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}
