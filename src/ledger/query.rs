//! What may be asked of the ledger: sums over a range of days, by whatever tells rows apart.

use crate::quota::money::Money;

/// What sums may be told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The virtual key.
    Key,
    /// Its team.
    Team,
    /// One of its tags; a row with several is in each one's sum.
    Tag,
    /// The account.
    Account,
    /// The model called.
    Model,
    /// The endpoint.
    Endpoint,
    /// The day in Asia/Shanghai.
    Day,
    /// By which right the model was called.
    Right,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// First day, as `quota::calendar::day_of` counts.
    pub from_day: u64,
    /// Last day, included.
    pub until_day: u64,
    /// What the sums are told apart by, in this order; nothing gives one sum.
    pub by: Vec<Dimension>,
    /// Only rows where a dimension has this value.
    pub only: Vec<(Dimension, String)>,
}

/// The sum of some rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sum {
    /// The values of [`Query::by`], in its order; days as `2026-11-22`.
    pub group: Vec<String>,
    /// Requests.
    pub requests: u64,
    /// Those among them that did not end with a whole answer.
    pub failed: u64,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Prompt tokens from the cache.
    pub cached_tokens: u64,
    /// Reasoning tokens.
    pub reasoning_tokens: u64,
    /// Pictures.
    pub images: u64,
    /// What they cost.
    pub cost: Money,
    /// Requests that used something nobody gives a price for.
    pub unpriced: u64,
    /// Requests whose usage is not known exactly.
    pub inexact: u64,
}
