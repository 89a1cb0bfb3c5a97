//! SiliconFlow's usage levels of an account, and the spend at which each begins.
//!
//! Knows no model and no file: the thresholds are handed in by whoever read them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::money::Money;

/// A usage level; it sets the limits of paid models (siliconflow-api.md, section 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Tier {
    /// A new account.
    #[default]
    L0,
    /// Above [`Tier::L0`].
    L1,
    /// Above [`Tier::L1`].
    L2,
    /// Above [`Tier::L2`].
    L3,
    /// Above [`Tier::L3`].
    L4,
    /// The highest.
    L5,
}

/// A word that names no tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tier; SiliconFlow's are L0, L1, L2, L3, L4 and L5")]
pub struct UnknownTier(String);

impl Tier {
    /// All of them, lowest first.
    pub const ALL: [Self; 6] = [Self::L0, Self::L1, Self::L2, Self::L3, Self::L4, Self::L5];

    /// As SiliconFlow writes it: `L0`.
    pub fn label(self) -> &'static str {
        ["L0", "L1", "L2", "L3", "L4", "L5"][self.index()]
    }

    /// Its number, 0 to 5.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.label())
    }
}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, UnknownTier> {
        let found = Self::ALL.into_iter().find(|tier| tier.label().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownTier(text.to_owned()))
    }
}

/// The monthly spend at which L1 to L5 begin, rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds([Money; 5]);

/// Thresholds that nobody reaches.
impl Default for Thresholds {
    fn default() -> Self {
        Self([Money::MAX; 5])
    }
}

impl Thresholds {
    /// The spend from which on an account is L1, L2, ... L5; `None` when they do not rise.
    pub fn new(from: [Money; 5]) -> Option<Self> {
        from.is_sorted_by(|lower, higher| lower < higher).then_some(Self(from))
    }

    /// The tier of an account that spent so much: half-open, the threshold itself belongs to the higher tier.
    pub fn of_spend(&self, spent: Money) -> Tier {
        Tier::ALL[self.0.iter().filter(|from| spent >= **from).count()]
    }

    /// The spend at which `tier` begins; nothing for L0.
    pub fn of_tier(&self, tier: Tier) -> Money {
        tier.index().checked_sub(1).map_or(Money::ZERO, |index| self.0[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cny(amount: u64) -> Money {
        Money::from_micros_cny(amount * 1_000_000)
    }

    #[test]
    fn words_are_read_in_either_case() {
        for tier in Tier::ALL {
            assert_eq!(tier.to_string().parse(), Ok(tier));
            assert_eq!(tier.label().to_lowercase().parse(), Ok(tier));
        }
        let error = "L6".parse::<Tier>().unwrap_err().to_string();
        assert_eq!(error, "`L6` is no tier; SiliconFlow's are L0, L1, L2, L3, L4 and L5");
    }

    #[test]
    fn a_threshold_belongs_to_the_higher_tier() {
        let thresholds = Thresholds::new([50, 200, 2_000, 5_000, 10_000].map(cny)).unwrap();
        let just_below = Money::from_picos_cny(cny(50).picos_cny() - 1);
        for (spent, tier) in [(cny(0), Tier::L0), (just_below, Tier::L0), (cny(50), Tier::L1), (cny(199), Tier::L1)] {
            assert_eq!(thresholds.of_spend(spent), tier, "{spent}");
        }
        assert_eq!(thresholds.of_spend(cny(4_999)), Tier::L3);
        assert_eq!(thresholds.of_spend(Money::MAX), Tier::L5);
        for tier in Tier::ALL {
            assert_eq!(thresholds.of_spend(thresholds.of_tier(tier)), tier);
        }
    }

    #[test]
    fn thresholds_rise() {
        assert_eq!(Thresholds::new([50, 50, 2_000, 5_000, 10_000].map(cny)), None);
    }
}
