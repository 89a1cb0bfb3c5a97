//! What budgets count: money and tokens, side by side.

use crate::quota::money::Money;

/// What budgets are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Money, counted in pico-CNY.
    Money,
    /// Tokens.
    Tokens,
}

impl Unit {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Money, Self::Tokens];

    /// The word for metrics and headers.
    pub fn label(self) -> &'static str {
        match self {
            Self::Money => "cny",
            Self::Tokens => "tokens",
        }
    }

    /// So much of it, for people: `12.50 CNY`, `1000 tokens`.
    pub fn shown(self, value: u64) -> String {
        match self {
            Self::Money => format!("{} CNY", Money::from_picos_cny(value)),
            Self::Tokens => format!("{value} tokens"),
        }
    }
}

/// Money and tokens of a request, or of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Money.
    pub money: Money,
    /// Tokens of prompts and answers.
    pub tokens: u64,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self { money: Money::ZERO, tokens: 0 };

    /// The part in one unit, in pico-CNY or in tokens.
    pub fn of(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Money => self.money.picos_cny(),
            Unit::Tokens => self.tokens,
        }
    }

    /// Both together. Stops at the largest number there is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { money: self.money + other.money, tokens: self.tokens.saturating_add(other.tokens) }
    }

    /// What is left; nothing where more is taken than there is.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self { money: self.money - other.money, tokens: self.tokens.saturating_sub(other.tokens) }
    }

    /// In each unit the larger one.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { money: self.money.max(other.money), tokens: self.tokens.max(other.tokens) }
    }
}
