//! The size of a picture from the first bytes of its base64, and its tokens by Qwen-VL's rule.
//!
//! Nothing is decoded but the few bytes that hold width and height; what it cannot read it leaves to a prior.

/// Pixels of one side of the square that becomes one token: patches of 14 pixels, merged two by two
/// (`patch_size` and `merge_size` in preprocessor_config.json of Qwen2-VL and Qwen2.5-VL, read 2026-11-21; Qwen3-VL
/// has 16 and 2, a difference that calibration learns as a factor).
const SIDE: f64 = 28.0;

/// Fewest pixels of a picture that the model sees (`min_pixels` there).
const LEAST_PIXELS: f64 = 3_136.0;

/// Most pixels of a picture that the model sees (`max_pixels` there).
const MOST_PIXELS: f64 = 12_845_056.0;

/// Tokens of a picture in low detail. That `low` and `auto` mean low detail, `high` and nothing high, is SiliconFlow's
/// vision guide (docs.siliconflow.cn, userguide/capabilities/vision, read 2026-11-21); that low is 448 by 448 pixels
/// is UNVERIFIED and corrected by what is learned.
pub(super) const LOW_TOKENS: f64 = 256.0;

/// Tokens of a picture of `width` by `height` pixels, by `smart_resize` of qwen-vl-utils: each side is rounded to
/// the grid, and both are scaled together where the picture has too few or too many pixels.
pub(super) fn tokens(width: u32, height: u32) -> f64 {
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let grid = |scale: f64, round: fn(f64) -> f64| {
        let side = |pixels: f64| (round(pixels * scale / SIDE)).max(1.0);
        side(width) * side(height)
    };
    let rounded = grid(1.0, f64::round_ties_even);
    let pixels = rounded * SIDE * SIDE;
    if pixels > MOST_PIXELS {
        grid((MOST_PIXELS / (width * height)).sqrt(), f64::floor).min(MOST_PIXELS / SIDE / SIDE)
    } else if pixels < LEAST_PIXELS {
        grid((LEAST_PIXELS / (width * height)).sqrt(), f64::ceil).min(MOST_PIXELS / SIDE / SIDE)
    } else {
        rounded
    }
}

/// Width and height in pixels of the picture whose base64 is `base64`: PNG, GIF, JPEG or WebP.
pub(super) fn dimensions(base64: &[u8]) -> Option<(u32, u32)> {
    let head = &base64[..base64.len().min(LONGEST_HEAD)];
    if memchr::memchr(b'\\', head).is_none() {
        return read(&Bytes(base64));
    }
    // PHP writes `\/` for every slash, and the base64 of a JPEG begins with one.
    let mut plain = [0; LONGEST_HEAD];
    let slots = plain.iter_mut();
    slots.zip(head.iter().filter(|byte| **byte != b'\\')).for_each(|(slot, byte)| *slot = *byte);
    read(&Bytes(&plain))
}

/// Bytes of base64 in which escapes are undone (ours): enough for all but JPEGs with large previews.
const LONGEST_HEAD: usize = 4096;

fn read(picture: &Bytes<'_>) -> Option<(u32, u32)> {
    let head = picture.take::<12>(0)?;
    match head {
        [0x89, b'P', b'N', b'G', ..] => Some((picture.big(16, 4)?, picture.big(20, 4)?)),
        [b'G', b'I', b'F', b'8', ..] => Some((picture.little(6, 2)?, picture.little(8, 2)?)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => webp(picture),
        [0xFF, 0xD8, ..] => jpeg(picture),
        _ => None,
    }
    .filter(|(width, height)| *width > 0 && *height > 0)
}

/// The three kinds of WebP (RFC 9649): lossy, lossless, extended.
fn webp(picture: &Bytes<'_>) -> Option<(u32, u32)> {
    match &picture.take::<4>(12)? {
        b"VP8 " => Some((picture.little(26, 2)? & 0x3FFF, picture.little(28, 2)? & 0x3FFF)),
        b"VP8L" => {
            let bits = picture.little(21, 4)?;
            Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        }
        b"VP8X" => Some((picture.little(24, 3)? + 1, picture.little(27, 3)? + 1)),
        _ => None,
    }
}

/// Segments of a JPEG that are looked at before giving up (ours); real files have about ten.
const MOST_SEGMENTS: usize = 64;

/// Hops from segment to segment (ITU-T T.81) to the frame header; what lies between is not decoded.
fn jpeg(picture: &Bytes<'_>) -> Option<(u32, u32)> {
    let mut at = 2;
    for _ in 0..MOST_SEGMENTS {
        let [mark, code] = picture.take::<2>(at)?;
        match (mark, code) {
            (0xFF, 0xFF) => at += 1,
            // Every frame header but the tables that share its row: C4, C8, CC.
            (0xFF, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF) => {
                return Some((picture.big(at + 7, 2)?, picture.big(at + 5, 2)?));
            }
            (0xFF, _) => at += 2 + usize::try_from(picture.big(at + 2, 2)?).ok()?.max(2),
            _ => return None,
        }
    }
    None
}

/// Bytes in base64, decoded one at a time where they are asked for.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&self, index: usize) -> Option<u8> {
        let bit = index % 3 * 8;
        let digit = |offset: usize| self.digit(index / 3 * 4 + offset);
        let at = bit / 6;
        let pair = u16::from(digit(at)?) << 6 | u16::from(digit(at + 1)?);
        u8::try_from(pair >> (4 - bit % 6) & 0xFF).ok()
    }

    fn digit(&self, index: usize) -> Option<u8> {
        match *self.0.get(index)? {
            letter @ b'A'..=b'Z' => Some(letter - b'A'),
            letter @ b'a'..=b'z' => Some(letter - b'a' + 26),
            digit @ b'0'..=b'9' => Some(digit - b'0' + 52),
            b'+' | b'-' => Some(62),
            b'/' | b'_' => Some(63),
            _ => None,
        }
    }

    fn take<const N: usize>(&self, from: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        for (offset, byte) in bytes.iter_mut().enumerate() {
            *byte = self.byte(from + offset)?;
        }
        Some(bytes)
    }

    /// `length` bytes, the highest first.
    fn big(&self, from: usize, length: usize) -> Option<u32> {
        (from..from + length).try_fold(0, |number, index| Some(number << 8 | u32::from(self.byte(index)?)))
    }

    /// `length` bytes, the lowest first.
    fn little(&self, from: usize, length: usize) -> Option<u32> {
        (from..from + length).rev().try_fold(0, |number, index| Some(number << 8 | u32::from(self.byte(index)?)))
    }
}
