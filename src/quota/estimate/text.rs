//! The characters of JSON strings: which class each has, and how long Chinese goes on.

use super::characters::{KINDS, decode, hex, kind};
use super::classes::Classes;
use super::features::{Feature, Features};
use super::pairs::Pairs;

/// Counts of the texts seen so far.
#[derive(Default)]
pub(super) struct Text {
    classes: Classes,
    /// Characters outside of ASCII, by [`kind`].
    kinds: [u32; KINDS.len()],
    han_runs: u32,
    han_joined: u32,
    /// The character before, where it is Han; else 0.
    han: u32,
}

impl Text {
    /// Counts the JSON string whose first byte behind the quote is at `at`; returns the place behind its closing quote,
    /// or the end where there is none.
    pub(super) fn scan(&mut self, bytes: &[u8], mut at: usize) -> usize {
        self.begin();
        loop {
            at += self.plain(bytes.get(at..).unwrap_or_default());
            match bytes.get(at) {
                None => return at,
                Some(b'"') => return at + 1,
                Some(b'\\') => at = self.escape(bytes, at + 1),
                Some(0x80..) => at = self.high(bytes, at),
                // No JSON, but it means what it is.
                Some(control) => {
                    self.ascii(*control);
                    at += 1;
                }
            }
        }
    }

    /// Counts `text` as it stands, to its end: a number, a word without quotes.
    pub(super) fn bare(&mut self, text: &[u8]) {
        self.begin();
        self.plain(text);
    }

    /// A text follows nothing.
    fn begin(&mut self) {
        self.classes.interrupt();
        self.han = 0;
    }

    /// Plain ASCII, up to a byte of another kind. Returns how many bytes it took.
    fn plain(&mut self, bytes: &[u8]) -> usize {
        let taken = self.classes.take(bytes);
        if taken > 0 {
            self.han = 0;
        }
        taken
    }

    /// The character that an escape means; `at` is behind the backslash.
    fn escape(&mut self, bytes: &[u8], at: usize) -> usize {
        match bytes.get(at) {
            Some(b'n' | b'r') => self.ascii(b'\n'),
            Some(b't') => self.tab(),
            Some(b'u') => return self.unicode(bytes, at + 1),
            // The quote, the backslash, the slash and two control characters: all of one class.
            Some(0..=0x7F) => self.ascii(b'!'),
            _ => return at,
        }
        at + 1
    }

    /// `\uXXXX`, with the second half of a pair where one follows.
    fn unicode(&mut self, bytes: &[u8], at: usize) -> usize {
        let Some(first) = hex(bytes, at) else {
            self.ascii(b'u');
            return at;
        };
        let second = if bytes.get(at + 4..at + 6) == Some(b"\\u") { hex(bytes, at + 6) } else { None };
        match (first, second) {
            (0xD800..0xDC00, Some(0xDC00..0xE000)) => {
                self.character(0x1_0000);
                at + 10
            }
            _ => {
                self.character(first);
                at + 4
            }
        }
    }

    /// One character by its number.
    fn character(&mut self, code: u32) {
        match u8::try_from(code).ok().filter(u8::is_ascii) {
            Some(b'\t') => self.tab(),
            Some(byte) => self.ascii(byte),
            None => {
                self.outside(code);
                self.classes.interrupt();
            }
        }
    }

    /// An escaped tab.
    fn tab(&mut self) {
        self.classes.tab();
        self.han = 0;
    }

    /// One character of ASCII.
    fn ascii(&mut self, byte: u8) {
        self.classes.character(byte);
        self.han = 0;
    }

    /// Characters in UTF-8 outside of ASCII, from `at`.
    fn high(&mut self, bytes: &[u8], mut at: usize) -> usize {
        while let Some(&lead @ 0x80..) = bytes.get(at) {
            let read = self.han(bytes, at);
            at += read;
            if read == 0 {
                let (code, length) = decode(bytes, at, lead);
                self.outside(code);
                at += length;
            }
        }
        self.classes.interrupt();
        at
    }

    /// The hot loop of Chinese: characters from U+4000 to U+9FFF, all of three bytes. Returns how many bytes it took.
    fn han(&mut self, bytes: &[u8], at: usize) -> usize {
        let (characters, _) = bytes.get(at..).unwrap_or_default().as_chunks();
        let (pairs, mut before, mut known, mut count) = (Pairs::get(), self.han, 0, 0);
        for [lead, one, two] in characters {
            if !(0xE4..=0xE9).contains(lead) {
                break;
            }
            let code = u32::from(lead & 0x0F) << 12 | u32::from(one & 0x3F) << 6 | u32::from(two & 0x3F);
            known += pairs.count(before, code);
            before = code;
            count += 1;
        }
        if count > 0 {
            self.kinds[0] += count;
            self.han_joined += known;
            self.follow_han(before);
        }
        3 * count as usize
    }

    fn outside(&mut self, code: u32) {
        let kind = kind(code);
        self.kinds[kind] += 1;
        if kind > 0 {
            self.han = 0;
            return;
        }
        self.han_joined += Pairs::get().count(self.han, code);
        self.follow_han(code);
    }

    /// What comes stands behind the Han character `code`.
    fn follow_han(&mut self, code: u32) {
        self.han_runs += u32::from(self.han == 0);
        self.han = code;
    }

    /// Adds up what was counted.
    pub(super) fn count_into(&mut self, features: &mut Features) {
        self.classes.count_into(features);
        features.add_all(&KINDS, &self.kinds);
        features.add(Feature::Han, -f64::from(self.han_joined));
        features.add(Feature::HanRun, f64::from(self.han_runs));
        features.add(Feature::HanJoined, f64::from(self.han_joined));
    }
}
