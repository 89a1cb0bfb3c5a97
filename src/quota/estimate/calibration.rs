//! How many tokens a model makes of what was counted: a weight for each feature, learned from every answer's usage.
//!
//! Recursive least squares on relative errors, in the shape of a Kalman filter: the weights begin at a prior with a
//! stated doubt, each answer moves those that could explain its error, and the doubt grows back slowly, so that a
//! model whose tokenizer changed is learned anew. It knows neither the texts nor the names of models.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::features::{Feature, Features};
use super::matrix::{Sparse, Symmetric};
use super::prior::{self, Family};
use super::{Guess, MOST_TOKENS};

const N: usize = Feature::COUNT;

/// Relative error that stays when the weights are right: what counting classes cannot see. Measured on the test samples
/// (medians of 1 to 4 %, 90th percentiles of 3 to 10 %, 2026-11-21).
const NOISE: f64 = 0.05;

/// Tokens by which a short request may be wrong whatever its length (ours).
const NOISE_TOKENS: f64 = 2.0;

/// Errors beyond this many standard deviations pull no harder, and beyond the second number ever less (ours): one wrong
/// usage must not undo much, yet a changed tokenizer must be followed.
const CLIP: (f64, f64) = (3.0, 8.0);

/// Share of the first doubt that comes back with every answer: after 2,000 answers all of it (ours).
const DRIFT: f64 = 1.0 / 2_000.0;

/// Answers over which the spread of the relative errors is remembered (ours).
const MEMORY: f64 = 100.0;

/// How many answers the first belief in that spread is worth (ours).
const FIRST_MEMORY: f64 = 10.0;

/// Weights beyond this many times their prior are not believed (ours).
const MOST_TIMES: f64 = 12.0;

/// The weights of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    family: Family,
    weights: Vec<f64>,
    doubt: Symmetric,
    /// Mean square of the relative errors seen lately.
    spread: f64,
    /// Answers learned from.
    learned: u64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self::of_family(Family::Unknown)
    }
}

impl Calibration {
    /// What is believed of a model before its first answer, by its name.
    pub fn of_model(model: &str) -> Self {
        Self::of_family(Family::of(model))
    }

    fn of_family(family: Family) -> Self {
        let doubt = Symmetric::new(N, |row, column| prior::doubt(family, row, column));
        let spread = NOISE * NOISE;
        Self { family, weights: prior::weights(family).to_vec(), doubt, spread, learned: 0 }
    }

    /// The same, made once for all models that nothing was learned of.
    pub(super) fn first(model: &str) -> &'static Self {
        static FIRST: [LazyLock<Calibration>; 3] = [
            LazyLock::new(|| Calibration::of_family(Family::Qwen)),
            LazyLock::new(|| Calibration::of_family(Family::Deepseek)),
            LazyLock::new(|| Calibration::of_family(Family::Unknown)),
        ];
        &FIRST[Family::of(model) as usize]
    }

    /// Answers learned from.
    pub fn learned(&self) -> u64 {
        self.learned
    }

    /// Tokens of a prompt with `features`. The deviation is made of the doubt about the weights and of the errors seen
    /// lately.
    pub fn predict(&self, features: &Features) -> Guess {
        let counts = features.sparse();
        let mean = counts.dot(&self.weights);
        let doubt = self.doubt.square(&counts).max(0.0);
        let noise = self.spread * mean * mean + NOISE_TOKENS * NOISE_TOKENS;
        Guess::sane(mean, (doubt + noise).sqrt())
    }

    /// Learns that a prompt with `features` was `actual` tokens. An actual of 0, or one beyond any context, is no
    /// observation.
    pub fn learn(&mut self, features: &Features, actual: u64) {
        let tokens = actual as f64;
        if actual == 0 || tokens > MOST_TOKENS || features.is_empty() {
            return;
        }
        self.learn_spread(self.predict(features).mean, tokens);
        let (weights, doubt) = self.moved(features, tokens);
        if weights.iter().all(|weight| weight.is_finite()) && doubt.is_sane(N) {
            (self.weights, self.doubt) = (weights, doubt);
        } else {
            *self = Self::of_family(self.family);
        }
        self.learned = self.learned.saturating_add(1);
    }

    fn learn_spread(&mut self, mean: f64, tokens: f64) {
        let error = ((tokens - mean) / tokens).clamp(-1.0, 1.0);
        let memory = (self.learned as f64 + FIRST_MEMORY).min(MEMORY);
        // The tokens that any short request may be wrong by are counted apart.
        let own = (error * error - (NOISE_TOKENS / tokens).powi(2)).max(0.0);
        self.spread += (own - self.spread) / memory;
    }

    /// The weights and their doubt after an answer.
    fn moved(&self, features: &Features, tokens: f64) -> (Vec<f64>, Symmetric) {
        let shares = features.counts().map(|count| count / tokens);
        let row = Sparse::of(&shares);
        let pull = self.doubt.times(&row);
        let noise = NOISE * NOISE + (NOISE_TOKENS / tokens).powi(2);
        let variance = row.dot(&pull).max(0.0) + noise;
        let error = 1.0 - row.dot(&self.weights);
        let trust = trust(error / variance.sqrt());
        let first = prior::weights(self.family);
        let bounded = |index: usize, weight: f64| weight.clamp(0.0, MOST_TIMES * (first[index] + 0.1));
        let step = trust * error / variance;
        let weights = self.weights.iter().zip(pull).enumerate();
        let weights = weights.map(|(index, (weight, pull))| bounded(index, weight + step * pull)).collect();
        let mut doubt = self.doubt.clone();
        doubt.subtract_outer(&pull, trust / variance);
        doubt.widen::<N>(|index| {
            let first = prior::doubt(self.family, index, index);
            (DRIFT * first, first)
        });
        (weights, doubt)
    }

    /// Whether the numbers, which may have been read from a file, can be worked with.
    pub(super) fn is_sane(&self) -> bool {
        let first = prior::weights(self.family);
        let is_sane = |(weight, first): (&f64, &f64)| (0.0..=PAPER * MOST_TIMES * (first + 0.1)).contains(weight);
        let are_weights_sane = self.weights.len() == N && self.weights.iter().zip(first).all(is_sane);
        let is_narrow = |index| self.doubt.at(index, index) <= PAPER * prior::doubt(self.family, index, index);
        let is_doubt_sane = self.doubt.is_sane(N) && (0..N).all(is_narrow);
        are_weights_sane && is_doubt_sane && (0.0..=1.0).contains(&self.spread)
    }
}

/// What a number may grow by when it is written down and read again.
const PAPER: f64 = 1.000_001;

/// How far an error of `deviations` standard deviations is believed, from 0 to 1.
fn trust(deviations: f64) -> f64 {
    let far = deviations.abs().max(CLIP.0);
    CLIP.0 / far * (CLIP.1 / far).min(1.0)
}
