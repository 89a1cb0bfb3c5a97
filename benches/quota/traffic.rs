//! What callers send: lognormal prompts and answers in Chinese and English, and whatever they write for `max_tokens`.

use std::time::Duration;

use flowgate::quota::ask::{Ask, Guess};

/// Mean tokens of a prompt and of an answer that nothing cuts short.
const MEANS: (f64, f64) = (1_000.0, 500.0);
/// Standard deviation of their logarithms.
const SIGMA: f64 = 1.0;
/// What callers write for `max_tokens`; 0 is nothing, and then the emulator allows [`DEFAULT_MAX`].
const MAX_TOKENS: [u64; 8] = [0, 0, 256, 512, 1_024, 4_096, 8_192, 32_768];
const DEFAULT_MAX: u64 = 4_096;
/// No prompt is longer: the rest of what a model can read at once is for the answer.
const MOST_PROMPT: f64 = 16_000.0;
/// How far the guess of a prompt is off, as a part of it: Chinese, English.
const NOISE: [f64; 2] = [0.06, 0.04];
/// Before the first token, and for each.
pub(crate) const FIRST: f64 = 0.3;
const EACH: f64 = 0.02;
/// Samples for what is known of answers beforehand.
const SAMPLES: u32 = 100_000;

/// Random numbers that are the same in each run: splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Above 0 and up to 1.
    pub(crate) fn part(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.part() * end as f64) as usize).min(end - 1)
    }

    /// Mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.part().ln()).sqrt() * (std::f64::consts::TAU * self.part()).cos()
    }

    fn lognormal(&mut self, mean: f64) -> f64 {
        mean * (SIGMA * self.normal() - SIGMA * SIGMA / 2.0).exp()
    }

    /// Until the next of what comes `rate` times a second on average.
    pub(crate) fn pause(&mut self, rate: f64) -> Duration {
        Duration::from_secs_f64(-self.part().ln() / rate)
    }

    /// A request's or an answer's way through the network.
    pub(crate) fn travel(&mut self) -> Duration {
        Duration::from_secs_f64(0.005 + 0.075 * self.part())
    }
}

/// One request, as it will turn out and as it looks beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// True tokens of its prompt.
    pub(crate) prompt: u64,
    /// True tokens of its answer.
    pub(crate) output: u64,
    /// What it says, or what the emulator allows.
    pub(crate) max_tokens: u64,
    /// How long the answer takes.
    pub(crate) duration: Duration,
    /// What the gateway is told.
    pub(crate) ask: Ask,
}

/// The kinds of requests, and what is known of each kind's answers.
#[derive(Debug)]
pub(crate) struct Traffic {
    kinds: Vec<(u64, Guess)>,
    /// Tokens of a request on average.
    pub(crate) mean: f64,
}

impl Traffic {
    /// Learns what can be known beforehand.
    pub(crate) fn new() -> Self {
        let mut chance = Chance(7);
        let kinds: Vec<(u64, Guess)> = MAX_TOKENS
            .map(|max| if max == 0 { DEFAULT_MAX } else { max })
            .map(|max| (max, outputs(max, &mut chance)))
            .into();
        let outputs = kinds.iter().map(|(_, guess)| guess.mean).sum::<f64>() / kinds.len() as f64;
        let prompts = (0..SAMPLES).map(|_| prompt(&mut chance) as f64).sum::<f64>() / f64::from(SAMPLES);
        Self { kinds, mean: prompts + outputs }
    }

    /// The next request.
    pub(crate) fn job(&self, chance: &mut Chance) -> Job {
        let (max_tokens, output_guess) = self.kinds[chance.below(self.kinds.len())];
        let (prompt, output) = (prompt(chance), output(max_tokens, chance));
        let noise = NOISE[chance.below(NOISE.len())];
        let mean = prompt as f64 * (1.0 + noise * chance.normal()).max(0.5);
        let ask = Ask {
            images: 0,
            prompt: Guess { mean, deviation: mean * noise },
            output: output_guess,
            max_output: max_tokens,
            duration: takes(output_guess.mean),
            content: prompt as f64,
        };
        Job { prompt, output, max_tokens, duration: takes(output as f64), ask }
    }
}

fn prompt(chance: &mut Chance) -> u64 {
    chance.lognormal(MEANS.0).clamp(1.0, MOST_PROMPT) as u64
}

fn output(max_tokens: u64, chance: &mut Chance) -> u64 {
    (chance.lognormal(MEANS.1).ceil() as u64).min(max_tokens)
}

fn takes(tokens: f64) -> Duration {
    Duration::from_secs_f64(FIRST + EACH * tokens)
}

fn outputs(max_tokens: u64, chance: &mut Chance) -> Guess {
    let outputs: Vec<f64> = (0..SAMPLES).map(|_| output(max_tokens, chance) as f64).collect();
    let mean = outputs.iter().sum::<f64>() / f64::from(SAMPLES);
    let variance = outputs.iter().map(|output| (output - mean).powi(2)).sum::<f64>() / f64::from(SAMPLES);
    Guess { mean, deviation: variance.sqrt() }
}
