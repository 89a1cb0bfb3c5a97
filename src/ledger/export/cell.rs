//! One value with its name, as CSV and as JSON.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// A value.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    /// Nothing is known.
    Missing,
    Number(u64),
    Text(Cow<'a, str>),
    /// Several words.
    Words(Vec<&'a str>),
    /// JSON already; nothing if empty.
    Json(String),
}

/// Values with their names, in their order.
#[derive(Debug)]
pub(super) struct Cells<'a>(pub(super) Vec<(&'static str, Cell<'a>)>);

impl Cells<'_> {
    /// A line of CSV.
    pub(super) fn csv(&self) -> String {
        self.0.iter().map(|(_, cell)| cell.csv().into_owned()).collect::<Vec<_>>().join(",") + "\n"
    }

    /// The line of names.
    pub(super) fn csv_names(&self) -> String {
        self.0.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",") + "\n"
    }

    /// A JSON object.
    pub(super) fn json(&self) -> String {
        // Nothing in it can fail to be written; an object without members would be seen at once.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}

impl Cell<'_> {
    fn csv(&self) -> Cow<'_, str> {
        match self {
            Self::Missing => Cow::Borrowed(""),
            Self::Number(number) => number.to_string().into(),
            Self::Text(text) => quoted(text),
            Self::Words(words) => quoted(&words.join(",")).into_owned().into(),
            Self::Json(text) => quoted(text),
        }
    }
}

/// `text` as a cell. Spreadsheets take what begins with one of these signs for a formula, and names of models come from
/// callers: an apostrophe makes it text again (OWASP, "CSV Injection").
fn quoted(text: &str) -> Cow<'_, str> {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return Cow::Borrowed(text);
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\"")).into()
}

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, cell) in &self.0 {
            map.serialize_entry(name, cell)?;
        }
        map.end()
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing => serializer.serialize_unit(),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Words(words) => words.serialize(serializer),
            Self::Json(text) => match serde_json::from_str::<&RawValue>(text) {
                Ok(value) => value.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_csv_are_text_and_stay_one_cell() {
        let check = |text: &str, expected: &str| assert_eq!(quoted(text), expected);
        check("", "");
        check("Qwen/Qwen3-8B", "Qwen/Qwen3-8B");
        check("a,b", "\"a,b\"");
        check("say \"hi\"", "\"say \"\"hi\"\"\"");
        check("two\nlines", "\"two\nlines\"");
        check("=1+1", "\"'=1+1\"");
        check("@SUM(A1)", "\"'@SUM(A1)\"");
        check("-2", "\"'-2\"");
        check("+\"x\",y", "\"'+\"\"x\"\",y\"");
        check("\t=1", "\"'\t=1\"");
    }

    #[test]
    fn json_is_json_whatever_is_in_it() {
        let cells = Cells(vec![
            ("text", Cell::Text("a\"\u{1}\n".into())),
            ("price", Cell::Json("{\"input_per_million\":2}".to_owned())),
            ("broken", Cell::Json("{\"in".to_owned())),
            ("words", Cell::Words(vec!["a", "b"])),
            ("missing", Cell::Missing),
        ]);
        let value: serde_json::Value = serde_json::from_str(&cells.json()).unwrap();
        assert_eq!((&value["text"], &value["broken"]), (&"a\"\u{1}\n".into(), &"{\"in".into()));
        assert_eq!(value["price"]["input_per_million"], 2);
        assert!(value["missing"].is_null() && value["words"][1] == "b");
    }
}
