//! Faults of a configuration file: all of them, each with its line and what to do.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line in the file, from 1; `None` when it is about something that is missing.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file that was named is not there.
    #[error("there is no configuration file at {0:?}; check --config and FLOWGATE_CONFIG")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("cannot read {0:?}: {1}")]
    Unreadable(PathBuf, String),
    /// The file is wrong.
    #[error("{}", report(.0.as_ref(), .1))]
    Refused(Option<PathBuf>, Vec<Fault>),
}

fn report(file: Option<&PathBuf>, faults: &[Fault]) -> String {
    let file = file.map(|path| path.display().to_string());
    let lines = faults.iter().map(|fault| match (&file, fault.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: {}", fault.message),
        (Some(file), None) => format!("{file}: {}", fault.message),
        (None, _) => fault.message.clone(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Collects faults while a file is read.
pub(super) struct Faults<'a> {
    text: &'a str,
    found: RefCell<Vec<Fault>>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, found: RefCell::default() }
    }

    /// The text of the file.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// A fault at a byte offset of the file.
    pub(super) fn at(&self, offset: usize, message: impl fmt::Display) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        self.found.borrow_mut().push(Fault { line: Some(line), message: message.to_string() });
    }

    /// A fault that stands nowhere: something is missing.
    pub(super) fn missing(&self, message: impl fmt::Display) {
        self.found.borrow_mut().push(Fault { line: None, message: message.to_string() });
    }

    pub(super) fn into_vec(self) -> Vec<Fault> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|fault| fault.line);
        found
    }
}
