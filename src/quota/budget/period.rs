//! Days and months that budgets are for.

use std::time::SystemTime;

use crate::quota::calendar;

/// How long a budget lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// From midnight to midnight in Shanghai.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

impl Period {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    /// The word for metrics and headers.
    pub fn label(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The first day of the period that `day` lies in; days are counted as [`calendar::day_of`] does.
    pub fn start(self, day: u64) -> u64 {
        match self {
            Self::Day => day,
            Self::Month => calendar::first_of_month(day),
        }
    }

    /// When the period that `day` lies in is over.
    pub fn ends(self, day: u64) -> SystemTime {
        let next = match self {
            Self::Day => day + 1,
            // No month has more than 31 days, and none fewer than 28.
            Self::Month => calendar::first_of_month(calendar::first_of_month(day) + 31),
        };
        calendar::start_of_day(next)
    }
}
