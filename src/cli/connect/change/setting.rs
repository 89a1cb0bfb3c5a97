//! One value of a file and where it stands.

/// A value that a tool wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::connect) enum Value {
    Text(String),
    Number(u64),
    /// Gone, whatever it was: it would win over what is set here.
    Gone,
}

/// Where a value stands, from the outermost name to its own, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::connect) struct Setting {
    pub(super) path: Vec<String>,
    pub(super) value: Value,
}

impl Setting {
    pub(in crate::cli::connect) fn new(path: &[&str], value: Value) -> Self {
        Self { path: path.iter().map(|name| (*name).to_owned()).collect(), value }
    }

    pub(in crate::cli::connect) fn text(path: &[&str], text: impl Into<String>) -> Self {
        Self::new(path, Value::Text(text.into()))
    }

    /// The names of the tables around it, and its own.
    pub(super) fn split(&self) -> (&[String], &str) {
        self.path.split_last().map_or((&[], ""), |(own, around)| (around, own.as_str()))
    }

    /// Its whole name, for people.
    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }
}
