//! The whole: every model's calibration, answer lengths and speed behind one door that threads share.
//!
//! There is one lock, held for arithmetic only. It reads no clock and no file: what was learned is handed out and in as a
//! value.

use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::features::Features;
use super::outputs::{Entry, Outputs};
use super::speed::Speed;
use super::table::Table;
use super::{Guess, Histogram};
use crate::quota::map::QuickMap;

/// Models remembered (ours): more than SiliconFlow offers of any kind. The one used longest ago makes room.
const MOST_MODELS: usize = 128;

/// Estimates for all models.
#[derive(Debug)]
pub struct Estimator {
    models: Mutex<Table<Model>>,
}

impl Default for Estimator {
    fn default() -> Self {
        Self { models: Mutex::new(Table::new(MOST_MODELS)) }
    }
}

/// What a request may need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Tokens of the prompt.
    pub prompt: Guess,
    /// Tokens of the answer.
    pub output: Guess,
    /// How long the answer takes.
    pub duration: Duration,
    /// Whether its answer is to teach something about prompts: each does at first, later now and then. Weights that have seen
    /// much move little with each answer, and moving them is what costs most.
    pub is_lesson: bool,
}

/// What an answer taught.
#[derive(Debug, Clone, Copy)]
pub struct Learned<'a> {
    /// The model that answered, by the upstream's name.
    pub model: &'a str,
    /// The key that asked.
    pub key: &'a str,
    /// What the prompt was made of; `None` where nothing is to be learned about prompts.
    pub features: Option<&'a Features>,
    /// `max_tokens` as asked.
    pub asked: Option<u64>,
    /// Whether thinking was asked for; `None` where nothing was said.
    pub is_thinking: Option<bool>,
    /// Prompt tokens by the upstream's count.
    pub input: Option<u64>,
    /// Answer tokens by the upstream's count, of a whole answer: one that was broken off says nothing of lengths.
    pub output: Option<u64>,
    /// Time to the first token, of an answer that was streamed.
    pub first_token: Option<Duration>,
    /// Time to the last.
    pub total: Option<Duration>,
}

impl Estimator {
    /// What a request of `key` with `features` that asked for `asked` at most may need.
    pub fn expect(
        &self,
        model: &str,
        key: &str,
        features: &Features,
        asked: Option<u64>,
        is_thinking: Option<bool>,
    ) -> Expected {
        self.with(model, |known| known.expect(key, features, asked, is_thinking)).unwrap_or_else(|| {
            let output = Outputs::default().expect(key, asked, is_thinking, 0);
            let duration = Speed::default().duration(output.mean as u64);
            Expected { prompt: Calibration::first(model).predict(features), output, duration, is_lesson: true }
        })
    }

    /// Prompt tokens of a request with `features` to `model`.
    pub fn prompt(&self, model: &str, features: &Features) -> Guess {
        self.with(model, |known| known.calibration.predict(features))
            .unwrap_or_else(|| Calibration::first(model).predict(features))
    }

    /// Answer tokens of a request of `key` that asked for `asked` at most.
    pub fn output(&self, model: &str, key: &str, asked: Option<u64>, is_thinking: Option<bool>) -> Guess {
        self.remaining(model, key, asked, is_thinking, 0)
    }

    /// Answer tokens still to come after `so_far`.
    pub fn remaining(
        &self,
        model: &str,
        key: &str,
        asked: Option<u64>,
        is_thinking: Option<bool>,
        so_far: u64,
    ) -> Guess {
        self.with(model, |known| known.remaining(key, asked, is_thinking, so_far))
            .unwrap_or_else(|| Outputs::default().expect(key, asked, is_thinking, so_far))
    }

    /// The lengths of answers to expect, for quantiles; `asked` is not cut off.
    pub fn lengths(&self, model: &str, key: &str, asked: Option<u64>, is_thinking: Option<bool>) -> Histogram {
        self.with(model, |known| known.outputs.lengths(key, asked, is_thinking))
            .unwrap_or_else(|| Outputs::default().lengths(key, asked, is_thinking))
    }

    /// How long an answer of `output` tokens will take.
    pub fn duration(&self, model: &str, output: u64) -> Duration {
        self.with(model, |known| known.speed.duration(output)).unwrap_or_else(|| Speed::default().duration(output))
    }

    /// Learns from an answer. Returns the relative error of the prompt's estimate as it was before,
    /// `(estimate - actual) / actual`, where something was learned about prompts.
    pub fn learn(&self, learned: Learned<'_>) -> Option<f64> {
        let mut models = self.known();
        models.change(learned.model, || Model::new(learned.model), |model| model.learn(learned))?
    }

    /// Models that something was learned of.
    pub fn models(&self) -> usize {
        self.known().len()
    }

