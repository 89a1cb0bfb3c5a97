//! Days as people write them: `2026-11-22`, by the clock in Shanghai and counted as `quota::calendar` counts them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::quota::calendar;

const DAY_MS: u64 = 86_400_000;
const AHEAD_MS: u64 = 8 * 3_600_000;

/// The day in Shanghai that lies around `now`.
pub fn today(now: SystemTime) -> u64 {
    calendar::day_of(now)
}

/// The day in Shanghai that lies around `at_ms` (milliseconds since 1970, UTC).
pub fn day_of_ms(at_ms: u64) -> u64 {
    calendar::day_of(UNIX_EPOCH + Duration::from_millis(at_ms))
}

/// When `day` begins (milliseconds since 1970, UTC).
pub fn begins_ms(day: u64) -> u64 {
    day.saturating_mul(DAY_MS).saturating_sub(AHEAD_MS)
}

/// `2026-11-22`.
pub fn written(day: u64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day that `text` names as [`written`] does; `None` if there is none such.
pub fn parse(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, '-').map(number);
    let day = day_number(parts.next()??, parts.next()??, parts.next()??)?;
    (written(day) == text).then_some(day)
}

/// The first and the last day of the month that `text` names as `2026-11`.
pub fn parse_month(text: &str) -> Option<(u64, u64)> {
    Some(month_around(parse(&format!("{text}-01"))?))
}

/// The first and the last day of the month that `day` lies in.
pub fn month_around(day: u64) -> (u64, u64) {
    let (_, month, of_month) = civil(day);
    let first = day.saturating_sub(of_month - 1);
    let last = (28..31).map(|more| first + more).take_while(|day| civil(*day).1 == month).last();
    (first, last.unwrap_or(first + 27))
}

/// `2026-11-22T03:04:05.678Z`, in UTC.
pub fn utc(at_ms: u64) -> String {
    let (date, of_day) = (written(at_ms / DAY_MS), at_ms % DAY_MS);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{:03}Z", of_day % 1000)
}

fn number(digits: &str) -> Option<u64> {
    // Years of more digits would be dates that nobody means.
    let is_number = (1..=4).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// Year, month and day of the month.
fn civil(day: u64) -> (u64, u64, u64) {
    let (month, over) = calendar::civil(day);
    (month.year, u64::from(month.month), over + 1)
}

/// The way back: `days_from_civil` of Howard Hinnant's "chrono-compatible low-level date algorithms". `None` before 1970 and for numbers that no date has.
fn day_number(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * since_march + 2) / 5 + day - 1;
    let year_of_era = year % 400;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    (year / 400 * 146_097 + of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_lead_there_and_back() {
        assert_eq!((written(0), parse("1970-01-01")), ("1970-01-01".to_owned(), Some(0)));
        for day in 0..200_000 {
            assert_eq!(parse(&written(day)), Some(day));
        }
        assert!(!written(u64::MAX).is_empty());
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "2026", "2026-11", "2026-11-31", "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-2", "1969-12-31"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["2026-11-22 ", "+026-11-22", "99999-01-01", "2026-11-22-1", "２０２６-11-22", "--", "a-b-c"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("2028-02-29").is_some());
    }

    #[test]
    fn a_month_has_its_days() {
        let check = |month: &str, first: &str, last: &str| {
            let (from, until) = parse_month(month).unwrap();
            assert_eq!((written(from).as_str(), written(until).as_str()), (first, last));
            assert_eq!((month_around(from), month_around(until)), ((from, until), (from, until)));
        };
        check("2026-11", "2026-11-01", "2026-11-30");
        check("2026-02", "2026-02-01", "2026-02-28");
        check("2028-02", "2028-02-01", "2028-02-29");
        check("2026-12", "2026-12-01", "2026-12-31");
        assert_eq!((parse_month("2026-13"), parse_month("2026"), parse_month("")), (None, None, None));
    }

    #[test]
    fn days_begin_at_16_utc() {
        let day = parse("2026-11-22").unwrap();
        assert_eq!(utc(begins_ms(day)), "2026-11-21T16:00:00.000Z");
        assert_eq!((day_of_ms(begins_ms(day)), day_of_ms(begins_ms(day) - 1)), (day, day - 1));
        assert_eq!((begins_ms(0), day_of_ms(u64::MAX) > day), (0, true));
    }
}
