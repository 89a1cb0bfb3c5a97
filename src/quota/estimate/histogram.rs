//! Lengths of answers, remembered in buckets that widen with the length and forget with every new one.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Buckets for each doubling: a length is known to a quarter (ours).
const PER_OCTAVE: f64 = 3.0;

/// Buckets: lengths to 2^18 tokens, longer than any answer on offer; the first is for answers without a token.
const BUCKETS: usize = 1 + 18 * 3;

/// What remains of the old with each new length: about the last 100 count (ours).
const KEPT: f32 = 0.99;

/// Weights of lengths, in tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(Vec<f32>);

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0.0; BUCKETS])
    }
}

impl Histogram {
    /// A lognormal one of weight 1 around `median` tokens; `spread` is the standard deviation of the logarithm.
    pub(super) fn lognormal(median: f64, spread: f64) -> Self {
        let density =
            |index: usize| (-0.5 * (((lower(index) + upper(index)) / 2.0 / median).ln() / spread).powi(2)).exp();
        let weights: Vec<f64> = (0..BUCKETS).map(|index| if index == 0 { 0.0 } else { density(index) }).collect();
        let total: f64 = weights.iter().sum();
        Self(weights.into_iter().map(|weight| (weight / total) as f32).collect())
    }

    /// The bucket that a length falls into.
    pub(super) fn bucket(tokens: u64) -> usize {
        let octaves = (tokens.max(1) as f64).log2();
        if tokens == 0 { 0 } else { (1 + (octaves * PER_OCTAVE + 1e-9) as usize).min(BUCKETS - 1) }
    }

    /// Remembers a length in its `bucket`; those before it count a little less.
    pub(super) fn learn(&mut self, bucket: usize) {
        self.0.iter_mut().for_each(|weight| *weight *= KEPT);
        if let Some(weight) = self.0.get_mut(bucket) {
            *weight += 1.0;
        }
    }

    /// How many lengths are remembered, the old ones less.
    pub fn total(&self) -> f64 {
        self.0.iter().map(|weight| f64::from(*weight)).sum()
    }

    /// This one and `other` together, as shares; `other` weighs as much as `worth` lengths.
    #[must_use]
    pub(super) fn over(&self, other: &Self, worth: f64) -> Self {
        let total = self.total() + worth;
        let scale = worth / other.total().max(f64::MIN_POSITIVE);
        let weights = self.0.iter().zip(&other.0);
        Self(weights.map(|(own, other)| ((f64::from(*own) + f64::from(*other) * scale) / total) as f32).collect())
    }

    /// The length that is not passed with probability `share`; 0 where nothing is remembered.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut left = self.total() * share.clamp(0.0, 1.0);
        let mut last = 0.0;
        for (index, weight) in self.0.iter().map(|weight| f64::from(*weight)).enumerate().filter(|(_, w)| *w > 0.0) {
            if left <= weight {
                return lower(index) + (upper(index) - lower(index)) * left / weight;
            }
            left -= weight;
            last = upper(index);
        }
        last
    }

    /// Weight, mean and mean square of what lies above `so_far` tokens, each length cut to `most`, less `so_far`.
    pub(super) fn beyond(&self, so_far: f64, most: f64) -> (f64, f64, f64) {
        let mut sums = (0.0, 0.0, 0.0);
        for (index, weight) in self.0.iter().enumerate().filter(|(index, _)| upper(*index) > so_far || so_far == 0.0) {
            let (low, high) = (lower(index).max(so_far), upper(index));
            let width = (upper(index) - lower(index)).max(f64::MIN_POSITIVE);
            let weight = f64::from(*weight) * if index == 0 { 1.0 } else { (high - low) / width };
            let middle = (f64::midpoint(low, high).min(most) - so_far).max(0.0);
            // A bucket is as wide as uniform.
            let inside = if high <= most { (high - low).powi(2) / 12.0 } else { 0.0 };
            sums = (sums.0 + weight, sums.1 + weight * middle, sums.2 + weight * (middle * middle + inside));
        }
        sums
    }

    pub(super) fn is_sane(&self) -> bool {
        self.0.len() == BUCKETS && self.0.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
    }
}

/// Where each bucket ends.
static ENDS: LazyLock<[f64; BUCKETS]> =
    LazyLock::new(|| std::array::from_fn(|bucket| if bucket == 0 { 0.0 } else { (bucket as f64 / PER_OCTAVE).exp2() }));

/// Shortest length of a bucket.
fn lower(bucket: usize) -> f64 {
    match bucket {
        0 => 0.0,
        1 => 1.0,
        _ => ENDS[bucket - 1],
    }
}

/// Length at which the next bucket begins; the first holds nothing but 0.
fn upper(bucket: usize) -> f64 {
    ENDS[bucket]
}
