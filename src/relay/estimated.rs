//! What was thought of a request's size, to be compared with what came: while a stream runs, and at its end.

use std::sync::Arc;
use std::time::Duration;

use super::usage::{Certainty, Usage};
use crate::quota::ask::Guess;
use crate::quota::estimate::{Estimator, Features, Learned};

/// See the module.
#[derive(Debug)]
pub struct Estimated {
    /// Who learns.
    pub estimator: Arc<Estimator>,
    /// What the prompt was made of, where that is to be learned from.
    pub features: Option<Box<Features>>,
    /// `max_tokens` as asked.
    pub asked: Option<u64>,
    /// Whether thinking was asked for; `None` where nothing was said.
    pub is_thinking: Option<bool>,
    /// Whether there is an answer of tokens at all.
    pub answers: bool,
    /// Tokens of the prompt, as thought.
    pub prompt: Guess,
    /// Tokens of the answer, as thought.
    pub output: Guess,
    /// At so many tokens of the answer it is thought about again.
    pub next: u64,
}

/// How far the estimates were off, as parts of the truth.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    /// The prompt's.
    pub prompt: Option<f64>,
    /// The answer's.
    pub output: Option<f64>,
}

/// A stream's answer is thought about again whenever it has grown by this part (ours).
const AGAIN: f64 = 1.25;
/// But not before this many tokens (ours).
const FIRST: u64 = 64;

impl Estimated {
    /// What prompt and answer will need, now that `so_far` tokens of the answer have come; `None` most of the time, when
    /// that says little that is new.
    pub(super) fn think_again(&mut self, model: &str, key: &str, so_far: u64) -> Option<Guess> {
        if so_far < self.next.max(FIRST) {
            return None;
        }
        self.next = (so_far as f64 * AGAIN) as u64;
        let rest = self.estimator.remaining(model, key, self.asked, self.is_thinking, so_far);
        Some(self.prompt.plus(Guess::exactly(so_far)).plus(rest))
    }

    /// Learns from an answer that came whole, after `first` and `total` of running time. How far the estimates were off is
    /// looked at where that teaches about prompts: with each answer of a model at first, with one of many later.
    pub(super) fn learn(
        &self,
        model: &str,
        key: &str,
        usage: &Usage,
        first: Option<Duration>,
        total: Duration,
    ) -> Errors {
        if usage.certainty != Certainty::Exact {
            return Errors::default();
        }
        let (input, output) = (usage.tokens.input, usage.tokens.output);
        let output = Some(output).filter(|output| self.answers && *output > 0);
        self.estimator.learn(Learned {
            model,
            key,
            features: self.features.as_deref(),
            asked: self.asked,
            is_thinking: self.is_thinking,
            input: Some(input).filter(|input| *input > 0),
            output,
            first_token: first,
            total: output.map(|_| total),
        });
        if self.features.is_none() {
            return Errors::default();
        }
        let prompt = Some(input).filter(|input| *input > 0).map(|input| self.prompt.mean / input as f64 - 1.0);
        let output = output.map(|output| self.output.mean / output as f64 - 1.0);
        Errors { prompt, output }
    }
}
