//! `[ledger]`: how long rows are kept, and what happens when they cannot be written.

use std::time::Duration;

use crate::config::reader::Section;
use crate::ledger::OnFault;

/// How long rows are kept unless the file says otherwise (ours): a year and the month after it, in which people ask.
const KEPT: Duration = Duration::from_secs(400 * 86_400);

/// `[ledger]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerSettings {
    /// Whether requests are written down at all.
    pub is_kept: bool,
    /// What happens to requests that cannot be written down; `None` where the file does not say.
    pub on_fault: Option<OnFault>,
    /// How long rows are kept; `None` is for ever. Sums are.
    pub keep: Option<Duration>,
}

pub(super) fn read(section: &Section<'_>) -> LedgerSettings {
    const POLICIES: [(&str, Option<OnFault>); 2] = [("refuse", Some(OnFault::Refuse)), ("go-on", Some(OnFault::GoOn))];
    let keep = section.optional_duration("keep").unwrap_or(KEPT);
    LedgerSettings {
        is_kept: section.flag("enabled", true),
        on_fault: section.word("on_fault", &POLICIES, None),
        keep: Some(keep).filter(|keep| !keep.is_zero()),
    }
}
