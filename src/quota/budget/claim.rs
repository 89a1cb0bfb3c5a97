//! Whose budget it is, and what it allows.

use std::sync::Arc;

use crate::quota::allowance::Allowance;

/// Whose budget it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// A virtual key's.
    Key(Arc<str>),
    /// A team's: that of all its keys together.
    Team(Arc<str>),
    /// An account's: that of all who call through it.
    Account(Arc<str>),
    /// What may be spent through an account by going from free models to paid ones.
    Spill(Arc<str>),
}

impl Scope {
    /// Every value of [`label`](Self::label).
    pub const LABELS: [&'static str; 4] = ["key", "team", "account", "spill"];

    /// The word for metrics and headers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Team(_) => "team",
            Self::Account(_) => "account",
            Self::Spill(_) => "spill",
        }
    }

    /// The name of the key, the team or the account.
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::Key(name) | Self::Team(name) | Self::Account(name) | Self::Spill(name) => name,
        }
    }
}

/// A budget that a request has to fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose it is.
    pub scope: Scope,
    /// What it allows.
    pub allowance: Allowance,
}
