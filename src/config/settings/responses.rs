//! `[responses]`: whether and how long answers of the Responses API are kept.

use std::time::Duration;

use crate::config::reader::Section;

/// How long responses are kept unless the file says otherwise: as OpenAI keeps them (its guide on conversation state: 30 days).
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Most that all of them may take (bytes; ours).
const MOST: u64 = 1024 * 1024 * 1024;

/// `[responses]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseSettings {
    /// Whether any are kept.
    pub is_kept: bool,
    /// How long; `None` is for ever.
    pub keep: Option<Duration>,
    /// Most that all of them may take (bytes); then the oldest go.
    pub most_bytes: u64,
}

pub(super) fn read(section: &Section<'_>) -> ResponseSettings {
    let keep = section.optional_duration("keep").unwrap_or(KEPT);
    ResponseSettings {
        is_kept: section.flag("store", true),
        keep: Some(keep).filter(|keep| !keep.is_zero()),
        most_bytes: section.bytes("max_size", MOST),
    }
}
