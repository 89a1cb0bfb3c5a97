//! Budgets as they are shown, and what has to be told of them.

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::amount::Unit;
use super::claim::Scope;
use super::period::Period;
use crate::quota::money::Money;

/// How far one budget is used. All numbers are in pico-CNY or in tokens, as `unit` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetView {
    /// Whose.
    pub scope: Scope,
    /// For how long.
    pub period: Period,
    /// What it counts.
    pub unit: Unit,
    /// Most that may be spent.
    pub limit: u64,
    /// What was spent.
    pub spent: u64,
    /// What requests under way hold.
    pub held: u64,
    /// When the next period begins.
    pub ends: SystemTime,
    /// From which part on (thousandths) somebody is warned.
    pub warn_permille: u16,
}

impl BudgetView {
    /// What was spent, in whole hundredths of the limit: never rounded up, so that 100 is all of it.
    pub fn used_percent(&self) -> u64 {
        match self.limit {
            0 => 100,
            limit => u64::try_from(u128::from(self.spent) * 100 / u128::from(limit)).unwrap_or(u64::MAX),
        }
    }

    /// Which threshold was passed by what was spent. A budget of nothing forbids, and is never used up.
    pub fn passed(&self) -> Option<Threshold> {
        let (spent, limit) = (u128::from(self.spent) * 1000, u128::from(self.limit));
        match spent {
            _ if limit == 0 => None,
            spent if spent >= limit * 1000 => Some(Threshold::Hard),
            spent if spent >= limit * u128::from(self.warn_permille) => Some(Threshold::Soft),
            _ => None,
        }
    }
}

/// A budget in JSON. Money is text, for it is exact, tokens are numbers.
#[derive(Serialize)]
struct Written<'a> {
    scope: &'static str,
    name: &'a str,
    period: &'static str,
    unit: &'static str,
    limit: Quantity,
    spent: Quantity,
    held: Quantity,
    used_percent: u64,
    ends_at: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Quantity {
    Cny(String),
    Tokens(u64),
}

impl Quantity {
    fn of(unit: Unit, value: u64) -> Self {
        match unit {
            Unit::Money => Self::Cny(Money::from_picos_cny(value).to_string()),
            Unit::Tokens => Self::Tokens(value),
        }
    }
}

impl Serialize for BudgetView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written {
            scope: self.scope.label(),
            name: self.scope.name(),
            period: self.period.label(),
            unit: self.unit.label(),
            limit: Quantity::of(self.unit, self.limit),
            spent: Quantity::of(self.unit, self.spent),
            held: Quantity::of(self.unit, self.held),
            used_percent: self.used_percent(),
            ends_at: humantime::format_rfc3339_seconds(self.ends).to_string(),
        };
        written.serialize(serializer)
    }
}

/// How far a budget has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Threshold {
    /// Enough was spent that somebody wants to know.
    Soft,
    /// Nothing is left, or not enough for a request that came after the soft threshold.
    Hard,
}

impl Threshold {
    /// The word for messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
        }
    }
}

/// A threshold that was just passed, for the first time in its period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// Which.
    pub threshold: Threshold,
    /// The budget, as it is now.
    pub view: BudgetView,
}
