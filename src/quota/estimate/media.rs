//! Pictures, sound and films in messages: how many tokens they are, from what stands in the request.

use super::features::{Feature, Features};
use super::image;

/// What a part of a message is, other than text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A picture.
    Image,
    /// Speech or other sound.
    Audio,
    /// A film.
    Video,
}

/// Tokens of audio for each byte: 25 tokens a second (Qwen2-Audio technical report, arXiv 2407.10759: one for 40 ms),
/// at the 16 kB a second of common MP3 (ours).
const AUDIO_TOKENS_PER_BYTE: f64 = 25.0 / 16_000.0;

/// Tokens of audio of unknown length: 30 seconds, which SiliconFlow advises not to pass (siliconflow-api.md,
/// section 2).
const AUDIO_TOKENS: f64 = 30.0 * 25.0;

/// Tokens of a film for each second: 2 frames, two of which make one grid of about 256 tokens (frame rate and pairing
/// of qwen-vl-utils; the size is ours).
const VIDEO_TOKENS_PER_SECOND: f64 = 256.0;

/// Tokens of a film for each byte, at 125 kB a second (ours).
const VIDEO_TOKENS_PER_BYTE: f64 = VIDEO_TOKENS_PER_SECOND / 125_000.0;

/// Tokens of a film of unknown length: 30 seconds (as for audio).
const VIDEO_TOKENS: f64 = 30.0 * VIDEO_TOKENS_PER_SECOND;

/// Most tokens that one sound or film is taken for: 24,576 merged patches (`VIDEO_TOTAL_PIXELS` of qwen-vl-utils).
const MOST_TOKENS: f64 = 24_576.0;

/// The medium that a walk is in.
#[derive(Debug, Default)]
pub(super) struct Media<'a> {
    kind: Option<Kind>,
    /// The level whose end is the end of the medium.
    depth: u32,
    /// URL or bytes, as written in the JSON.
    pub(super) payload: Option<&'a [u8]>,
    /// `low`, `high` or `auto`.
    pub(super) detail: Option<&'a [u8]>,
}

impl Media<'_> {
    /// A medium begins in the object on level `depth`.
    pub(super) fn open(&mut self, kind: Kind, depth: u32) {
        (self.kind, self.depth) = (Some(kind), depth);
    }

    /// Whether the walk, now on level `depth`, has left the medium.
    pub(super) fn is_behind(&self, depth: u32) -> bool {
        self.kind.is_some() && depth <= self.depth
    }

    /// Counts the medium, if there is one, and forgets it.
    pub(super) fn count_into(&mut self, features: &mut Features) {
        let medium = std::mem::take(self);
        let Some((kind, payload)) = medium.kind.zip(medium.payload) else { return };
        let bytes = inline(payload).map(<[u8]>::len).map(|base64| base64 as f64 * 0.75);
        let of = |per_byte: f64, unknown: f64| bytes.map_or(unknown, |bytes| (bytes * per_byte).min(MOST_TOKENS));
        match kind {
            Kind::Image => count_image(payload, medium.detail, features),
            Kind::Audio => features.add(Feature::MediaToken, of(AUDIO_TOKENS_PER_BYTE, AUDIO_TOKENS)),
            Kind::Video => features.add(Feature::MediaToken, of(VIDEO_TOKENS_PER_BYTE, VIDEO_TOKENS)),
        }
    }
}

fn count_image(payload: &[u8], detail: Option<&[u8]>, features: &mut Features) {
    features.add(Feature::Image, 1.0);
    if matches!(detail, Some(b"low" | b"auto")) {
        return features.add(Feature::ImageToken, image::LOW_TOKENS);
    }
    match inline(payload).and_then(image::dimensions) {
        Some((width, height)) => features.add(Feature::ImageToken, image::tokens(width, height)),
        None => features.add(Feature::UnknownImage, 1.0),
    }
}

/// The base64 of a data URL, or of a payload that is nothing but base64; `None` for a URL that must be fetched.
fn inline(payload: &[u8]) -> Option<&[u8]> {
    let head = &payload[..payload.len().min(128)];
    if head.starts_with(b"data:") {
        let comma = memchr::memchr(b',', head)?;
        return Some(&payload[comma + 1..]);
    }
    let is_url = memchr::memmem::find(head, b":").is_some();
    (!is_url).then_some(payload)
}
