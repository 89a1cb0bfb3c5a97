//! `[jobs]`: how often the upstream is asked about videos and batches.

use crate::config::reader::Section;
use crate::jobs::JobSettings;

pub(super) fn read(section: &Section<'_>) -> JobSettings {
    let usual = JobSettings::default();
    JobSettings { poll: section.duration("poll", usual.poll) }
}
