//! Questions for reports, as `name=value` lines: what was understood is about days in order, and what was not is told in one line.

use flowgate::ledger::{date, question};

/// Some day.
const TODAY: u64 = 20_779;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let pairs: Vec<(&str, &str)> = text.lines().map(|line| line.split_once('=').unwrap_or((line, ""))).collect();
    match question::parse(pairs.iter().copied(), TODAY, (TODAY, TODAY)) {
        Ok(query) => {
            assert!(query.from_day <= query.until_day);
            assert_eq!(date::parse(&date::written(query.from_day)), Some(query.from_day));
        }
        Err(error) => assert!(!error.message.is_empty() && !error.message.contains(char::is_control)),
    }
}
