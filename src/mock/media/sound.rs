//! Tiny sounds in real containers: a tone whose length follows the text.

use bytes::Bytes;

/// Milliseconds of sound per character of text (ours).
const MS_PER_CHARACTER: u64 = 20;
/// Longest sound in ms (ours; keeps tests quick).
const MOST_MS: u64 = 3_000;
/// Bytes of an MPEG-1 Layer III frame at 128 kbit/s and 44.1 kHz, and its length in ms.
const MP3_FRAME: (usize, u64) = (417, 26);

/// How long the text takes to say, in ms.
pub(super) fn length_ms(text: &str) -> u64 {
    (text.chars().count() as u64 * MS_PER_CHARACTER).clamp(100, MOST_MS)
}

/// Raw 16-bit samples, mono, little-endian.
pub(super) fn pcm(length_ms: u64, rate: u32) -> Bytes {
    let count = length_ms * u64::from(rate) / 1_000;
    let period = u64::from(rate / 220).max(2);
    let sample = |place: u64| {
        if place % period < period / 2 { 2_000_i16 } else { -2_000 }
    };
    (0..count).flat_map(|place| sample(place).to_le_bytes()).collect()
}

/// The samples in a WAV file.
pub(super) fn wav(length_ms: u64, rate: u32) -> Bytes {
    let samples = pcm(length_ms, rate);
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let mut file = b"RIFF".to_vec();
    file.extend((length + 36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(&samples);
    file.into()
}

/// Silent MP3 frames: headers a player accepts, nothing inside.
pub(super) fn mp3(length_ms: u64) -> Bytes {
    let (bytes, ms) = MP3_FRAME;
    let mut frame = vec![0xff, 0xfb, 0x90, 0x00];
    frame.resize(bytes, 0);
    frame.repeat(usize::try_from(length_ms / ms + 1).unwrap_or(1)).into()
}

/// The first page of an Ogg Opus file: enough to be recognised, nothing to hear.
pub(super) fn opus() -> Bytes {
    let head = b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";
    let mut page = b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x13".to_vec();
    page.extend(head);
    page.into()
}
