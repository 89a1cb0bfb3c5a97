//! Where the weights in `quota::estimate::prior` come from. README.md has the command that prints them.

use flowgate::quota::estimate::Feature;

use super::{Sample, TOKENIZERS, samples};

const N: usize = Feature::COUNT;

/// What a tokenizer should make of each count by its nature, where samples say little; then what samples cannot say.
const CENTRE: [f64; N] = [
    3.0, 1.0, 4.0, 12.0, 12.0, 90.0, 4.0, 1.4, 1.0, // Request to SchemaBracket
    0.9, 0.5, 0.1, 0.7, 0.75, 0.7, 0.45, 0.9, 1.0, 2.5, // Han to Wide
    1.05, 0.1, 0.6, 0.25, 0.5, 0.5, 0.8, // Word to SpacedNumber
    0.75, 0.2, 0.5, 0.7, // Punctuation to Indent
    1.0, 2.0, 1.0, 1000.0, 1.0, // TokenId to MediaToken
];

/// Doubt about the centre (a share of it, and tokens), and the relative error that stays.
const DOUBT: (f64, f64) = (0.5, 0.05);
const NOISE: f64 = 0.04;

/// The weights in the program are those that fit the samples; where they are not, this prints the right ones.
#[test]
fn fit() {
    let samples: Vec<Sample> = samples().into_iter().step_by(2).collect();
    let written = written();
    for (index, (name, _)) in TOKENIZERS.iter().enumerate() {
        let weights = weights(&samples, index).map(|weight| (weight * 1e3).round() / 1e3);
        let (fitted, close) = (&weights[..WRITTEN], |(one, other): (&f64, &f64)| (one - other).abs() < 0.0015);
        assert!(fitted.iter().zip(&written[index]).all(close), "{name}: {weights:?}");
    }
}

/// How many of a tokenizer's weights come from the samples; the rest is what samples do not tell.
const WRITTEN: usize = 30;

/// The weights in the program's source, by tokenizer.
fn written() -> [Vec<f64>; 2] {
    let source = include_str!("../../src/quota/estimate/prior.rs");
    ["const QWEN: [f64; N] = [", "const DEEPSEEK: [f64; N] = ["].map(|begin| {
        let (_, rest) = source.split_once(begin).unwrap();
        let rows = rest.lines().map(|row| row.split("//").next().unwrap());
        let numbers: Vec<f64> =
            rows.flat_map(|row| row.split(',')).filter_map(|number| number.trim().parse().ok()).take(WRITTEN).collect();
        assert_eq!(numbers.len(), WRITTEN);
        numbers
    })
}

/// The weights at the least sum of squared relative errors and squared distances from the centre, none below 0:
/// one coordinate at a time.
fn weights(samples: &[Sample], tokenizer: usize) -> [f64; N] {
    let rows: Vec<[f64; N]> = samples.iter().map(|sample| row(sample, tokenizer)).collect();
    let doubt = CENTRE.map(|centre| (DOUBT.0 * centre + DOUBT.1) / NOISE);
    let mut weights = CENTRE;
    let mut left: Vec<f64> =
        samples.iter().zip(&rows).map(|(sample, row)| worth(sample) - dot(row, &weights)).collect();
    for _ in 0..4_000 {
        for index in 0..N {
            let slope: f64 = rows.iter().zip(&left).map(|(row, left)| row[index] * left).sum();
            let bend: f64 = rows.iter().map(|row| row[index] * row[index]).sum();
            let pull = (CENTRE[index] - weights[index]) / doubt[index].powi(2);
            let step = (slope + pull) / (bend + 1.0 / doubt[index].powi(2));
            let step = step.max(-weights[index]);
            weights[index] += step;
            rows.iter().zip(&mut left).for_each(|(row, left)| *left -= row[index] * step);
        }
    }
    weights
}

/// What one sample's error counts: text of the `other` kind is to give weights where no other does, not to bend them.
fn worth(sample: &Sample) -> f64 {
    if sample.class == "other" { 0.2 } else { 1.0 }
}

fn row(sample: &Sample, tokenizer: usize) -> [f64; N] {
    sample.features.counts().map(|count| count / sample.tokens[tokenizer] as f64 * worth(sample))
}

fn dot(left: &[f64; N], right: &[f64; N]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}
