//! What a key, a team or an account may spend: `budget_per_day` and the like, and `budget_warn_at`.

use crate::config::reader::Section;
use crate::quota::allowance::{Allowance, Cap, WARN_PERMILLE};

pub(super) fn read(section: &Section<'_>) -> Allowance {
    let warn_at = section.fraction("budget_warn_at", f64::from(WARN_PERMILLE) / 1000.0);
    Allowance {
        day: Cap { money: section.amount("budget_per_day"), tokens: section.large_count("tokens_per_day") },
        month: Cap { money: section.amount("budget_per_month"), tokens: section.large_count("tokens_per_month") },
        // Above 0 and up to 1.
        warn_permille: (warn_at * 1000.0).ceil() as u16,
    }
}
