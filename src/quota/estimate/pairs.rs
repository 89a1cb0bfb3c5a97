//! Which two Han characters make a word that tokenizers know.
//!
//! Characters alone do not tell how many tokens Chinese text is: a newspaper has long words, a novel short ones. What
//! is kept is not a vocabulary but 16 KB of bits, in which one pair in twelve that is no word is taken for one.

use std::sync::LazyLock;

/// The 10,945 words of two characters that are a token in both vocabularies that the tests count with, a line for each
/// first character; written by tests/tokenizers/pairs.py on 2026-11-21.
const WORDS: &str = include_str!("pairs.txt");

/// Bits of the table, as a power of 2 (ours): a larger one would not stay in the processor's first cache.
const BITS: u32 = 17;

/// The set of words.
pub(super) struct Pairs(Box<[u64; 1 << (BITS - 6)]>);

impl Pairs {
    /// The one set, made when it is first asked for (about a tenth of a millisecond).
    pub(super) fn get() -> &'static Self {
        static PAIRS: LazyLock<Pairs> = LazyLock::new(Pairs::new);
        &PAIRS
    }

    fn new() -> Self {
        let mut pairs = Self(Box::new([0; 1 << (BITS - 6)]));
        for line in WORDS.lines() {
            let mut letters = line.chars().map(u32::from);
            let first = letters.next().unwrap_or_default();
            letters.for_each(|second| pairs.insert(first, second));
        }
        pairs
    }

    fn insert(&mut self, first: u32, second: u32) {
        let place = place(first, second);
        self.0[place >> 6] |= 1 << (place & 63);
    }

    /// 1 where the two characters make a word, else 0; 0 for `first` says that there is none.
    pub(super) fn count(&self, first: u32, second: u32) -> u32 {
        let place = place(first, second);
        (self.0[place >> 6] >> (place & 63)) as u32 & u32::from(first != 0)
    }
}

/// The bit of a pair: the top bits of a product with odd numbers (Fibonacci hashing).
fn place(first: u32, second: u32) -> usize {
    let mixed = (first << 16 ^ second).wrapping_mul(0x9E37_79B1);
    (mixed >> (32 - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_words_and_few_others() {
        let pairs = Pairs::get();
        let count = |word: &str| {
            let letters: Vec<u32> = word.chars().map(u32::from).collect();
            pairs.count(letters[0], letters[1])
        };
        assert_eq!(["中国", "我们", "可以", "问题"].map(count), [1, 1, 1, 1]);
        let wrong = (0x4E00..0x9F00_u32).filter(|letter| pairs.count(*letter, letter ^ 0x155) == 1).count();
        assert!(wrong < 20_736 / 10, "{wrong} of 20,736 pairs at random");
    }
}
