//! What a request used, and how surely that is known.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::ledger::Consumed;
use crate::wire::json::{self, Object};

/// A count beyond this is a lie (tokens; ours): sixteen times the longest context on offer (siliconflow-models.toml).
const MAX_COUNT: u64 = 1 << 24;

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
    /// Whether the report said what cannot be, so that a part of it was not believed.
    pub is_clamped: bool,
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
            is_clamped: self.is_clamped || other.is_clamped,
        }
    }

    /// The `count`th part of all of it.
    #[must_use]
    pub fn part_of(self, count: u64) -> Self {
        let part = |tokens: u64| tokens / count.max(1);
        Self {
            input: part(self.input),
            output: part(self.output),
            cached: part(self.cached),
            reasoning: part(self.reasoning),
            ..self
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
            is_clamped: self.is_clamped || other.is_clamped,
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
    /// Videos made.
    pub videos: u64,
    /// Text spoken (UTF-8 bytes).
    pub spoken_bytes: u64,
    /// How it is known.
    pub certainty: Certainty,
}

impl Usage {
    /// Tokens the upstream reported for a whole answer.
    pub fn exact(tokens: Tokens) -> Self {
        Self { tokens, certainty: Certainty::Exact, ..Self::default() }
    }

    /// A lower bound.
    pub fn at_least(tokens: Tokens) -> Self {
        Self { tokens, certainty: Certainty::AtLeast, ..Self::default() }
    }

    /// The request never ran.
    pub fn nothing() -> Self {
        Self { certainty: Certainty::Nothing, ..Self::default() }
    }

    /// The same of a whole answer: what is paid by what was asked for needs nobody to say it.
    #[must_use]
    pub fn or_asked(self, expected: &Self) -> Self {
        let is_asked = self.certainty == Certainty::Unknown && (expected.spoken_bytes > 0 || expected.videos > 0);
        let known = self.or_expected(expected);
        if is_asked { Self { certainty: Certainty::Exact, ..known } } else { known }
    }

    /// Where nobody said what it used, or what was said cannot be: what it was thought to use. Of an answer that was cut short
    /// mostly the prompt is not known, for usage comes last.
    #[must_use]
    pub fn or_expected(self, expected: &Self) -> Self {
        let or = |count: u64, expected: u64| if count == 0 { expected } else { count };
        let (known, thought) = (self.tokens, expected.tokens);
        let tokens = match self.certainty {
            Certainty::Unknown => return Self { certainty: Certainty::Estimated, ..*expected },
            _ if known.is_clamped => {
                Tokens { input: or(known.input, thought.input), output: or(known.output, thought.output), ..known }
            }
            Certainty::AtLeast => Tokens { input: or(known.input, thought.input), ..known },
            _ => return self,
        };
        if tokens == known && !known.is_clamped {
            return self;
        }
        Self { tokens, certainty: Certainty::Estimated, ..self }
    }

    /// What of it can cost anything.
    pub fn consumed(&self) -> Consumed {
        Consumed {
            input_tokens: self.tokens.input,
            cached_tokens: self.tokens.cached,
            output_tokens: self.tokens.output,
            images: self.images,
            videos: self.videos,
            utf8_bytes: self.spoken_bytes,
            ..Consumed::default()
        }
    }
}

/// Reads a `usage` object in OpenAI's, SiliconFlow's or Anthropic's spelling. `None` when `text` is
/// no object or has no count in it. Negative and absurd counts count as nothing, and a part is no more than its whole;
/// [`Tokens::is_clamped`] says so.
pub fn read(text: &str) -> Option<Tokens> {
    let usage: Report<'_> = serde_json::from_str(text).ok()?;
    let input = usage.count(Field::PromptTokens).or_else(|| usage.count(Field::InputTokens));
    let output = usage.count(Field::CompletionTokens).or_else(|| usage.count(Field::OutputTokens));
    if input.is_none() && output.is_none() {
        let Count { value: input, is_clamped } = usage.count(Field::TotalTokens)?;
        return Some(Tokens { input, is_clamped, ..Tokens::default() });
    }
    let cached = usage.detail(Field::PromptTokensDetails, Field::CachedTokens);
    let cached = cached.or_else(|| usage.count(Field::PromptCacheHitTokens));
    // Anthropic counts them beside the others.
    let aside = usage.count(Field::CacheReadInputTokens).filter(|_| cached.is_none());
    let (input, cached) = (input.map(|input| input.plus(aside)), cached.or(aside));
    let reasoning = usage.detail(Field::CompletionTokensDetails, Field::ReasoningTokens);
    let [input, output, cached, reasoning] = [input, output, cached, reasoning].map(Option::unwrap_or_default);
    Some(Tokens {
        input: input.value,
        output: output.value,
        cached: cached.value.min(input.value),
        reasoning: reasoning.value.min(output.value),
        is_clamped: [input, output, cached, reasoning].iter().any(|count| count.is_clamped)
            || cached.value > input.value
            || reasoning.value > output.value,
    })
}

/// The members of a report that are read, in all spellings.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    PromptTokens,
    InputTokens,
    CompletionTokens,
    OutputTokens,
    TotalTokens,
    PromptTokensDetails,
    CompletionTokensDetails,
    CachedTokens,
    ReasoningTokens,
    PromptCacheHitTokens,
    CacheReadInputTokens,
    #[serde(other)]
    Other,
}

