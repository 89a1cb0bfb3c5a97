//! A team: keys that share an allowance.

use std::sync::Arc;

use crate::quota::allowance::Allowance;

/// A team, from `[[team]]` in the file or from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its name, in the ledger and in reports.
    pub name: Arc<str>,
    /// What all of its keys together may spend.
    pub allowance: Allowance,
    /// Models that its keys may use, exact or with `*` at the end, besides what each key's own list says; `None` is all.
    pub models: Option<Vec<String>>,
}

impl Team {
    /// A team that may do everything.
    pub fn named(name: Arc<str>) -> Self {
        Self { name, allowance: Allowance::default(), models: None }
    }
}
