//! JSON written member by member, in the order in which it is said: what a caller wrote goes on as the bytes it came in, for
//! the order of a schema's properties means something to a model. It must not know what the members are.

use crate::wire::json;

/// An object under way.
#[derive(Debug, Clone)]
pub(super) struct Members(String);

impl Members {
    /// One without members.
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds a member whose `value` is JSON already.
    pub(super) fn raw(&mut self, key: &str, value: &str) -> &mut Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
        self.0.push_str(value);
        self
    }

    /// Adds a member that is a string.
    pub(super) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.raw(key, &json::quote(value))
    }

    /// Adds a member whose value is JSON already, if there is one.
    pub(super) fn maybe(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.raw(key, value),
            None => self,
        }
    }

    /// The whole object.
    pub(super) fn end(&self) -> String {
        format!("{}}}", self.0)
    }

    /// Its members without the braces.
    pub(super) fn inside(&self) -> &str {
        self.0.get(1..).unwrap_or_default()
    }
}

/// An array of what is JSON already.
pub(super) fn array<T: AsRef<str>>(values: &[T]) -> String {
    let length = values.iter().map(|value| value.as_ref().len() + 1).sum::<usize>() + 2;
    let mut out = String::with_capacity(length);
    out.push('[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(value.as_ref());
    }
    out.push(']');
    out
}

/// What stands between the quotes of a string literal, its escapes as they are; `None` when `literal` is something else.
pub(super) fn inner(literal: &str) -> Option<&str> {
    literal.strip_prefix('"')?.strip_suffix('"')
}

/// A string literal around what [`inner`] returned, or several of them one after the other.
pub(super) fn literal(inner: &str) -> String {
    format!("\"{inner}\"")
}
