//! Reading one table of the file: every value with its type checked, every fault noted, every name
//! that nobody asked for reported with the one that was probably meant.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::Environment;
use super::fault::Faults;
use super::{secret, units};
use crate::quota::money::Money;

/// One table being read.
pub(super) struct Section<'a> {
    name: String,
    table: Option<&'a DeTable<'a>>,
    asked: RefCell<Vec<&'static str>>,
    context: Context<'a>,
}

#[derive(Clone, Copy)]
struct Context<'a> {
    faults: &'a Faults<'a>,
    environment: &'a Environment,
    base: &'a Path,
}

impl<'a> Section<'a> {
    /// The whole file; relative paths in it count from `base`.
    pub(super) fn root(
        table: &'a DeTable<'a>,
        faults: &'a Faults<'a>,
        environment: &'a Environment,
        base: &'a Path,
    ) -> Self {
        Self::new(String::new(), Some(table), Context { faults, environment, base })
    }

    fn new(name: String, table: Option<&'a DeTable<'a>>, context: Context<'a>) -> Self {
        Self { name, table, asked: RefCell::default(), context }
    }

    /// The same table by the name `name`, which stands in front of its faults.
    pub(super) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub(super) fn faults(&self) -> &'a Faults<'a> {
        self.context.faults
    }