/// The value of each [`Field`] as it is written; of one that stands twice the last. Streams have a report in every event.
#[derive(Debug, Default)]
struct Report<'a>([Option<&'a RawValue>; Field::Other as usize]);

impl<'a> Report<'a> {
    fn count(&self, field: Field) -> Option<Count> {
        count(self.get(field)?)
    }

    /// A count in a report within this one.
    fn detail(&self, outer: Field, inner: Field) -> Option<Count> {
        serde_json::from_str::<Report<'_>>(self.get(outer)?).ok()?.count(inner)
    }

    fn get(&self, field: Field) -> Option<&'a str> {
        self.0.get(field as usize).copied().flatten().map(RawValue::get)
    }
}

impl<'de> Deserialize<'de> for Report<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

/// Collects the members of a report.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Report<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut report = Report::default();
        while let Some(field) = map.next_key::<Field>()? {
            match report.0.get_mut(field as usize) {
                Some(value) => *value = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(report)
    }
}

/// One count of a report.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    value: u64,
    is_clamped: bool,
}

impl Count {
    fn plus(self, other: Option<Self>) -> Self {
        let other = other.unwrap_or_default();
        Self { value: self.value + other.value, is_clamped: self.is_clamped || other.is_clamped }
    }
}

/// A number of tokens; `None` for what is no number at all.
fn count(value: &str) -> Option<Count> {
    match value.parse() {
        Ok(value) if value <= MAX_COUNT => Some(Count { value, is_clamped: false }),
        _ => value.parse().ok().filter(|number: &f64| number.is_finite()).map(|_| Count { value: 0, is_clamped: true }),
    }
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
        ..Usage::default()
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
        assert_eq!(read(full), Some(Tokens { input: 12, output: 40, cached: 4, reasoning: 31, is_clamped: false }));
        assert_eq!(read(r#"{"input_tokens":6,"output_tokens":21}"#).map(|t| (t.input, t.output)), Some((6, 21)));
        assert_eq!(read(r#"{"total_tokens":5}"#).map(|t| t.input), Some(5));
        let anthropic = read(r#"{"input_tokens":6,"output_tokens":21,"cache_read_input_tokens":100}"#).unwrap();
        assert_eq!((anthropic.input, anthropic.cached, anthropic.is_clamped), (106, 100, false));
        assert_eq!(read(r#"{"prompt_tokens":7,"prompt_cache_hit_tokens":3}"#).map(|t| t.cached), Some(3));
    }

    #[test]
    fn lies_are_not_counted() {
        for text in ["null", "[]", "{}", r#"{"prompt_tokens":"many"}"#] {
            assert_eq!(read(text), None, "{text}");
        }
        for lie in ["-1", "1e99", "99999999999999", "1.5"] {
            let text = format!("{{\"prompt_tokens\":{lie},\"completion_tokens\":7}}");
            assert_eq!(read(&text), Some(Tokens { output: 7, is_clamped: true, ..Tokens::default() }), "{text}");
        }
        let parts = r#"{"prompt_tokens":3,"completion_tokens":4,"prompt_cache_hit_tokens":9,"completion_tokens_details":{"reasoning_tokens":5}}"#;
        assert_eq!(read(parts), Some(Tokens { input: 3, output: 4, cached: 3, reasoning: 4, is_clamped: true }));
    }

    #[test]
    fn what_nobody_said_is_what_was_expected() {
        let tokens = |input, output| Tokens { input, output, ..Tokens::default() };
        let expected = Usage { tokens: tokens(10, 20), certainty: Certainty::Estimated, ..Usage::default() };
        let check = |usage: Usage, counted, certainty| {
            let known = usage.or_expected(&expected);
            assert_eq!(((known.tokens.input, known.tokens.output), known.certainty), (counted, certainty), "{usage:?}");
        };
        check(Usage::default(), (10, 20), Certainty::Estimated);
        check(Usage::exact(tokens(1, 2)), (1, 2), Certainty::Exact);
        check(Usage::at_least(tokens(1, 2)), (1, 2), Certainty::AtLeast);
        check(Usage::at_least(tokens(0, 2)), (10, 2), Certainty::Estimated);
        check(Usage::exact(Tokens { is_clamped: true, ..tokens(0, 2) }), (10, 2), Certainty::Estimated);
        check(Usage::nothing(), (0, 0), Certainty::Nothing);
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
