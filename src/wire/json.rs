//! JSON objects as spans: which member stands where in the text, nothing copied, nothing rebuilt.
//!
//! The gateway reads a handful of top-level members and forwards the rest byte for byte, so a
//! [`Object`] records where each member begins and ends and leaves the values as raw text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// One member of an object: `"key": value`, with offsets into the text the object was parsed in.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// The key, unescaped.
    pub key: Cow<'a, str>,
    /// Where the key stands, quotes included (bytes).
    pub key_span: Range<usize>,
    /// The value as it was written, without surrounding white space.
    pub value: &'a str,
    /// Where the value stands (bytes).
    pub span: Range<usize>,
}

/// The members of one JSON object, in the order they were written.
#[derive(Debug, Clone, Default)]
pub struct Object<'a> {
    members: Vec<Member<'a>>,
}

impl<'a> Object<'a> {
    /// Parses `text`, which must be one JSON object and nothing else; spans count from its start.
    ///
    /// # Errors
    /// The parser's own words when `text` is not a JSON object.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        Self::parse_within(text, text)
    }

    /// Parses `text`, a part of `whole`; spans count from the start of `whole`, so that edits of
    /// nested objects can be applied to the outer text.
    ///
    /// # Errors
    /// The parser's own words when `text` is not a JSON object.
    pub fn parse_within(whole: &str, text: &'a str) -> Result<Self, serde_json::Error> {
        let mut parser = serde_json::Deserializer::from_str(text);
        let members = parser.deserialize_map(Members { whole })?;
        parser.end()?;
        Ok(Self { members })
    }

    /// The members in order.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The member called `key`, the last one where it stands twice (as JSON parsers do).
    pub fn get(&self, key: &str) -> Option<&Member<'a>> {
        self.members.iter().rev().find(|member| member.key == key)
    }

    /// The value of `key` decoded as a string; `None` when absent or not a string.
    pub fn string(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key).and_then(|member| string(member.value))
    }

    /// Whether `key` is there with another value than `null`.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|member| member.value != "null")
    }

    /// The first key that stands twice, if any. Two readers of such an object may disagree.
    pub fn duplicate(&self) -> Option<&str> {
        // A set pays off only for objects that no real caller sends; small ones are compared.
        const SMALL: usize = 24;
        if self.members.len() <= SMALL {
            return self.members.iter().enumerate().find_map(|(index, member)| {
                self.members[..index].iter().any(|other| other.key == member.key).then_some(&*member.key)
            });
        }
        let mut seen = HashSet::with_capacity(self.members.len());
        self.members.iter().map(|member| &*member.key).find(|key| !seen.insert(*key))
    }

    /// The stretches of text to cut so that the members at `indices` (ascending) are gone and the
    /// commas of the others still fit. The stretches never overlap.
    pub fn removals(&self, indices: &[usize]) -> Vec<Range<usize>> {
        let first_kept = (0..self.members.len()).find(|index| !indices.contains(index));
        indices.iter().filter_map(|&index| self.removal(index, first_kept)).collect()
    }

    fn removal(&self, index: usize, first_kept: Option<usize>) -> Option<Range<usize>> {
        let member = self.members.get(index)?;
        if first_kept.is_some_and(|kept| kept < index) {
            return Some(self.members[index - 1].span.end..member.span.end);
        }
        let end = self.members.get(index + 1).map_or(member.span.end, |next| next.key_span.start);
        Some(member.key_span.start..end)
    }

    /// The index of the member called `key`.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.members.iter().position(|member| member.key == key)
    }
}

impl<'a> Member<'a> {
    fn new(whole: &str, key: &'a RawValue, value: &'a RawValue) -> Self {
        let name = string(key.get()).unwrap_or(Cow::Borrowed(key.get()));
        Self { key: name, key_span: span(whole, key.get()), value: value.get(), span: span(whole, value.get()) }
    }
}

/// Where `part`, a slice of `whole`, stands in it.
pub fn span(whole: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start + part.len()
}

/// Decodes a JSON string literal; `None` when `text` is something else.
pub fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(text).ok().map(Cow::Owned)
}

/// The elements of a JSON array as raw text; `None` when `text` is not an array.
pub fn elements(text: &str) -> Option<Vec<&str>> {
    let raw: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(raw.into_iter().map(RawValue::get).collect())
}

/// `value` as a JSON string literal.
pub fn quote(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// Collects the members of an object that is part of `whole`.
struct Members<'w> {
    whole: &'w str,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(10);
        while let Some((key, value)) = map.next_entry()? {
            members.push(Member::new(self.whole, key, value));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, keys: &[&str]) -> String {
        let object = Object::parse(text).unwrap();
        let mut indices: Vec<_> = keys.iter().filter_map(|key| object.position(key)).collect();
        indices.sort_unstable();
        let mut out = text.to_owned();
        for range in object.removals(&indices).into_iter().rev() {
            out.replace_range(range, "");
        }
        out
    }

    #[test]
    fn removes_members_with_their_commas() {
        let text = r#"{ "a":1 , "b" : [2, 3],"c":{"x":"y"} }"#;
        assert_eq!(cut(text, &["a"]), r#"{ "b" : [2, 3],"c":{"x":"y"} }"#);
        assert_eq!(cut(text, &["b"]), r#"{ "a":1,"c":{"x":"y"} }"#);
        assert_eq!(cut(text, &["c"]), r#"{ "a":1 , "b" : [2, 3] }"#);
        assert_eq!(cut(text, &["a", "b"]), r#"{ "c":{"x":"y"} }"#);
        assert_eq!(cut(text, &["b", "c"]), r#"{ "a":1 }"#);
        assert_eq!(cut(text, &["a", "c"]), r#"{ "b" : [2, 3] }"#);
        assert_eq!(cut(text, &["a", "b", "c"]), "{  }");
    }

    #[test]
    fn finds_duplicates_however_they_are_spelt() {
        let duplicate = |text: &str| Object::parse(text).unwrap().duplicate().map(str::to_owned);
        assert_eq!(duplicate(r#"{"model":"a","mod\u0065l":"b"}"#).as_deref(), Some("model"));
        assert_eq!(duplicate(r#"{"a":{"b":1},"b":{"a":1}}"#), None);
        let many: String = (0..100).map(|n| format!("\"k{n}\":{n},")).collect();
        assert_eq!(duplicate(&format!("{{{many}\"k7\":0}}")).as_deref(), Some("k7"));
        assert_eq!(duplicate(&format!("{{{many}\"x\":0}}")), None);
    }

    #[test]
    fn deep_nesting_needs_no_stack() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(Object::parse(&deep).unwrap().has("a"));
    }
}
