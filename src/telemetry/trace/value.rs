//! Values of attributes, and which side of a conversation a span is on. Pure.

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Word(&'static str),
    Number(i64),
    Decimal(f64),
    Words(Vec<&'static str>),
}

/// OpenTelemetry's kind of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Server,
    Internal,
    Client,
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Decimal(number)
    }
}

impl From<&[&'static str]> for Value {
    fn from(words: &[&'static str]) -> Self {
        Self::Words(words.to_vec())
    }
}
