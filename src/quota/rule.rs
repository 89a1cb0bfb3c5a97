//! How the upstream counts: a value, not an assumption (product.md, section 6).

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How amounts leave a minute's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Each amount counts for 60 seconds (users report a rolling window; siliconflow-api.md, section 16).
    #[default]
    Sliding,
    /// Everything is forgotten at each full minute.
    Fixed,
    /// A bucket that drains evenly.
    Bucket,
}

/// When tokens are charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Charge {
    /// When the answer is over, what was really used; a request is let in while anything is left.
    #[default]
    After,
    /// When the request comes, prompt and `max_tokens`; put right when the answer is over.
    Before,
}

/// Rule and moment of charging together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Accounting {
    /// How amounts leave.
    pub rule: Rule,
    /// When tokens are charged.
    pub charge: Charge,
}

impl Rule {
    /// The word in configuration, metrics and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sliding => "sliding",
            Self::Fixed => "fixed",
            Self::Bucket => "bucket",
        }
    }
}

impl Charge {
    /// The word in configuration, metrics and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Before => "before",
        }
    }
}

/// A word that names no rule or no moment of charging.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no accounting rule")]
pub struct UnknownRule(String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        [Self::Sliding, Self::Fixed, Self::Bucket]
            .into_iter()
            .find(|rule| rule.label() == text)
            .ok_or_else(|| UnknownRule(text.to_owned()))
    }
}
