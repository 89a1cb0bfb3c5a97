//! What a request has cost an account, for those who count that.

use std::sync::Arc;
use std::time::SystemTime;

use super::row::Row;
use crate::quota::money::Money;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The account's name.
    pub account: Arc<str>,
    /// When the request began.
    pub at: SystemTime,
    /// How much; never nothing.
    pub cost: Money,
}

impl Charge {
    /// That of `row`; `None` where it cost nothing, or nobody knows what.
    pub fn of(row: &Row) -> Option<Self> {
        let cost = row.cost.filter(|cost| *cost > Money::ZERO)?;
        Some(Self { account: row.account.clone(), at: row.at(), cost })
    }
}
