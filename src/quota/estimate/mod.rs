//! Estimate: what a request will cost, before it is called. Prompt tokens from the look of the text, answer tokens from
//! what came back lately, seconds from the speed seen; all three learned from every answer.
//!
//! Pure arithmetic over bytes and numbers: no HTTP, no clock, no file, no real tokenizer. Start with [`Estimator`];
//! [`Features`] is what is counted, [`Calibration`] what it stands for, [`Outputs`] how long answers get.

mod calibration;
mod characters;
mod classes;
mod estimator;
mod features;
mod histogram;
mod image;
mod matrix;
mod media;
mod outputs;
mod pairs;
mod prior;
mod speed;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod walk;

pub use calibration::Calibration;
pub use estimator::{Estimator, Expected, Learned};
pub use features::{Feature, Features};
pub use histogram::Histogram;
pub use outputs::Outputs;
pub use speed::Speed;

/// An estimate with its own doubt.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Guess {
    /// What is expected, in tokens; finite, at least 0.
    pub mean: f64,
    /// Standard deviation around it, in tokens; finite, at least 0.
    pub deviation: f64,
}

impl Guess {
    /// A number that is known.
    pub fn exactly(tokens: u64) -> Self {
        Self { mean: tokens as f64, deviation: 0.0 }
    }

    /// The sum of two guesses that know nothing of each other.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self + other
    }

    /// The guess with every number made finite and no number below 0.
    pub(crate) fn sane(mean: f64, deviation: f64) -> Self {
        let sane = |number: f64| if number.is_finite() { number.clamp(0.0, MOST_TOKENS) } else { 0.0 };
        Self { mean: sane(mean), deviation: sane(deviation) }
    }

    /// The number of tokens that is passed with the risk that goes with `z` standard deviations, rounded up.
    pub fn upper(&self, z: f64) -> u64 {
        Self { mean: self.mean + z * self.deviation, ..*self }.whole()
    }

    /// The number of tokens that is expected, rounded up.
    pub fn whole(&self) -> u64 {
        let tokens = Self::sane(self.mean, 0.0).mean;
        // `f64::ceil` would be a call of a function: the oldest processors that this is built for have no such instruction.
        let whole = tokens as u32;
        u64::from(whole) + u64::from(f64::from(whole) != tokens)
    }
}

impl std::ops::Add for Guess {
    type Output = Self;

    /// The sum of two guesses that know nothing of each other.
    fn add(self, other: Self) -> Self {
        Self::sane(self.mean + other.mean, (self.deviation * self.deviation + other.deviation * other.deviation).sqrt())
    }
}

/// Most tokens that anything is taken for (ours): a hundred times the longest context on offer.
pub(crate) const MOST_TOKENS: f64 = 1e8;
