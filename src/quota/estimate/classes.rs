//! The characters of texts as classes, a bit for each, and what is counted of them: the hot loop of the estimate.
//!
//! A class and the one before it say nearly all that tokenizers look at: where words and numbers begin, camelCase, runs
//! of punctuation. Neither finding classes nor counting them has a branch in it, so that the compiler does both for
//! sixteen characters at once, and a word's end costs no wrong guess of the processor.

use super::features::{Feature, Features};

// The classes. Their bits lie where [`look_at`] wants them, which finds two things four bits apart in one byte.
const DIGIT: u8 = 0x01;
const MARK: u8 = 0x10;
const BLANK: u8 = 0x02;
/// A letter that has this bit too is a capital: the bit that a small letter has and a capital has not.
const CAPITAL: u8 = 0x20;
const LETTER: u8 = 0x04;
const NEWLINE: u8 = 0x40;
/// What is counted elsewhere, and the place before a text.
const NONE: u8 = 0;
/// Only bytes that are no plain character have this bit.
const STOP: u8 = 0x80;

/// The class of a byte that may be plain.
fn class(byte: u8) -> u8 {
    let only = |is: bool, class: u8| if is { class } else { 0 };
    let letter = only((byte | CAPITAL).wrapping_sub(b'a') < 26, LETTER | !byte & CAPITAL);
    let digit = only(byte.wrapping_sub(b'0') < 10, DIGIT);
    let class = letter | digit | only(byte == b' ', BLANK);
    // Bytes outside of ASCII are negative.
    let is_stop = (byte == b'"') | (byte == b'\\') | (byte.cast_signed() < 0x20);
    class | only(class == 0, MARK) | only(is_stop, STOP)
}

/// Characters that are looked at together.
const LANES: usize = 16;

/// Classes kept before they are counted (ours): fifteen for each lane are as many as four bits can count.
const ROOM: usize = 15 * LANES;

/// What is counted, in the order of [`look_at`], two to a byte.
const COUNTED: [Feature; 12] = [
    Feature::Number,
    Feature::Punctuation,
    Feature::Digit,
    Feature::MorePunctuation,
    Feature::Word,
    Feature::Newline,
    Feature::Indent,
    Feature::Capital,
    Feature::SpacedNumber,
    Feature::Camel,
    Feature::Tangled,
    Feature::Tangled,
];

/// The classes of the texts seen so far, most of them counted already.
pub(super) struct Classes {
    /// The last two that were counted, and `length` that are not.
    kept: [u8; 2 + ROOM],
    length: usize,
    counts: [u32; COUNTED.len()],
}

impl Default for Classes {
    fn default() -> Self {
        Self { kept: [NONE; 2 + ROOM], length: 0, counts: [0; COUNTED.len()] }
    }
}

impl Classes {
    /// What comes follows nothing that is counted here.
    pub(super) fn interrupt(&mut self) {
        self.push(NONE);
    }

    /// One character of ASCII, whatever it is.
    pub(super) fn character(&mut self, byte: u8) {
        match byte {
            b'\n' | b'\r' => self.push(NEWLINE),
            b'\t' => self.push(BLANK),
            _ => self.push(match class(byte) {
                plain @ 0..STOP => plain,
                _ => MARK,
            }),
        }
    }

    /// A tab begins a level of indentation where blanks need to be two.
    pub(super) fn tab(&mut self) {
        if self.kept[1 + self.length] == NEWLINE {
            self.push(BLANK);
        }
        self.push(BLANK);
    }

    fn push(&mut self, class: u8) {
        let length = self.room_for(1);
        self.kept[2 + length] = class;
        self.length += 1;
    }

