//! `[log]`: how much is logged, and in which form.

use crate::config::reader::Section;
use crate::telemetry::log::{self, Format, LogSettings};

pub(super) fn read(section: &Section<'_>) -> LogSettings {
    let level = section.text("level").unwrap_or_else(|| LogSettings::default().level);
    if let Err(error) = log::check_level(&level) {
        section.fault("level", error);
    }
    LogSettings {
        level,
        format: section.word("format", &[("pretty", Format::Pretty), ("json", Format::Json)], Format::Pretty),
    }
}
