//! The tiers as the data file writes them (RL there: the rate-limit page). Must not know limits.

use serde::Deserialize;

use super::fault::CatalogueError;
use crate::quota::money::Money;
use crate::quota::tier::{Thresholds, Tier};

/// `[tiers]` of the data file.
#[derive(Debug, Deserialize)]
pub(super) struct RawTiers {
    level: Vec<RawLevel>,
}

/// Half-open: `min_cny <= spend < below_cny`; the last level has no end.
#[derive(Debug, Deserialize)]
struct RawLevel {
    name: String,
    min_cny: u64,
    below_cny: Option<u64>,
}

impl RawTiers {
    /// The thresholds, when the levels are L0 to L5 in order, from nothing on and without a gap.
    pub(super) fn read(&self) -> Result<Thresholds, CatalogueError> {
        let names = self.level.iter().map(|level| level.name.as_str());
        let ends = self.level.windows(2).all(|pair| pair[0].below_cny == Some(pair[1].min_cny));
        let begins = |level: &RawLevel| Money::from_micros_cny(level.min_cny.saturating_mul(1_000_000));
        let from: Vec<Money> = self.level.iter().skip(1).map(begins).collect();
        let thresholds = <[Money; 5]>::try_from(from).ok().and_then(Thresholds::new);
        let starts = self.level.first().is_some_and(|level| level.min_cny == 0);
        match thresholds {
            Some(thresholds) if starts && ends && names.eq(Tier::ALL.map(Tier::label)) => Ok(thresholds),
            _ => Err(CatalogueError::Tiers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_with_a_gap_are_refused() {
        let level = |index: usize, min_cny| RawLevel {
            name: Tier::ALL[index].label().to_owned(),
            min_cny,
            below_cny: Some(min_cny + 10),
        };
        let levels = |mins: [u64; 6]| mins.into_iter().enumerate().map(|(index, min)| level(index, min)).collect();
        let read = |mins| RawTiers { level: levels(mins) }.read();
        assert!(read([0, 10, 20, 30, 40, 50]).is_ok());
        for wrong in [[0, 10, 21, 30, 40, 50], [5, 15, 25, 35, 45, 55], [0, 10, 20, 30, 50, 40]] {
            assert_eq!(read(wrong).unwrap_err(), CatalogueError::Tiers);
        }
    }
}
