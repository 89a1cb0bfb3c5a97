//! What a request used, and how surely that is known.

use serde_json::Value;

use crate::wire::json::{self, Object};

/// A count beyond this is a lie (tokens; ours): a thousand times the longest context on offer.
const MAX_COUNT: u64 = 1 << 30;

/// How the usage of a request is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certainty {
    /// The upstream said so at the end of a whole answer.
    Exact,
    /// At least this; the answer was cut short.
    AtLeast,
    /// Worked out by the gateway.
    Estimated,
    /// Nothing is known.
    #[default]
    Unknown,
    /// There was nothing to use: the request never ran.
    Nothing,
}

impl Certainty {
    /// The closed-set label for metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::AtLeast => "at_least",
            Self::Estimated => "estimated",
            Self::Unknown => "unknown",
            Self::Nothing => "none",
        }
    }
}

/// Token counts as the upstream reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Prompt tokens, cached ones included.
    pub input: u64,
    /// Generated tokens, reasoning included.
    pub output: u64,
    /// Part of `input` that was served from the prompt cache.
    pub cached: u64,
    /// Part of `output` that was reasoning.
    pub reasoning: u64,
}

impl Tokens {
    /// The sum of two counts, for joined batches.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cached: self.cached.saturating_add(other.cached),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }

    /// For each count the larger one: reports of one answer that came in parts.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cached: self.cached.max(other.cached),
            reasoning: self.reasoning.max(other.reasoning),
        }
    }
}

/// What one request used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Token counts.
    pub tokens: Tokens,
    /// Pictures made.
    pub images: u64,
    /// How it is known.
    pub certainty: Certainty,
}

impl Usage {
    /// Tokens the upstream reported for a whole answer.
    pub fn exact(tokens: Tokens) -> Self {
        Self { tokens, images: 0, certainty: Certainty::Exact }
    }

    /// A lower bound.
    pub fn at_least(tokens: Tokens) -> Self {
        Self { tokens, images: 0, certainty: Certainty::AtLeast }
    }

    /// The request never ran.
    pub fn nothing() -> Self {
        Self { certainty: Certainty::Nothing, ..Self::default() }
    }
}

/// Reads a `usage` object in OpenAI's, SiliconFlow's or Anthropic's spelling. `None` when `text` is
/// no object or has no count in it. Negative or absurd counts read as absent.
pub fn read(text: &str) -> Option<Tokens> {
    let usage = Object::parse(text).ok()?;
    let first = |keys: &[&str]| keys.iter().find_map(|key| count(usage.get(key)?.value));
    let detail = |outer: &str, inner: &str| {
        let details = Object::parse(usage.get(outer)?.value).ok()?;
        count(details.get(inner)?.value)
    };
    let input = first(&["prompt_tokens", "input_tokens"]);
    let output = first(&["completion_tokens", "output_tokens"]);
    if input.is_none() && output.is_none() {
        return first(&["total_tokens"]).map(|input| Tokens { input, ..Tokens::default() });
    }
    Some(Tokens {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        cached: detail("prompt_tokens_details", "cached_tokens")
            .or_else(|| first(&["prompt_cache_hit_tokens", "cache_read_input_tokens"]))
            .unwrap_or(0),
        reasoning: detail("completion_tokens_details", "reasoning_tokens").unwrap_or(0),
    })
}

fn count(value: &str) -> Option<u64> {
    value.parse().ok().filter(|count| *count <= MAX_COUNT)
}

/// Reads the usage of a whole JSON answer of any endpoint: `usage`, rerank's `meta.tokens` or
/// `tokens`, pictures by their number.
pub fn of_answer(answer: &Object<'_>) -> Usage {
    let tokens = answer
        .get("usage")
        .and_then(|usage| read(usage.value))
        .or_else(|| read(answer.get("tokens")?.value))
        .or_else(|| read(Object::parse(answer.get("meta")?.value).ok()?.get("tokens")?.value));
    let images =
        answer.get("images").and_then(|images| json::elements(images.value)).map_or(0, |images| images.len() as u64);
    let is_known = tokens.is_some() || images > 0;
    Usage {
        tokens: tokens.unwrap_or_default(),
        images,
        certainty: if is_known { Certainty::Exact } else { Certainty::Unknown },
    }
}

/// Usage of joined answers as the JSON object that callers of `/embeddings` expect.
pub fn embedding_object(tokens: Tokens) -> Value {
    serde_json::json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling() {
        let full = r#"{"prompt_tokens":12,"completion_tokens":40,"total_tokens":52,"completion_tokens_details":{"reasoning_tokens":31},"prompt_tokens_details":{"cached_tokens":4},"prompt_cache_hit_tokens":4}"#;
        assert_eq!(read(full), Some(Tokens { input: 12, output: 40, cached: 4, reasoning: 31 }));
        assert_eq!(read(r#"{"input_tokens":6,"output_tokens":21}"#).map(|t| (t.input, t.output)), Some((6, 21)));
        assert_eq!(read(r#"{"total_tokens":5}"#).map(|t| t.input), Some(5));
        assert_eq!(read(r#"{"prompt_tokens":7,"prompt_cache_hit_tokens":3}"#).map(|t| t.cached), Some(3));
    }

    #[test]
    fn lies_are_not_counted() {
        for text in [
            "null",
            "[]",
            "{}",
            r#"{"prompt_tokens":-1}"#,
            r#"{"prompt_tokens":1e99}"#,
            r#"{"prompt_tokens":99999999999999}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn finds_it_in_every_answer() {
        let meta = r#"{"id":"r","results":[],"meta":{"tokens":{"input_tokens":30,"output_tokens":1}}}"#;
        let of_answer = |text: &str| super::of_answer(&Object::parse(text).unwrap());
        assert_eq!(of_answer(meta).tokens.input, 30);
        assert_eq!(of_answer(r#"{"results":[],"tokens":{"input_tokens":9,"output_tokens":0}}"#).tokens.input, 9);
        assert_eq!(of_answer(r#"{"images":[{"url":"a"},{"url":"b"}]}"#).images, 2);
        assert_eq!(of_answer(r#"{"text":"hi"}"#).certainty, Certainty::Unknown);
    }
}
