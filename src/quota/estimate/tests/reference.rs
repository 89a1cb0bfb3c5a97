//! Counting by blocks gives what counting one character after another gives, for any text, whole or cut.

use proptest::prelude::*;

use super::super::characters::{KINDS, kind};
use super::super::pairs::Pairs;
use super::super::text::Text;
use super::super::{Feature, Features};

/// A character as its number; an escaped tab is told from a blank.
#[derive(Clone, Copy, PartialEq)]
enum Read {
    Plain(u32),
    EscapedTab,
}

/// The JSON string that `raw` begins with, behind its first quote; and how many bytes it is with the last quote.
fn read(raw: &str) -> (Vec<Read>, usize) {
    let (mut seen, mut at) = (Vec::new(), 0);
    while let Some(letter) = raw[at..].chars().next() {
        at += letter.len_utf8();
        match letter {
            '"' => return (seen, at),
            '\\' => at += read_escape(&raw[at..], &mut seen),
            _ => seen.push(Read::Plain(letter.into())),
        }
    }
    (seen, at)
}

/// The escape whose backslash was before `rest`. Returns how many bytes it is.
fn read_escape(rest: &str, seen: &mut Vec<Read>) -> usize {
    let (read, length) = match rest.bytes().next() {
        Some(b'n' | b'r') => (Read::Plain(10), 1),
        Some(b't') => (Read::EscapedTab, 1),
        Some(b'u') => match (number(&rest[1..]), second_half(rest)) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => (Read::Plain(0x1_0000), 11),
            (Some(9), _) => (Read::EscapedTab, 5),
            (Some(number), _) => (Read::Plain(number), 5),
            (None, _) => (Read::Plain('u'.into()), 1),
        },
        Some(byte) if byte.is_ascii() => (Read::Plain('!'.into()), 1),
        _ => return 0,
    };
    seen.push(read);
    length
}

fn number(digits: &str) -> Option<u32> {
    let digits = digits.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

fn second_half(rest: &str) -> Option<u32> {
    number(rest.get(5..)?.strip_prefix("\\u")?)
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Outside,
    Small,
    Capital,
    Digit,
    Mark,
    Newline,
    Blank,
    /// A blank of an indentation that was counted.
    Indent,
}

fn class(character: u32) -> Class {
    match u8::try_from(character).map(char::from) {
        Ok('a'..='z') => Class::Small,
        Ok('A'..='Z') => Class::Capital,
        Ok('0'..='9') => Class::Digit,
        Ok('\n' | '\r') => Class::Newline,
        Ok(' ' | '\t') => Class::Blank,
        Ok('\0'..='\x7F') => Class::Mark,
        _ => Class::Outside,
    }
}

/// Counts the string that `raw` begins with; how long it is with its quote.
fn count(raw: &str, features: &mut Features) -> usize {
    let (text, length) = read(raw);
    let (mut last, mut han) = (Class::Outside, 0);
    for read in text {
        let character = if let Read::Plain(character) = read { character } else { 9 };
        let mut this = class(character);
        if this == Class::Blank && is_indent(read, last) {
            this = Class::Indent;
        }
        if this == Class::Outside {
            count_outside(character, han, features);
        } else {
            count_class(last, this, features);
        }
        han = if this == Class::Outside && kind(character) == 0 { character } else { 0 };
        last = this;
    }
    length
}

fn is_indent(read: Read, last: Class) -> bool {
    matches!(last, Class::Blank | Class::Indent) || read == Read::EscapedTab && last == Class::Newline
}

fn count_outside(character: u32, han: u32, features: &mut Features) {
    let kind = KINDS[kind(character)];
    if kind != Feature::Han {
        return features.add(kind, 1.0);
    }
    features.add(Feature::HanRun, f64::from(u8::from(han == 0)));
    let is_joined = Pairs::get().count(han, character) == 1;
    features.add(if is_joined { Feature::HanJoined } else { Feature::Han }, 1.0);
}

fn count_class(last: Class, this: Class, features: &mut Features) {
    use Class::{Blank, Capital, Digit, Indent, Mark, Newline, Small};
    let mut add = |feature: Feature, is: bool| features.add(feature, f64::from(u8::from(is)));
    let (is_letter, was_letter) = (matches!(this, Small | Capital), matches!(last, Small | Capital));
    add(Feature::Word, is_letter && !was_letter);
    add(Feature::Camel, this == Capital && last == Small);
    add(Feature::Capital, this == Capital && last == Capital);
    add(Feature::Tangled, is_letter && last == Digit || this == Digit && was_letter);
    add(Feature::Digit, this == Digit);
    add(Feature::Number, this == Digit && last != Digit);
    add(Feature::SpacedNumber, this == Digit && matches!(last, Blank | Indent));
    add(Feature::Punctuation, this == Mark && last != Mark);
    add(Feature::MorePunctuation, this == Mark && last == Mark);
    add(Feature::Newline, this == Newline && last != Newline);
    add(Feature::Indent, this == Indent && last != Indent);
}

/// Counts strings one behind the other, as a walk does, and compares.
fn check(strings: &[String]) {
    let (mut text, mut found, mut expected) = (Text::default(), Features::default(), Features::default());
    for string in strings {
        let length = count(string, &mut expected);
        assert_eq!(text.scan(string.as_bytes(), 0), length, "{string:?}");
    }
    text.count_into(&mut found);
    assert_eq!(found.counts().map(f64::to_bits), expected.counts().map(f64::to_bits), "{strings:?}");
}

/// Pieces of raw JSON strings: all classes in all orders, escapes whole and broken, all scripts.
fn raw() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,40}",
        "[a-zA-Z0-9 .,;]{1,40}",
        "([a-zA-Z0-9]|[ \\t\\n]|[!-/:-@]){1,20}",
        "[\\x00-\\x7F]{1,20}",
        "[ \\t\\r\\n]{1,5}",
        "(\\\\[ntrbfu/\"\\\\x]){1,3}",
        "\\\\u[0-9a-fA-F]{0,4}",
        "\\\\u00[0-7][0-9a-fA-F]",
        "\\\\u[4-9][0-9a-f]{3}",
        "\\\\u[dD][89ab][0-9a-f]{2}(\\\\u[dD][c-f][0-9a-f]{2}){0,1}",
        "[一-龥]{1,8}",
        "(中国|我们|问题|，|。|“|㐀|豈|é|Ж|ひ|한|ไ|😀|𠀀){1,4}",
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn blocks_count_as_characters_do(mut strings in prop::collection::vec(raw(), 1..6), cut in 0_usize..200) {
        if let Some(last) = strings.last_mut() {
            last.truncate(last.floor_char_boundary(cut));
        }
        check(&strings);
    }

    /// More of one thing than a block, and than what is kept before it is counted.
    #[test]
    fn long_texts_count_as_characters_do(piece in raw(), times in 1_usize..200) {
        check(&[piece.replace('"', "").repeat(times)]);
    }
}

#[test]
fn one_thing_over_and_over() {
    for piece in [
        "a", "A", "1", "!", " ", "\\n", "\\t", "\n", "aA", "a1", " 1", "! ", "a ", "\\n!", "\\n\\t", "   a", "中",
        "中国a", "é",
    ] {
        [1, 15, 16, 17, 239, 240, 241, 256, 5_000].into_iter().for_each(|times| check(&[piece.repeat(times)]));
    }
}
