//! What an answer used, in the Responses API's words.

use serde::Deserialize;

use super::write::Members;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chat {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<Prompt>,
    prompt_cache_hit_tokens: Option<u64>,
    completion_tokens_details: Option<Completion>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Prompt {
    cached_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Completion {
    reasoning_tokens: Option<u64>,
}

/// `usage` of a chat answer as that of a response (JSON); `None` when it cannot be read.
pub(super) fn response(usage: &str) -> Option<String> {
    // Serde would take an array for an object with its members left out.
    let chat: Chat = serde_json::from_str(usage).ok().filter(|_| usage.trim_start().starts_with('{'))?;
    let cached = chat.prompt_tokens_details.and_then(|details| details.cached_tokens).or(chat.prompt_cache_hit_tokens);
    let reasoning = chat.completion_tokens_details.and_then(|details| details.reasoning_tokens);
    let total = chat.total_tokens.unwrap_or(chat.prompt_tokens.saturating_add(chat.completion_tokens));
    let mut prompt = Members::new();
    // SiliconFlow charges nothing for what goes into its cache.
    prompt.raw("cached_tokens", &cached.unwrap_or(0).to_string()).raw("cache_write_tokens", "0");
    let completion = Members::new().raw("reasoning_tokens", &reasoning.unwrap_or(0).to_string()).end();
    let mut usage = Members::new();
    usage.raw("input_tokens", &chat.prompt_tokens.to_string()).raw("input_tokens_details", &prompt.end());
    usage.raw("output_tokens", &chat.completion_tokens.to_string()).raw("output_tokens_details", &completion);
    Some(usage.raw("total_tokens", &total.to_string()).end())
}

#[cfg(test)]
mod tests {
    use super::response;

    #[test]
    fn both_ways_of_telling_what_was_cached() {
        let expected = r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":0},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":14}"#;
        for cached in [r#""prompt_tokens_details":{"cached_tokens":4}"#, r#""prompt_cache_hit_tokens":4"#] {
            let usage = format!(r#"{{"prompt_tokens":9,"completion_tokens":5,{cached}}}"#);
            assert_eq!(response(&usage).as_deref(), Some(expected));
        }
        assert_eq!(response("[]"), None);
    }
}
