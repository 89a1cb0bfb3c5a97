//! Lengths of answers, remembered in buckets that widen with the length and forget with every new one.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Buckets for each doubling: a length is known to a quarter (ours).
const PER_OCTAVE: f64 = 3.0;

/// Buckets: lengths to 2^18 tokens, longer than any answer on offer; the first is for answers without a token.
const BUCKETS: usize = 1 + 18 * 3;

/// What remains of the old with each new length: about the last 100 count (ours).
const KEPT: f32 = 0.99;

/// Weights beyond this are all scaled down together (ours), far from where numbers end.
const MOST_UNIT: f32 = 1e15;

/// Weights of lengths, in tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<f32>", into = "Vec<f32>")]
pub struct Histogram {
    weights: Vec<f32>,
    /// What the last length weighs: that the old ones count less is that new ones count more.
    unit: f32,
}

impl Default for Histogram {
    fn default() -> Self {
        vec![0.0; BUCKETS].into()
    }
}

impl From<Vec<f32>> for Histogram {
    fn from(weights: Vec<f32>) -> Self {
        Self { weights, unit: 1.0 }
    }
}

impl From<Histogram> for Vec<f32> {
    fn from(mut histogram: Histogram) -> Self {
        histogram.scale_down();
        histogram.weights
    }
}

impl Histogram {
    /// A lognormal one of weight 1 around `median` tokens; `spread` is the standard deviation of the logarithm.
    pub(super) fn lognormal(median: f64, spread: f64) -> Self {
        let density =
            |index: usize| (-0.5 * (((lower(index) + upper(index)) / 2.0 / median).ln() / spread).powi(2)).exp();
        let weights: Vec<f64> = (0..BUCKETS).map(|index| if index == 0 { 0.0 } else { density(index) }).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| (weight / total) as f32).collect::<Vec<_>>().into()
    }

    /// The bucket that a length falls into.
    pub(super) fn bucket(tokens: u64) -> usize {
        let octaves = (tokens.max(1) as f64).log2();
        if tokens == 0 { 0 } else { (1 + (octaves * PER_OCTAVE + 1e-9) as usize).min(BUCKETS - 1) }
    }

    /// Remembers a length in its `bucket`; those before it count a little less.
    pub(super) fn learn(&mut self, bucket: usize) {
        self.unit /= KEPT;
        if let Some(weight) = self.weights.get_mut(bucket) {
            *weight += self.unit;
        }
        if self.unit > MOST_UNIT {
            self.scale_down();
        }
    }

    /// The last length weighs 1 again.
    fn scale_down(&mut self) {
        let unit = std::mem::replace(&mut self.unit, 1.0);
        self.weights.iter_mut().for_each(|weight| *weight /= unit);
    }

    /// The weights, in units of the last length's.
    fn weights(&self) -> impl Iterator<Item = f64> {
        let unit = f64::from(self.unit);
        self.weights.iter().map(move |weight| f64::from(*weight) / unit)
    }

    /// How many lengths are remembered, the old ones less.
    pub fn total(&self) -> f64 {
        self.weights().sum()
    }

    /// This one and `other` together, as shares; `other` weighs as much as `worth` lengths.
    #[must_use]
    pub(super) fn over(&self, other: &Self, worth: f64) -> Self {
        let total = self.total() + worth;
        let scale = worth / other.total().max(f64::MIN_POSITIVE);
        let weights = self.weights().zip(other.weights());
        weights.map(|(own, other)| ((own + other * scale) / total) as f32).collect::<Vec<_>>().into()
    }

    /// The length that is not passed with probability `share`; 0 where nothing is remembered.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut left = self.total() * share.clamp(0.0, 1.0);
        let mut last = 0.0;
        for (index, weight) in self.weights().enumerate().filter(|(_, w)| *w > 0.0) {
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
        for (index, weight) in self.weights().enumerate().filter(|(index, _)| upper(*index) > so_far || so_far == 0.0) {
            let (low, high) = (lower(index).max(so_far), upper(index));
            let width = (upper(index) - lower(index)).max(f64::MIN_POSITIVE);
            let weight = weight * if index == 0 { 1.0 } else { (high - low) / width };
            let middle = (f64::midpoint(low, high).min(most) - so_far).max(0.0);
            // A bucket is as wide as uniform.
            let inside = if high <= most { (high - low).powi(2) / 12.0 } else { 0.0 };
            sums = (sums.0 + weight, sums.1 + weight * middle, sums.2 + weight * (middle * middle + inside));
        }
        sums
    }

    pub(super) fn is_sane(&self) -> bool {
        self.weights.len() == BUCKETS && self.weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
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
