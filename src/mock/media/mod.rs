//! Everything that is not text: pictures, speech, voices, video. Real formats, tiny contents.

pub(super) mod images;
pub(super) mod packing;
mod picture;
mod sound;
pub(super) mod speech;
pub(super) mod transcriptions;
pub(super) mod video;
pub(super) mod voices;

pub(super) use picture::png;
