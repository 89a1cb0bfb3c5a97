//! The characters of JSON strings, counted by class and by what they follow. The hot loop of the estimate.
//!
//! A pair of classes says nearly all that tokenizers look at: where words and numbers begin, camelCase, runs of
//! punctuation. Counting pairs needs no branch, so a word's end costs no wrong guess of the processor.

use super::characters::{KINDS, decode, hex, kind};
use super::features::{Feature, Features};
use super::pairs::Pairs;

// Classes of ASCII. Also what a character may follow; the last four are only that.
const LOWER: usize = 0;
const UPPER: usize = 1;
const DIGIT: usize = 2;
const MARK: usize = 3;
const NEWLINE: usize = 4;
const BLANK: usize = 5;
const START: usize = 6;
const INDENT: usize = 7;
const WIDE: usize = 8;
const HAN: usize = 9;

// Bytes that leave the hot loop.
const QUOTE: u8 = 6;
const ESCAPE: u8 = 7;
const HIGH: u8 = 8;

/// The class of every byte.
static CLASS: [u8; 256] = {
    let mut table = [MARK as u8; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' => LOWER as u8,
            b'A'..=b'Z' => UPPER as u8,
            b'0'..=b'9' => DIGIT as u8,
            b' ' | b'\t' => BLANK as u8,
            b'\n' | b'\r' => NEWLINE as u8,
            b'"' => QUOTE,
            b'\\' => ESCAPE,
            0x80.. => HIGH,
            _ => MARK as u8,
        };
        byte += 1;
    }
    table
};

/// A blank behind a blank or behind an indentation, as an index of `pairs` with bit 4 set.
const BLANKS: usize = (INDENT << 3 | BLANK) | 16;

/// Counts of the texts seen so far.
pub(super) struct Text {
    /// How often a class followed another, at `follows << 3 | class`. Four counts in turn: within a word the pair is
    /// always the same, and one count would have to wait until the last was written.
    pairs: [[u32; 4]; 128],
    /// Characters outside of ASCII, by [`kind`].
    kinds: [u32; KINDS.len()],
    han_runs: u32,
    han_joined: u32,
    indents: u32,
}

impl Default for Text {
    fn default() -> Self {
        Self { pairs: [[0; 4]; 128], kinds: [0; KINDS.len()], han_runs: 0, han_joined: 0, indents: 0 }
    }
}

/// Where a text stands.
struct State {
    /// The class of the character before.
    follows: usize,
    /// The character before, where it is Han.
    han: u32,
}

impl Default for State {
    fn default() -> Self {
        Self { follows: START, han: 0 }
    }
}

impl Text {
    /// Counts the JSON string whose first byte behind the quote is at `at`; returns the place behind its closing quote,
    /// or the end where there is none.
    pub(super) fn scan(&mut self, bytes: &[u8], mut at: usize) -> usize {
        let mut state = State::default();
        loop {
            at = self.ascii(bytes, at, &mut state);
            match bytes.get(at) {
                None => return at,
                Some(b'"') => return at + 1,
                Some(b'\\') => at = self.escape(bytes, at + 1, &mut state),
                Some(_) => at = self.high(bytes, at, &mut state),
            }
        }
    }

    /// Counts `text` as it stands, to its end: a number, a word without quotes.
    pub(super) fn bare(&mut self, text: &[u8]) {
        let mut state = State::default();
        self.ascii(text, 0, &mut state);
    }

    /// The hot loop: plain ASCII from `start`, up to a byte of another kind.
    fn ascii(&mut self, bytes: &[u8], start: usize, state: &mut State) -> usize {
        let rest = bytes.get(start..).unwrap_or_default();
        let (mut follows, mut read, mut indents) = (state.follows, 0, 0);
        for &byte in rest {
            let class = usize::from(CLASS[usize::from(byte)]);
            if class > BLANK {
                break;
            }
            let pair = follows << 3 | class;
            if pair | 16 == BLANKS {
                indents += u32::from(follows == BLANK);
                follows = INDENT;
            } else {
                self.pairs[pair & 127][read & 3] += 1;
                follows = class;
            }
            read += 1;
        }
        if read > 0 {
            *state = State { follows, han: 0 };
            self.indents += indents;
        }
        start + read
    }

    /// The character that an escape means; `at` is behind the backslash.
    fn escape(&mut self, bytes: &[u8], at: usize, state: &mut State) -> usize {
        let code = match bytes.get(at) {
            Some(b'n') => 10,
            Some(b't') => 9,
            Some(b'r') => 13,
            Some(b'u') => return self.unicode(bytes, at + 1, state),
            // The quote, the backslash, the slash and two control characters: all of one class.
            Some(0..=0x7F) => u32::from(b'!'),
            _ => return at,
        };
        self.character(code, state);
        at + 1
    }

