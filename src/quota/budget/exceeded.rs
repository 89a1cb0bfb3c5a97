//! Why a request does not fit.

use std::time::SystemTime;

use super::amount::Unit;
use super::claim::Scope;
use super::period::Period;

/// A budget that has not so much left. All numbers are in pico-CNY or in tokens, as `unit` says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the budget of {} `{}` is used up", scope.label(), scope.name())]
pub struct Exceeded {
    /// Whose budget.
    pub scope: Scope,
    /// For how long it is.
    pub period: Period,
    /// What it counts.
    pub unit: Unit,
    /// Most that may be spent.
    pub limit: u64,
    /// What was spent.
    pub spent: u64,
    /// What requests under way hold.
    pub held: u64,
    /// What this one would have held.
    pub needs: u64,
    /// When the next period begins.
    pub ends: SystemTime,
}
