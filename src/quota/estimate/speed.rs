//! How fast a model answers: seconds to the first token and for each token after it, from what was seen lately.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Seconds to the first token, before anything was seen (ours).
const FIRST_TOKEN: f64 = 1.0;

/// Seconds for a token, before anything was seen: 50 tokens a second (ours).
const PER_TOKEN: f64 = 0.02;

/// What one answer weighs against all before it (ours): about the last ten count.
const SHARE: f64 = 0.15;

/// Longest time to a first token and longest time for one token that are believed, in seconds (ours).
const MOST: (f64, f64) = (600.0, 5.0);

/// One answer counts for no more than this many times what is believed (ours): a stall is not the pace.
const MOST_TIMES: f64 = 5.0;

/// Fewest tokens of an answer whose pace is believed (ours): short ones come in one piece.
const LEAST_TOKENS: u64 = 8;

/// The pace of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    first_token: f64,
    per_token: f64,
}

impl Default for Speed {
    fn default() -> Self {
        Self { first_token: FIRST_TOKEN, per_token: PER_TOKEN }
    }
}

impl Speed {
    /// How long an answer of `output` tokens will take.
    pub fn duration(&self, output: u64) -> Duration {
        let seconds = self.first_token + self.per_token * output.saturating_sub(1) as f64;
        // Whole microseconds: what is exact to the nanosecond takes ten times as long to work out.
        Duration::from_micros((seconds * 1e6) as u64)
    }

    /// Learns from an answer of `output` tokens that took `total`, of which `first_token` passed before its first one;
    /// `None` where the answer came in one piece.
    pub fn learn(&mut self, first_token: Option<Duration>, total: Duration, output: u64) {
        let first = first_token.map_or(self.first_token, |first| first.as_secs_f64());
        if first_token.is_some() {
            blend(&mut self.first_token, first, MOST.0);
        }
        if output >= LEAST_TOKENS {
            let pace = (total.as_secs_f64() - first).max(0.0) / (output - 1) as f64;
            blend(&mut self.per_token, pace, MOST.1);
        }
    }

    pub(super) fn is_sane(&self) -> bool {
        (0.0..=MOST.0).contains(&self.first_token) && (0.0..=MOST.1).contains(&self.per_token)
    }
}

fn blend(old: &mut f64, new: f64, most: f64) {
    // A thousandth lets even a belief of 0 grow again.
    let new = new.min(MOST_TIMES * *old + 1e-3).min(most);
    *old += SHARE * (new - *old);
}
