//! What a key, a team or an account may spend in a day and in a month (of Asia/Shanghai), as it is written down. Who keeps
//! it: [`budget`](super::budget).

use super::money::Money;

/// Most that may be spent in one period; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cap {
    /// Money.
    pub money: Option<Money>,
    /// Tokens, of prompts and answers together.
    pub tokens: Option<u64>,
}

/// Caps for a day and a month; both hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// In one day.
    pub day: Cap,
    /// In one month.
    pub month: Cap,
}

impl Allowance {
    /// Whether it allows everything.
    pub fn is_endless(&self) -> bool {
        *self == Self::default()
    }
}
