//! How fast something went, moment by moment: from sums at certain times to rates at even steps.

use super::document::{Live, Totals};

/// Width of a step (milliseconds): that of the gateway's own samples.
pub(super) const STEP_MS: u64 = 5000;

/// What is drawn over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Requests,
    Tokens,
    Failed,
}

impl Measure {
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Requests => &["requests"],
            Self::Tokens => &["input_tokens", "output_tokens"],
            Self::Failed => &["failed"],
        }
    }

    fn of(self, totals: &Totals) -> f64 {
        let sum = match self {
            Self::Requests => totals.requests,
            Self::Tokens => totals.input_tokens + totals.output_tokens,
            Self::Failed => totals.failed,
        };
        sum as f64
    }
}

/// Sums at their times, the oldest first: the samples, and what is so now.
fn sums(live: &Live, measure: Measure) -> Vec<(f64, f64)> {
    let place = |name: &str| live.history.fields.iter().position(|field| field == name);
    let at = place("at_ms");
    let places: Vec<usize> = measure.fields().iter().filter_map(|name| place(name)).collect();
    let sum = |row: &Vec<f64>| Some((*row.get(at?)?, places.iter().filter_map(|place| row.get(*place)).sum()));
    let mut sums: Vec<(f64, f64)> = live.history.samples.iter().filter_map(sum).collect();
    let now = live.now_ms as f64;
    sums.retain(|(at, _)| *at < now);
    sums.push((now, measure.of(&live.totals)));
    sums
}

/// The last `count` steps, the newest last, each as a rate per second; `None` where nothing is known.
pub(super) fn rates(live: &Live, measure: Measure, count: usize) -> Vec<Option<f64>> {
    let sums = sums(live, measure);
    let step = STEP_MS as f64;
    let rate = |back: usize| {
        let end = live.now_ms as f64 - back as f64 * step;
        let (before, after) = (sum_at(&sums, end - step)?, sum_at(&sums, end)?);
        Some((after - before).max(0.0) / step * 1000.0)
    };
    (0..count).rev().map(rate).collect()
}

/// The rate of the last step; since the first sample where that is not so long ago.
pub(super) fn now(live: &Live, measure: Measure) -> Option<f64> {
    let young = || {
        let sums = sums(live, measure);
        let ((began, before), (now, after)) = (sums.first()?, sums.last()?);
        (now > began).then(|| (after - before).max(0.0) / (now - began) * 1000.0)
    };
    rates(live, measure, 1).pop().flatten().or_else(young)
}

/// The sum at a time between two others, as if it had grown evenly.
fn sum_at(sums: &[(f64, f64)], at: f64) -> Option<f64> {
    let after = sums.iter().position(|(time, _)| *time >= at)?;
    let (later, high) = sums[after];
    if later <= at {
        return Some(high);
    }
    let (earlier, low) = *sums.get(after.checked_sub(1)?)?;
    Some(low + (high - low) * (at - earlier) / (later - earlier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::top::document::History;

    fn live(samples: &[[f64; 2]], now_ms: u64, requests: u64) -> Live {
        let fields = ["at_ms", "requests"].map(str::to_owned).to_vec();
        let samples = samples.iter().map(|sample| sample.to_vec()).collect();
        let totals = Totals { requests, ..Totals::default() };
        Live { now_ms, totals, history: History { fields, samples }, ..Live::default() }
    }

    #[test]
    fn rates_are_differences_over_time() {
        let live = live(&[[10_000.0, 0.0], [15_000.0, 50.0], [20_000.0, 50.0]], 25_000, 60);
        assert_eq!(rates(&live, Measure::Requests, 4), [None, Some(10.0), Some(0.0), Some(2.0)]);
        assert_eq!(now(&live, Measure::Requests), Some(2.0));
    }

    #[test]
    fn what_lies_between_samples_is_taken_as_even() {
        let live = live(&[[10_000.0, 0.0], [15_000.0, 50.0]], 17_500, 50);
        assert_eq!(rates(&live, Measure::Requests, 2), [None, Some(5.0)]);
    }

    #[test]
    fn a_young_gateway_has_a_rate_soon() {
        assert_eq!(now(&live(&[[10_000.0, 0.0]], 12_000, 4), Measure::Requests), Some(2.0));
        assert_eq!(now(&live(&[], 12_000, 4), Measure::Requests), None);
        assert_eq!(rates(&live(&[], 0, 0), Measure::Failed, 2), [None, None]);
    }
}
