//! Days, hours and months as SiliconFlow counts them: in Asia/Shanghai, which is UTC+8 and has had no summer time
//! since 1991 (tz database, zone Asia/Shanghai). Reads no clock: moments are handed in.
//!
//! A moment before 1970 counts as 1970: a clock that says so is wrong, and nothing here may fail for it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// How far Shanghai is ahead of UTC.
pub const AHEAD: Duration = Duration::from_secs(8 * 3600);
const HOUR: u64 = 3600;
const DAY: u64 = 86_400;

/// A calendar month; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Month {
    /// Such as 2026.
    pub year: u64,
    /// 1 to 12.
    pub month: u8,
}

impl Month {
    /// The month before.
    #[must_use]
    pub fn previous(self) -> Self {
        match self.month {
            1 => Self { year: self.year.saturating_sub(1), month: 12 },
            month => Self { year: self.year, month: month - 1 },
        }
    }
}

/// `2026-11`.
impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}", self.year, self.month)
    }
}

/// Time on Shanghai's clocks since 1970-01-01 00:00 there.
fn local(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default() + AHEAD
}

/// The day that `at` lies in: whole days since 1970-01-01 in Shanghai.
pub fn day_of(at: SystemTime) -> u64 {
    local(at).as_secs() / DAY
}

/// The hour that `at` lies in: whole hours since 1970-01-01 00:00 in Shanghai.
pub fn hour_of(at: SystemTime) -> u64 {
    local(at).as_secs() / HOUR
}

/// How long the day in Shanghai has lasted.
pub fn time_of_day(at: SystemTime) -> Duration {
    let local = local(at);
    Duration::new(local.as_secs() % DAY, local.subsec_nanos())
}

/// When the next day begins in Shanghai: 16:00 UTC; always later than `at`.
pub fn next_day(at: SystemTime) -> SystemTime {
    starts(day_of(at) + 1, DAY)
}

/// When the next hour begins; always later than `at`.
pub fn next_hour(at: SystemTime) -> SystemTime {
    starts(hour_of(at) + 1, HOUR)
}

/// When day number `day` begins in Shanghai.
pub fn start_of_day(day: u64) -> SystemTime {
    starts(day, DAY)
}

fn starts(count: u64, seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(count.saturating_mul(seconds)).saturating_sub(AHEAD)
}

/// The month that `at` lies in, in Shanghai.
pub fn month_of(at: SystemTime) -> Month {
    month_of_day(day_of(at))
}

/// The month that day number `day` lies in.
fn month_of_day(day: u64) -> Month {
    civil(day).0
}

/// The number of the first day of the month that day number `day` lies in.
pub fn first_of_month(day: u64) -> u64 {
    day - civil(day).1
}

/// The month of the Gregorian calendar that day number `day` (since 1970-01-01) lies in, and how many days of it were over
/// when it began: `civil_from_days` of Howard Hinnant's "chrono-compatible low-level date algorithms". Years begin on 1
/// March there, so that the leap day is the last, and 400 of them (an era) always have 146,097 days.
pub fn civil(day: u64) -> (Month, u64) {
    const ERA: u64 = 146_097;
    let day = day.saturating_add(719_468); // since 0000-03-01
    let of_era = day % ERA;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let since_march = (5 * of_year + 2) / 153;
    let month = if since_march < 10 { since_march + 3 } else { since_march - 9 };
    let year = day / ERA * 400 + year_of_era + u64::from(month <= 2);
    (Month { year, month: u8::try_from(month).unwrap_or(12) }, of_year - (153 * since_march + 2) / 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since 1970 UTC.
    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The month in Shanghai at a moment given in UTC (seconds by `date -u -d … +%s`).
    fn check(seconds: u64, expected: &str) {
        assert_eq!(month_of(at(seconds)).to_string(), expected, "{seconds}");
    }

    #[test]
    fn a_month_ends_at_16_utc_of_its_last_day() {
        check(1_796_054_399, "2026-11"); // 2026-11-30 15:59:59
        check(1_796_054_400, "2026-12"); // 2026-11-30 16:00:00
        check(1_798_732_799, "2026-12"); // 2026-12-31 15:59:59
        check(1_798_732_800, "2027-01"); // 2026-12-31 16:00:00
    }

    #[test]
    fn february_has_a_leap_day_when_it_should() {
        check(1_835_452_799, "2028-02"); // 2028-02-29 15:59:59
        check(1_835_452_800, "2028-03"); // 2028-02-29 16:00:00
        check(1_803_830_400, "2027-03"); // 2027-02-28 16:00:00
        check(951_840_000, "2000-03"); // 2000-02-29 16:00:00: a leap year, divisible by 400
        check(951_839_999, "2000-02");
        check(4_107_513_600, "2100-03"); // 2100-02-28 16:00:00: none, divisible by 100
        check(4_107_513_599, "2100-02");
    }

    /// Every day of 400 years against a plain count of days.
    #[test]
    fn months_follow_each_other() {
        let (mut day, mut month) = (0, Month { year: 1970, month: 1 });
        while month.year < 2370 {
            let is_leap = month.year % 4 == 0 && (month.year % 100 != 0 || month.year % 400 == 0);
            let february = if is_leap { 29 } else { 28 };
            let length = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][usize::from(month.month) - 1];
            let first = day;
            for _ in 0..length {
                assert_eq!((month_of_day(day), first_of_month(day)), (month, first));
                day += 1;
            }
            let next = if month.month == 12 { (month.year + 1, 1) } else { (month.year, month.month + 1) };
            let next = Month { year: next.0, month: next.1 };
            assert_eq!(next.previous(), month);
            assert!(next > month);
            month = next;
        }
    }

    #[test]
    fn a_day_begins_at_midnight_there() {
        assert_eq!(day_of(at(0)), 0);
        assert_eq!((day_of(at(16 * HOUR - 1)), day_of(at(16 * HOUR))), (0, 1));
        assert_eq!(next_day(at(0)), at(16 * HOUR));
        assert_eq!(next_day(at(16 * HOUR - 1)), at(16 * HOUR));
        assert_eq!(next_day(at(16 * HOUR)), at(40 * HOUR));
        assert_eq!(time_of_day(at(18 * HOUR)), Duration::from_secs(2 * HOUR));
    }

    #[test]
    fn an_hour_begins_where_it_does_elsewhere() {
        assert_eq!((hour_of(at(0)), hour_of(at(HOUR - 1)), hour_of(at(HOUR))), (8, 8, 9));
        assert_eq!(next_hour(at(HOUR)), at(2 * HOUR));
        assert_eq!(next_hour(at(HOUR) + Duration::from_nanos(1)), at(2 * HOUR));
    }

    #[test]
    fn a_clock_before_1970_breaks_nothing() {
        let early = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!((day_of(early), next_day(early)), (0, at(16 * HOUR)));
    }
}
