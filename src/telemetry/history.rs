//! What the gateway has done lately: a sample of its sums every few seconds, the oldest forgotten when a new one comes.
//!
//! Pure: the time is handed in. Must not know who takes the samples, nor who reads them.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::metrics::Totals;

/// Time between two samples (ours): fine enough for a chart of some minutes, and nothing to a computer.
pub const EVERY: Duration = Duration::from_secs(5);
/// How many are kept (ours): 15 minutes of them, in about 20 KB.
pub const MOST: usize = 180;
/// What the numbers of a sample are, in their order.
pub const FIELDS: [&str; 10] = [
    "at_ms",
    "requests",
    "failed",
    "refused",
    "input_tokens",
    "output_tokens",
    "cost_cny",
    "avoided_429",
    "in_flight",
    "waiting",
];

/// The sums of one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When (milliseconds since 1970).
    pub at_ms: u64,
    /// What they came to.
    pub totals: Totals,
}

/// A row of numbers, as [`FIELDS`] names them: as objects they would be four times as long.
impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Totals { requests, failed, refused, input_tokens, output_tokens, cost_cny, .. } = self.totals;
        let Totals { avoided_429, in_flight, waiting, .. } = self.totals;
        (self.at_ms, requests, failed, refused, input_tokens, output_tokens, cost_cny, avoided_429, in_flight, waiting)
            .serialize(serializer)
    }
}

/// The last [`MOST`] samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History(VecDeque<Sample>);

impl History {
    /// Adds a sample. One that is not later than the last means that the clock was set back: differences across that would
    /// be wrong, so a new history begins.
    pub fn add(&mut self, sample: Sample) {
        if self.0.back().is_some_and(|last| last.at_ms >= sample.at_ms) {
            self.0.clear();
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// All of them, the oldest first.
    pub fn samples(&self) -> Vec<Sample> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: u64) -> Sample {
        Sample { at_ms, totals: Totals { requests: at_ms, ..Totals::default() } }
    }

    fn times(history: &History) -> Vec<u64> {
        history.samples().iter().map(|sample| sample.at_ms).collect()
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut history = History::default();
        (1..=MOST as u64 + 3).for_each(|at_ms| history.add(sample(at_ms)));
        assert_eq!(times(&history), (4..=MOST as u64 + 3).collect::<Vec<_>>());
        assert_eq!(EVERY * u32::try_from(MOST).unwrap(), Duration::from_secs(15 * 60));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_anew() {
        let mut history = History::default();
        [10, 20, 15, 16, 16].into_iter().for_each(|at_ms| history.add(sample(at_ms)));
        assert_eq!(times(&history), [16]);
    }

    #[test]
    fn a_sample_is_a_row_of_the_named_numbers() {
        let totals = Totals {
            requests: 2,
            failed: 3,
            refused: 4,
            input_tokens: 5,
            output_tokens: 6,
            cost_cny: 7.5,
            upstream_429: 99,
            avoided_429: 8,
            in_flight: 9,
            waiting: 10,
        };
        let row = serde_json::to_value(Sample { at_ms: 1, totals }).unwrap();
        assert_eq!(row, serde_json::json!([1, 2, 3, 4, 5, 6, 7.5, 8, 9, 10]));
        assert_eq!(row.as_array().unwrap().len(), FIELDS.len());
        // The names are those of the sums, which the row is checked against by the order of the numbers above.
        let sums = serde_json::to_value(totals).unwrap();
        assert!(FIELDS[1..].iter().all(|field| sums.get(field).is_some()));
    }
}
