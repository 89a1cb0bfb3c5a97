//! Money as an integer.
//!
//! The unit is the pico-CNY (a millionth of a millionth): a price of so many micro-CNY for a million tokens is so many
//! pico-CNY for one, so that what a request costs is exact. A micro-CNY would not do: one input token of a small
//! embedding model costs less than a tenth of it.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// Pico-CNY in a CNY.
const PICOS: u64 = 1_000_000_000_000;
/// Pico-CNY in a micro-CNY.
const PICOS_IN_MICRO: u64 = 1_000_000;

/// An amount in pico-CNY, never negative. It holds 18 million CNY; sums and products stop there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(u64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The most it holds: about 18,446,744 CNY.
    pub const MAX: Self = Self(u64::MAX);

    /// So many pico-CNY.
    pub const fn from_picos_cny(picos_cny: u64) -> Self {
        Self(picos_cny)
    }

    /// So many micro-CNY.
    pub const fn from_micros_cny(micros_cny: u64) -> Self {
        Self(micros_cny.saturating_mul(PICOS_IN_MICRO))
    }

    /// In pico-CNY, exact.
    pub const fn picos_cny(self) -> u64 {
        self.0
    }

    /// In whole micro-CNY; parts of one are left out.
    pub const fn micros_cny(self) -> u64 {
        self.0 / PICOS_IN_MICRO
    }

    /// So many times as much.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// What is left; nothing where more is taken than there is.
impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// CNY without the word: exact with two decimals or more, or cut (not rounded) to the decimals asked for, so that an
/// amount below a threshold is never shown as the threshold.
impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:012}", self.0 % PICOS);
        let exact = decimals.trim_end_matches('0').len().max(2);
        let shown = formatter.precision().unwrap_or(exact).min(decimals.len());
        let point = if shown == 0 { "" } else { "." };
        write!(formatter, "{}{point}{}", self.0 / PICOS, &decimals[..shown])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_exactly_or_cut() {
        let check = |picos, exact: &str, cents: &str| {
            let money = Money::from_picos_cny(picos);
            assert_eq!((money.to_string().as_str(), format!("{money:.2}").as_str()), (exact, cents));
        };
        check(0, "0.00", "0.00");
        check(57_200_000_000_000, "57.20", "57.20");
        check(49_999_000_000_000, "49.999", "49.99");
        check(175_000, "0.000000175", "0.00");
        assert_eq!(format!("{:.0}", Money::from_micros_cny(1_999_999)), "1");
    }

    #[test]
    fn stops_at_its_ends() {
        let cent = Money::from_micros_cny(10_000);
        assert_eq!(Money::MAX + cent, Money::MAX);
        assert_eq!(Money::from_micros_cny(u64::MAX), Money::MAX);
        assert_eq!(cent.times(u64::MAX), Money::MAX);
        assert_eq!(cent - Money::MAX, Money::ZERO);
        assert_eq!([cent, cent, cent].into_iter().sum::<Money>().micros_cny(), 30_000);
    }
}