    /// `\uXXXX`, with the second half of a pair where one follows.
    fn unicode(&mut self, bytes: &[u8], at: usize, state: &mut State) -> usize {
        let Some(first) = hex(bytes, at) else {
            self.character(u32::from(b'u'), state);
            return at;
        };
        let second = if bytes.get(at + 4..at + 6) == Some(b"\\u") { hex(bytes, at + 6) } else { None };
        match (first, second) {
            (0xD800..0xDC00, Some(0xDC00..0xE000)) => {
                self.outside(0x1_0000, state);
                at + 10
            }
            _ => {
                self.character(first, state);
                at + 4
            }
        }
    }

    /// One character by its number.
    fn character(&mut self, code: u32, state: &mut State) {
        match u8::try_from(code).ok().filter(u8::is_ascii) {
            // A tab begins a level of indentation where blanks need to be two.
            Some(b'\t') if state.follows == NEWLINE => {
                self.indents += 1;
                *state = State { follows: INDENT, ..State::default() };
            }
            Some(b'"' | b'\\') => self.plain(b'!', state),
            Some(byte) => self.plain(byte, state),
            None => self.outside(code, state),
        }
    }

    /// One character of ASCII, as the hot loop takes it.
    fn plain(&mut self, byte: u8, state: &mut State) {
        let class = usize::from(CLASS[usize::from(byte)]);
        let pair = state.follows << 3 | class;
        let mut follows = class;
        if pair | 16 == BLANKS {
            self.indents += u32::from(state.follows == BLANK);
            follows = INDENT;
        } else {
            self.pairs[pair & 127][0] += 1;
        }
        *state = State { follows, han: 0 };
    }

    /// Characters in UTF-8 outside of ASCII, from `at`.
    fn high(&mut self, bytes: &[u8], mut at: usize, state: &mut State) -> usize {
        while let Some(&lead @ 0x80..) = bytes.get(at) {
            let read = self.han(bytes, at, state);
            at += read;
            if read == 0 {
                let (code, length) = decode(bytes, at, lead);
                self.outside(code, state);
                at += length;
            }
        }
        at
    }

    /// The hot loop of Chinese: characters from U+4000 to U+9FFF, all of three bytes. Returns how many bytes it took.
    fn han(&mut self, bytes: &[u8], at: usize, state: &mut State) -> usize {
        let (characters, _) = bytes.get(at..).unwrap_or_default().as_chunks();
        let (pairs, mut before, mut known, mut count) = (Pairs::get(), state.han, 0, 0);
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
            self.han_runs += u32::from(state.han == 0);
            *state = State { follows: HAN, han: before };
        }
        3 * count as usize
    }

    fn outside(&mut self, code: u32, state: &mut State) {
        let kind = kind(code);
        self.kinds[kind] += 1;
        if kind > 0 {
            *state = State { follows: WIDE, ..State::default() };
            return;
        }
        self.han_runs += u32::from(state.han == 0);
        self.han_joined += Pairs::get().count(state.han, code);
        *state = State { follows: HAN, han: code };
    }

    /// Adds up what was counted.
    pub(super) fn count_into(&self, features: &mut Features) {
        for (feature, count) in KINDS.into_iter().zip(self.kinds) {
            features.add(feature, f64::from(count));
        }
        features.add(Feature::Han, -f64::from(self.han_joined));
        for (feature, count) in
            [(Feature::HanRun, self.han_runs), (Feature::HanJoined, self.han_joined), (Feature::Indent, self.indents)]
        {
            features.add(feature, f64::from(count));
        }
        // No class stands in the rows behind the last.
        for (pair, counts) in self.pairs.iter().enumerate().take((HAN + 1) << 3) {
            let count: u32 = counts.iter().sum();
            if count > 0 {
                count_pair(pair >> 3, pair & 7, f64::from(count), features);
            }
        }
    }
}

/// What it means that a character of `class` stands behind `follows`.
fn count_pair(follows: usize, class: usize, count: f64, features: &mut Features) {
    let is_blank = matches!(follows, BLANK | INDENT);
    match (follows, class) {
        (LOWER, UPPER) => features.add(Feature::Camel, count),
        (UPPER, UPPER) => features.add(Feature::Capital, count),
        (LOWER | UPPER, LOWER) => {}
        (_, LOWER | UPPER) => {
            features.add(Feature::Word, count);
            features.add(Feature::Tangled, if follows == DIGIT { count } else { 0.0 });
        }
        (_, DIGIT) => {
            features.add(Feature::Digit, count);
            features.add(Feature::Number, if follows == DIGIT { 0.0 } else { count });
            features.add(Feature::SpacedNumber, if is_blank { count } else { 0.0 });
            features.add(Feature::Tangled, if follows <= UPPER { count } else { 0.0 });
        }
        (MARK, MARK) => features.add(Feature::MorePunctuation, count),
        (_, MARK) => features.add(Feature::Punctuation, count),
        (NEWLINE, NEWLINE) => {}
        (_, NEWLINE) => features.add(Feature::Newline, count),
        _ => {}
    }
}