    /// Takes the plain characters that `bytes` begins with; returns how many there are.
    // Inside of its caller, which may come here for every third byte.
    #[inline(always)]
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some((block, behind)) = rest.split_first_chunk() {
            let plain = self.take_block(*block);
            if plain < LANES {
                return bytes.len() - rest.len() + plain;
            }
            rest = behind;
        }
        bytes.len() - rest.len() + self.take_last(rest)
    }

    fn take_block(&mut self, mut block: [u8; LANES]) -> usize {
        let length = self.room_for(LANES);
        block.iter_mut().for_each(|byte| *byte = class(*byte));
        // What stands behind the plain ones is overwritten by what comes next.
        self.kept[2 + length..][..LANES].copy_from_slice(&block);
        let stops = u128::from_le_bytes(block) & u128::from_le_bytes([STOP; LANES]);
        let plain = stops.trailing_zeros() as usize / 8;
        self.length += plain;
        plain
    }

    /// Takes fewer bytes than a block has, with a stop behind them.
    #[inline(never)]
    fn take_last(&mut self, bytes: &[u8]) -> usize {
        let mut block = [b'"'; LANES];
        block.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
        self.take_block(block)
    }

    /// How many are kept, when there is room for so many more.
    fn room_for(&mut self, classes: usize) -> usize {
        if self.length > ROOM - classes {
            self.count();
            self.length = 0;
        }
        self.length
    }

    /// Counts what is kept; of that, only the last two are kept on.
    #[inline(never)]
    fn count(&mut self) {
        let (length, end) = (self.length, self.length.next_multiple_of(LANES));
        self.kept[2 + length..2 + end].fill(NONE);
        let blocks = |start: usize| self.kept[start..start + end].as_chunks().0;
        let sums = add_up(blocks(0), blocks(1), blocks(2));
        for (counts, sums) in self.counts.as_chunks_mut().0.iter_mut().zip(sums) {
            let [low, high] = counts;
            let both = u128::from_le_bytes(sums);
            *low += sum_of_halves(both);
            *high += sum_of_halves(both >> 4);
        }
        (self.kept[0], self.kept[1]) = (self.kept[length], self.kept[length + 1]);
    }

    /// Adds up what was counted.
    pub(super) fn count_into(&mut self, features: &mut Features) {
        self.count();
        features.add_all(&COUNTED, &self.counts);
        // Digits behind digits were counted, and those that begin a number apart.
        features.add(Feature::Digit, f64::from(self.counts[0]));
    }
}

/// The sum of the lower halves of all bytes, which is less than 256.
fn sum_of_halves(bytes: u128) -> u32 {
    let halves = bytes & u128::from_le_bytes([0x0F; LANES]);
    let eight = halves as u64 + (halves >> 64) as u64;
    // The highest byte of this product is the sum of the eight.
    (eight.wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32
}

/// Counts classes by lane, each with the one before it and the one before that; two counts in a byte, of four bits each.
fn add_up(
    before_last: &[[u8; LANES]],
    last: &[[u8; LANES]],
    these: &[[u8; LANES]],
) -> [[u8; LANES]; COUNTED.len() / 2] {
    let mut sums = [[0; LANES]; COUNTED.len() / 2];
    for ((before_last, last), these) in before_last.iter().zip(last).zip(these) {
        for lane in 0..LANES {
            let both = look_at(before_last[lane], last[lane], these[lane]);
            (0..both.len()).for_each(|index| sums[index][lane] += both[index]);
        }
    }
    sums
}

/// What it means that a character of class `this` stands behind one of class `last`: at [`DIGIT`] and [`MARK`], whose bits
/// are the lowest of each half, two things that are counted.
fn look_at(before_last: u8, last: u8, this: u8) -> [u8; COUNTED.len() / 2] {
    const BOTH: u8 = DIGIT | MARK;
    let (begun, gone_on) = (this & !last, this & last);
    let spaced = this & (last >> 1) & DIGIT;
    let camel = (begun >> 1) & (gone_on << 2) & MARK;
    let tangled = (this & (last >> 2) | (this >> 2) & last) & DIGIT;
    [
        begun & BOTH,
        gone_on & BOTH,
        (begun >> 2) & BOTH,
        ((gone_on & !(before_last & BLANK)) >> 1) & BOTH,
        spaced | camel,
        tangled,
    ]
}
