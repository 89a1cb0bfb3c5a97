//! Why an answer ended and what it used, in Anthropic's words.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::json;

/// `stop_reason` and `stop_sequence` (JSON) for a chat answer's `finish_reason`.
///
/// Chat answers do not say whether a stop sequence or the model ended them, unless the server adds it (`matched_stop` of
/// SGLang, `stop_reason` of vLLM): then it is told.
pub(super) fn stop(finish: &str, matched: Option<&RawValue>, stops: &[String]) -> (&'static str, String) {
    let matched =
        matched.and_then(|matched| json::string(matched.get())).filter(|text| stops.iter().any(|stop| stop == text));
    match (finish, matched) {
        ("stop", Some(text)) => ("stop_sequence", json::quote(&text)),
        // The second ends an answer that the server had no room for: cut short as well.
        ("length" | "insufficient_system_resource", _) => ("max_tokens", "null".to_owned()),
        ("tool_calls" | "function_call", _) => ("tool_use", "null".to_owned()),
        ("content_filter", _) => ("refusal", "null".to_owned()),
        _ => ("end_turn", "null".to_owned()),
    }
}

/// `usage` of a chat answer.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_cache_hit_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
}

impl Usage {
    /// What is known before the upstream says it.
    pub(super) fn expected(input: u64, output: u64) -> Self {
        Self { prompt_tokens: Some(input), completion_tokens: Some(output), ..Self::default() }
    }

    /// Anthropic's object. It counts what came from the cache beside the rest of the prompt.
    pub(super) fn json(self) -> String {
        let prompt = self.prompt_tokens.unwrap_or_default();
        let details = self.prompt_tokens_details.and_then(|details| details.cached_tokens);
        let cached = details.or(self.prompt_cache_hit_tokens).unwrap_or_default().min(prompt);
        let (input, output) = (prompt - cached, self.completion_tokens.unwrap_or_default());
        let thought = self.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        let thought = thought.map_or_else(String::new, |thought| {
            format!(",\"output_tokens_details\":{{\"thinking_tokens\":{}}}", thought.min(output))
        });
        format!(
            r#"{{"input_tokens":{input},"cache_creation_input_tokens":0,"cache_read_input_tokens":{cached},"output_tokens":{output}{thought}}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_word() {
        let stops = ["END".to_owned()];
        let check = |finish, matched: &str, expected: (&'static str, &str)| {
            let matched: &RawValue = serde_json::from_str(matched).unwrap();
            assert_eq!(stop(finish, Some(matched), &stops), (expected.0, expected.1.to_owned()), "{finish}");
        };
        check("stop", "null", ("end_turn", "null"));
        check("stop", "\"END\"", ("stop_sequence", "\"END\""));
        check("stop", "151645", ("end_turn", "null"));
        check("stop", "\"<|im_end|>\"", ("end_turn", "null"));
        check("length", "null", ("max_tokens", "null"));
        check("tool_calls", "\"END\"", ("tool_use", "null"));
        check("content_filter", "null", ("refusal", "null"));
    }

    #[test]
    fn cached_tokens_are_counted_beside_the_others() {
        let json = |text| serde_json::from_str::<Usage>(text).unwrap().json();
        let whole =
            r#"{"input_tokens":8,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":7}"#;
        assert_eq!(
            json(r#"{"prompt_tokens":12,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4}}"#),
            whole
        );
        assert_eq!(
            json(r#"{"prompt_tokens":12,"completion_tokens":7,"prompt_cache_hit_tokens":4,"total_tokens":19}"#),
            whole
        );
        assert!(json("{}").starts_with(r#"{"input_tokens":0,"#));
        let thought = json(r#"{"completion_tokens":7,"completion_tokens_details":{"reasoning_tokens":9}}"#);
        assert!(thought.ends_with(r#""output_tokens":7,"output_tokens_details":{"thinking_tokens":7}}"#), "{thought}");
    }
}
