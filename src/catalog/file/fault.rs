//! What can be wrong with a data file, and where.

use std::fmt;

/// Why a data file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// No TOML, or a field is missing or of the wrong type.
    #[error("{0}")]
    Shape(String),
    /// The levels are not L0 to L5 with rising thresholds and no gap.
    #[error("[[tiers.level]] must be L0 to L5 in order, each beginning where the one before ends")]
    Tiers,
    /// A limit that is no metric's or nothing, or a range that does not rise.
    #[error(
        "`{0}` is no limit: metrics are rpm, rph, rpd, tpm, tpd, ipm and ipd, numbers at least 1, ranges one or two that rise"
    )]
    Limit(String),
    /// A price that is no decimal, has more than six decimals, or is for the output alone.
    #[error(
        "{0}: prices are decimals with at most six places, hours like \"02:00-08:00 UTC+8\", none for the output alone"
    )]
    Price(String),
    /// A price of a model that costs nothing.
    #[error("{0} is free and has a price: write `free = false`, or leave out the price")]
    FreeAndPriced(String),
    /// A model that stands there twice.
    #[error("{0} stands there twice")]
    Twice(String),
    /// A model of which nobody knows what it is for.
    #[error("{0} is new and needs a `kind`, such as \"chat\" or \"embedding\"")]
    NoKind(String),
    /// A name that no model has a place for.
    #[error("{0}: unknown name `{1}`{hint}", hint = .2.as_ref().map(|known| format!("; did you mean `{known}`?")).unwrap_or_default())]
    UnknownName(String, String, Option<&'static str>),
    /// The substitute of a model cannot stand for it.
    #[error("{0}: its substitute {1}")]
    Substitute(String, String),
}

/// One fault and its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CatalogueFault {
    /// Line of the text, from 1; `None` when it is about something that is missing.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub error: CatalogueError,
}

impl fmt::Display for CatalogueFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "line {line}: {}", self.error),
            None => self.error.fmt(formatter),
        }
    }
}

/// The line of a byte offset of `text`, from 1.
pub(in crate::catalog) fn line(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.bytes().filter(|byte| *byte == b'\n').count() + 1
}