    /// Everything learned, to be kept over a restart.
    pub fn export(&self) -> serde_json::Value {
        let models: Vec<_> = self.known().iter().map(|(name, model)| model.save(name.to_owned())).collect();
        serde_json::json!({ "version": VERSION, "models": models })
    }

    /// Takes what [`Self::export`] gave. What makes no sense is left out; returns how many models were taken.
    pub fn import(&self, saved: &serde_json::Value) -> usize {
        if saved["version"] != VERSION {
            return 0;
        }
        let models = saved["models"].as_array().map(Vec::as_slice).unwrap_or_default();
        models.iter().filter_map(|model| Saved::deserialize(model).ok()).filter(|model| self.restore(model)).count()
    }

    fn restore(&self, saved: &Saved) -> bool {
        if !saved.calibration.is_sane() || !saved.speed.is_sane() {
            return false;
        }
        let mut models = self.known();
        models.change(&saved.name, || Model::new(&saved.name), |model| model.restore(saved)).is_some()
    }

    /// `read` of a model that is known.
    fn with<R>(&self, name: &str, read: impl FnOnce(&mut Model) -> R) -> Option<R> {
        self.known().get(name).map(read)
    }

    /// A panic while the lock was held leaves values that are still good: each is written in one step.
    fn known(&self) -> MutexGuard<'_, Table<Model>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers that each teach something about prompts; after that every so many-th does (ours).
const EAGER: u64 = 200;
const RARELY: u64 = 64;
/// Answers for which a guess of a length may be told again (ours), and how many guesses are kept for that.
const FRESH: u64 = 32;
const MOST_GUESSES: usize = 64;

/// The shape of what is exported. A change of [`super::Feature`] changes what weights mean: count this up with it.
const VERSION: u64 = 1;

/// What is known of one model.
#[derive(Debug)]
struct Model {
    /// Answers that came.
    answers: u64,
    calibration: Calibration,
    outputs: Outputs,
    speed: Speed,
    /// Guesses of whole answers' lengths by a hash of who asked for what: working one out costs more than the rest of an
    /// estimate, and a few answers change little.
    guesses: QuickMap<u64, Guess>,
}

impl Model {
    fn new(name: &str) -> Self {
        let calibration = Calibration::of_model(name);
        let (outputs, speed, guesses) = (Outputs::default(), Speed::default(), QuickMap::default());
        Self { answers: 0, calibration, outputs, speed, guesses }
    }

    fn expect(&mut self, key: &str, features: &Features, asked: Option<u64>, is_thinking: Option<bool>) -> Expected {
        let output = self.remaining(key, asked, is_thinking, 0);
        let duration = self.speed.duration(output.mean as u64);
        Expected { prompt: self.calibration.predict(features), output, duration, is_lesson: self.is_lesson() }
    }

    fn remaining(&mut self, key: &str, asked: Option<u64>, is_thinking: Option<bool>, so_far: u64) -> Guess {
        if so_far > 0 {
            return self.outputs.expect(key, asked, is_thinking, so_far);
        }
        let asker = self.guesses.hasher().hash_one((key, asked, is_thinking));
        if self.guesses.len() >= MOST_GUESSES {
            self.guesses.clear();
        }
        let outputs = &mut self.outputs;
        *self.guesses.entry(asker).or_insert_with(|| outputs.expect(key, asked, is_thinking, 0))
    }

    fn learn(&mut self, learned: Learned<'_>) -> Option<f64> {
        if self.calibration.learned() < EAGER || self.answers.is_multiple_of(FRESH) {
            self.guesses.clear();
        }
        self.answers = self.answers.wrapping_add(1);
        if let Some(output) = learned.output {
            self.outputs.learn(learned.key, learned.asked, learned.is_thinking, output);
            if let Some(total) = learned.total {
                self.speed.learn(learned.first_token, total, output);
            }
        }
        let (features, input) = (learned.features?, learned.input.filter(|input| *input > 0)?);
        let before = self.calibration.predict(features).mean;
        self.calibration.learn(features, input);
        Some(before / input as f64 - 1.0)
    }

    fn is_lesson(&self) -> bool {
        self.calibration.learned() < EAGER || self.answers.is_multiple_of(RARELY)
    }

    fn save(&self, name: String) -> Saved {
        let (calibration, speed) = (self.calibration.clone(), self.speed.clone());
        Saved { name, calibration, speed, outputs: self.outputs.export() }
    }

    fn restore(&mut self, saved: &Saved) {
        (self.calibration, self.speed) = (saved.calibration.clone(), saved.speed.clone());
        self.outputs = Outputs::default();
        self.outputs.import(saved.outputs.clone());
    }
}

/// A model as it is written down.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    name: String,
    calibration: Calibration,
    speed: Speed,
    outputs: Vec<Entry>,
}
