//! Questions as people write them, on the command line or in a URL: names with values. Reads any text without failing
//! otherwise than with a sentence that says what would be right.

use super::date;
use super::query::{Dimension, Query};

/// What cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QuestionError {
    /// The name at fault.
    pub param: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// The days that a question is about, as far as they are named.
#[derive(Debug, Default)]
struct Period {
    from: Option<u64>,
    until: Option<u64>,
    whole: Option<(u64, u64)>,
}

/// The question that `pairs` make: `by`; `from` and `until` (days in Shanghai, both included), or `today`, or `month`; and
/// the dimensions themselves, to take only rows that have a value. `today` is the day it is now, and `otherwise` the
/// first and the last day where none are named.
///
/// # Errors
/// [`QuestionError`] for the first pair that cannot be understood.
pub fn parse<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
    today: u64,
    otherwise: (u64, u64),
) -> Result<Query, QuestionError> {
    let (mut query, mut period) = (Query::default(), Period::default());
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        if name == "by" {
            by(&mut query.by, value)?;
        } else if !period.take(name, value, today)? {
            query.only.push(only(name, value)?);
        }
    }
    (query.from_day, query.until_day) = period.days(today, otherwise)?;
    Ok(query)
}

fn by(dimensions: &mut Vec<Dimension>, words: &str) -> Result<(), QuestionError> {
    for word in words.split(',').map(str::trim) {
        let dimension = Dimension::of_word(word).ok_or_else(|| {
            let known = Dimension::ALL.map(|(_, word)| word).join(", ");
            wrong("by", format!("by: `{}` is none of {known}", shown(word)))
        })?;
        // A dimension that is named twice tells nothing more apart.
        if !dimensions.contains(&dimension) {
            dimensions.push(dimension);
        }
    }
    Ok(())
}

fn only(name: &str, value: &str) -> Result<(Dimension, String), QuestionError> {
    let dimension = Dimension::of_word(name).ok_or_else(|| {
        let known = Dimension::ALL.map(|(_, word)| word).join(", ");
        wrong(name, format!("`{}` is unknown here: use by, from, until, today, month, {known}", shown(name)))
    })?;
    if dimension == Dimension::Day {
        day(name, value)?;
    }
    Ok((dimension, value.to_owned()))
}

fn day(name: &str, text: &str) -> Result<u64, QuestionError> {
    date::parse(text)
        .ok_or_else(|| wrong(name, format!("{name}: `{}` is no day: write one like 2026-11-22", shown(text))))
}

impl Period {
    /// Whether `name` was one of its own.
    fn take(&mut self, name: &str, value: &str, today: u64) -> Result<bool, QuestionError> {
        let is_again = match name {
            "from" => self.from.replace(day(name, value)?).is_some(),
            "until" => self.until.replace(day(name, value)?).is_some(),
            "today" => self.whole.replace((today, today)).is_some(),
            "month" => self.whole.replace(month(value, today)?).is_some(),
            _ => return Ok(false),
        };
        if is_again || (self.whole.is_some() && (self.from.is_some() || self.until.is_some())) {
            let message = format!("{name}: name the days once: by from and until, or by today, or by month");
            return Err(wrong(name, message));
        }
        Ok(true)
    }

    fn days(self, today: u64, otherwise: (u64, u64)) -> Result<(u64, u64), QuestionError> {
        match (self.whole, self.from, self.until) {
            (Some(days), ..) => Ok(days),
            (None, None, None) => Ok(otherwise),
            (None, from, None) if from > Some(today) => Err(wrong("from", "from: that day is yet to come".to_owned())),
            (None, from, until) => {
                let (from, until) = (from.unwrap_or(0), until.unwrap_or(today));
                let is_right = from <= until;
                is_right
                    .then_some((from, until))
                    .ok_or_else(|| wrong("until", "until: ends before it begins".to_owned()))
            }
        }
    }
}

/// `2026-11`, or this month if nothing is said.
fn month(text: &str, today: u64) -> Result<(u64, u64), QuestionError> {
    if text.is_empty() {
        return Ok(date::month_around(today));
    }
    let message = || format!("month: `{}` is no month: write one like 2026-11", shown(text));
    date::parse_month(text).ok_or_else(|| wrong("month", message()))
}

fn wrong(param: &str, message: String) -> QuestionError {
    QuestionError { param: shown(param), message }
}

/// As much of `text` as an error needs, and nothing that a terminal would obey.
fn shown(text: &str) -> String {
    text.chars().take(60).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: u64 = 20_779; // 2026-11-22

    fn ask(pairs: &[(&str, &str)]) -> Result<Query, QuestionError> {
        parse(pairs.iter().copied(), TODAY, date::month_around(TODAY))
    }

    fn days(pairs: &[(&str, &str)]) -> (String, String) {
        let query = ask(pairs).unwrap();
        (date::written(query.from_day), date::written(query.until_day))
    }

    #[test]
    fn days_are_named_in_many_ways() {
        let check = |pairs: &[(&str, &str)], from: &str, until: &str| {
            assert_eq!(days(pairs), (from.to_owned(), until.to_owned()), "{pairs:?}");
        };
        check(&[], "2026-11-01", "2026-11-30");
        check(&[("today", "")], "2026-11-22", "2026-11-22");
        check(&[("month", "")], "2026-11-01", "2026-11-30");
        check(&[("month", "2028-02")], "2028-02-01", "2028-02-29");
        check(&[("from", "2026-11-05")], "2026-11-05", "2026-11-22");
        check(&[("until", "2026-11-05")], "1970-01-01", "2026-11-05");
        check(&[("from", "2027-01-01"), ("until", "2027-01-01")], "2027-01-01", "2027-01-01");
    }

    #[test]
    fn dimensions_tell_apart_and_choose() {
        let query = ask(&[("by", "key, model"), ("by", "day,key"), ("team", "growth"), ("key", "")]).unwrap();
        assert_eq!(query.by, [Dimension::Key, Dimension::Model, Dimension::Day]);
        assert_eq!(query.only, [(Dimension::Team, "growth".to_owned()), (Dimension::Key, String::new())]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let check = |pairs: &[(&str, &str)], param: &str, words: &str| {
            let error = ask(pairs).unwrap_err();
            assert_eq!(error.param, param);
            assert!(error.message.contains(words), "{error}");
        };
        check(&[("by", "colour")], "by", "`colour` is none of key, team");
        check(&[("by", "")], "by", "none of");
        check(&[("from", "yesterday")], "from", "like 2026-11-22");
        check(&[("from", "2026-11-05"), ("from", "2026-11-06")], "from", "once");
        check(&[("from", "2026-11-05"), ("today", "")], "today", "once");
        check(&[("today", ""), ("month", "")], "month", "once");
        check(&[("month", "11")], "month", "like 2026-11");
        check(&[("from", "2026-11-05"), ("until", "2026-11-04")], "until", "before it begins");
        check(&[("from", "2027-01-01")], "from", "yet to come");
        check(&[("day", "x")], "day", "no day");
        check(&[("colour\x1b[31m", "red")], "colour\u{fffd}[31m", "unknown here");
    }
}
