//! What a key, a team or an account may spend in a day and in a month (of Asia/Shanghai), as it is written down. Who keeps
//! it: [`budget`](super::budget).

use super::budget::{Period, Unit};
use super::money::Money;

/// Most that may be spent in one period; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cap {
    /// Money.
    pub money: Option<Money>,
    /// Tokens, of prompts and answers together.
    pub tokens: Option<u64>,
}

impl Cap {
    /// The limit of one unit, in pico-CNY or in tokens.
    pub fn limit(&self, unit: Unit) -> Option<u64> {
        match unit {
            Unit::Money => self.money.map(Money::picos_cny),
            Unit::Tokens => self.tokens,
        }
    }
}

/// Caps for a day and a month; both hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// In one day.
    pub day: Cap,
    /// In one month.
    pub month: Cap,
    /// From which part of a cap on (thousandths) whoever spends it is warned.
    pub warn_permille: u16,
}

/// The part from which on somebody is warned where nothing is said (thousandths; ours).
pub const WARN_PERMILLE: u16 = 800;

impl Default for Allowance {
    /// Everything.
    fn default() -> Self {
        Self { day: Cap::default(), month: Cap::default(), warn_permille: WARN_PERMILLE }
    }
}

impl Allowance {
    /// Whether it allows everything.
    pub fn is_endless(&self) -> bool {
        (self.day, self.month) == (Cap::default(), Cap::default())
    }

    /// The cap of one period.
    pub fn cap(&self, period: Period) -> &Cap {
        match period {
            Period::Day => &self.day,
            Period::Month => &self.month,
        }
    }

    /// Whether it says anything about `unit`.
    pub fn limits(&self, unit: Unit) -> bool {
        Period::ALL.iter().any(|period| self.cap(*period).limit(unit).is_some())
    }
}