    pub(super) fn environment(&self) -> &'a Environment {
        self.context.environment
    }

    /// Whether the table is there at all.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Reads the table `key` with `read`; a missing one reads as empty. Unknown names in it are
    /// faults afterwards.
    pub(super) fn section<T>(&self, key: &'static str, read: impl FnOnce(&Section<'a>) -> T) -> T {
        let table = self.value(key).and_then(|value| self.expect(key, value, "a table", value.get_ref().as_table()));
        let section = Section::new(self.path(key), table, self.context);
        let result = read(&section);
        section.report_unknown();
        result
    }

    /// Reads each table in the table `key`, whatever its name.
    pub(super) fn tables(&self, key: &'static str, mut read: impl FnMut(&str, &Section<'a>)) {
        self.each_table(key, |name, _, section| read(name, section));
    }

    /// Hands out each table in the table `key` as it stands, with its name; names in it that are not `known` are faults.
    pub(super) fn rows(
        &self,
        key: &'static str,
        known: &[&'static str],
        mut read: impl FnMut(&str, &Spanned<DeValue<'a>>),
    ) {
        self.each_table(key, |name, value, section| {
            section.asked.borrow_mut().extend(known);
            if section.table.is_some() {
                read(name, value);
            }
        });
    }

    fn each_table(&self, key: &'static str, mut read: impl FnMut(&str, &Spanned<DeValue<'a>>, &Section<'a>)) {
        let Some(value) = self.value(key) else { return };
        let tables = self.expect(key, value, "a table of tables", value.get_ref().as_table());
        for (name, value) in tables.into_iter().flatten() {
            let table = self.expect(key, value, "a table", value.get_ref().as_table());
            let path = format!("{}.\"{}\"", self.path(key), name.get_ref());
            let section = Section::new(path, table, self.context);
            read(name.get_ref(), value, &section);
            section.report_unknown();
        }
    }

    /// Reads each table of the array `[[key]]`.
    pub(super) fn sections<T>(&self, key: &'static str, mut read: impl FnMut(&Section<'a>) -> T) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let array = self.expect(key, value, "an array of tables, written [[…]]", value.get_ref().as_array());
        let mut results = Vec::new();
        for element in array.into_iter().flat_map(|array| array.iter()) {
            let table = self.expect(key, element, "a table", element.get_ref().as_table());
            let section = Section::new(self.path(key), table, self.context);
            results.push(read(&section));
            section.report_unknown();
        }
        results
    }

    /// A value that `read` understands; `None` when absent or wrong.
    pub(super) fn read<T>(&self, key: &'static str, read: impl FnOnce(&DeValue<'a>) -> Result<T, String>) -> Option<T> {
        let value = self.value(key)?;
        match read(value.get_ref()) {
            Ok(result) => Some(result),
            Err(message) => {
                self.context.faults.at(value.span().start, format_args!("{}: {message}", self.path(key)));
                None
            }
        }
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.read(key, |value| value.as_str().map(str::to_owned).ok_or_else(|| wrong("a string in quotes", value)))
    }

    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(&self, key: &'static str, what: &str) -> Option<T> {
        self.read(key, |value| {
            let text = value.as_str().ok_or_else(|| wrong("a string in quotes", value))?;
            text.parse().map_err(|error| format!("`{text}` is not {what} ({error})"))
        })
    }

    pub(super) fn duration(&self, key: &'static str, default: Duration) -> Duration {
        let read = self.read(key, |value| {
            units::duration(value.as_str().ok_or_else(|| wrong("a duration such as \"30s\"", value))?)
        });
        read.unwrap_or(default)
    }

    /// A duration that may be zero, and may be left out.
    pub(super) fn optional_duration(&self, key: &'static str) -> Option<Duration> {
        self.read(key, |value| {
            let text = value.as_str().ok_or_else(|| wrong("a duration such as \"30s\"", value))?;
            if text == "0" || text == "0s" { Ok(Duration::ZERO) } else { units::duration(text) }
        })
    }

    /// A number above 0 and up to 1.
    pub(super) fn fraction(&self, key: &'static str, default: f64) -> f64 {
        let read = self.read(key, |value| {
            let text =
                value.as_float().map(|number| number.as_str()).or(value.as_integer().map(|number| number.as_str()));
            let number = text.and_then(|text| text.parse().ok()).filter(|number| *number > 0.0 && *number <= 1.0);
            number.ok_or_else(|| match text {
                Some(text) => format!("must be a number above 0 and up to 1, not {text}"),
                None => wrong("a number above 0 and up to 1", value),
            })
        });
        read.unwrap_or(default)
    }

    /// A whole number from 1 to `most`, if there is one.
    pub(super) fn count(&self, key: &'static str, most: u32) -> Option<u32> {
        self.read(key, |value| {
            let number = value.as_integer().and_then(|number| number.as_str().replace('_', "").parse().ok());
            number
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| wrong(&format!("a whole number from 1 to {most}"), value))
        })
    }

    pub(super) fn bytes(&self, key: &'static str, default: u64) -> u64 {
        let read = self.read(key, |value| match value.as_integer() {
            Some(number) => units::bytes(number.as_str()),
            None => units::bytes(value.as_str().ok_or_else(|| wrong("a size such as \"64MiB\"", value))?),
        });
        read.unwrap_or(default)
    }

    pub(super) fn number(&self, key: &'static str, default: u32, range: std::ops::RangeInclusive<u32>) -> u32 {
        let read = self.read(key, |value| {
            let number = value.as_integer().and_then(|number| number.as_str().parse().ok());
            let what = format!("a whole number from {} to {}", range.start(), range.end());
            number.filter(|number| range.contains(number)).ok_or_else(|| match value.as_integer() {
                Some(number) => format!("must be {what}, not {}", number.as_str()),
                None => wrong(&what, value),
            })
        });
        read.unwrap_or(default)
    }

    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, |value| {
            let texts = value
                .as_array()
                .map(|array| array.iter().map(|text| text.get_ref().as_str().map(str::to_owned)).collect());
            texts.flatten().ok_or_else(|| wrong("a list of strings", value))
        })
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)], default: T) -> T {
        let read = self.read(key, |value| {
            let found = words.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, meaning)| *meaning);
            let all: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let all = format!("one of {}", all.join(", "));
            found.ok_or_else(|| match value.as_str() {
                Some(word) => format!("must be {all}, not \"{word}\""),
                None => wrong(&all, value),
            })
        });
        read.unwrap_or(default)
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        let read = self.read(key, |value| value.as_bool().ok_or_else(|| wrong("true or false, without quotes", value)));
        read.unwrap_or(default)
    }

    /// A folder: `~` is the user's home, and other paths count from the folder of the file.
    pub(super) fn path_to_folder(&self, key: &'static str) -> Option<PathBuf> {
        self.read(key, |value| {
            let text = value.as_str().ok_or_else(|| wrong("a string in quotes", value))?;
            Ok(self.context.base.join(self.context.environment.expanded(text)?))
        })
    }

    /// A path, counted from the folder of the file.
    pub(super) fn path_to_file(&self, key: &'static str) -> Option<PathBuf> {
        self.text(key).map(|path| self.context.base.join(path))
    }

    /// A secret by reference, with the file it came from.
    pub(super) fn secret(&self, key: &'static str) -> Option<(SecretString, Option<PathBuf>)> {
        self.read(key, |value| secret::read(value, self.context.environment, self.context.base))
    }

    /// Every entry of the table `key` that `read` understands, with its name and its place in the file, in their order.
    pub(super) fn entries<T>(
        &self,
        key: &'static str,
        read: impl Fn(&DeValue<'a>) -> Result<T, String>,
    ) -> Vec<(String, T, usize)> {
        let table = self.value(key).and_then(|value| self.expect(key, value, "a table", value.get_ref().as_table()));
        let mut entries = Vec::new();
        for (name, value) in table.into_iter().flatten() {
            match read(value.get_ref()) {
                Ok(entry) => entries.push((name.get_ref().to_string(), entry, name.span().start)),
                Err(message) => {
                    let message = format_args!("{}.\"{}\": {message}", self.path(key), name.get_ref());
                    self.context.faults.at(name.span().start, message);
                }
            }
        }
        entries.sort_by_key(|(.., place)| *place);
        entries
    }

    /// An amount of money, exactly.
    pub(super) fn money(&self, key: &'static str, default: Money) -> Money {
        self.amount(key).unwrap_or(default)
    }

    /// The same, if it is written.
    pub(super) fn amount(&self, key: &'static str) -> Option<Money> {
        self.read(key, |value| units::money(value.as_str().ok_or_else(|| wrong("an amount such as \"5 CNY\"", value))?))
    }

    /// A whole number from 1 on, if it is written.
    pub(super) fn large_count(&self, key: &'static str) -> Option<u64> {
        self.read(key, |value| {
            let number = value.as_integer().and_then(|number| number.as_str().replace('_', "").parse().ok());
            number.filter(|number| *number > 0).ok_or_else(|| wrong("a whole number from 1 on", value))
        })
    }

    /// A fault about `key`, or about the section when it is not there.
    pub(super) fn fault(&self, key: &'static str, message: impl fmt::Display) {
        let place = self.table.and_then(|table| table.get(key)).map(|value| value.span().start);
        let message = format!("{}: {message}", self.path(key));
        match place.or_else(|| self.table.and_then(first_offset)) {
            Some(offset) => self.context.faults.at(offset, message),
            None => self.context.faults.missing(message),
        }
    }

    /// A fault for each name in the table that nobody asked for.
    pub(super) fn report_unknown(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref();
            if !asked.iter().any(|known| *known == name.as_ref()) {
                let hint = nearest(name, &asked).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
                self.context.faults.at(key.span().start, format_args!("{}: unknown name{hint}", self.path(name)));
            }
        }
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.table?.get(key)
    }

    fn expect<T>(&self, key: &str, value: &Spanned<DeValue<'a>>, what: &str, found: Option<T>) -> Option<T> {
        if found.is_none() {
            let message = format!("{}: {}", self.path(key), wrong(what, value.get_ref()));
            self.context.faults.at(value.span().start, message);
        }
        found
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

pub(super) fn wrong(what: &str, value: &DeValue<'_>) -> String {
    format!("must be {what}, not {} {}", article(value.type_str()), value.type_str())
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn first_offset(table: &DeTable<'_>) -> Option<usize> {
    table.iter().map(|(key, _)| key.span().start).min()
}

/// The known name that differs least, if it differs little.
fn nearest<'b>(name: &str, known: &[&'b str]) -> Option<&'b str> {
    let scored = known.iter().map(|known| (distance(name, known), *known));
    scored.filter(|(distance, known)| *distance <= 1 + known.len() / 4).min().map(|(_, known)| known)
}

/// Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
