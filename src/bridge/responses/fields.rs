//! What becomes of each member of a request, in one table. docs/bridges.md says the same, and a test holds it to that.

/// What becomes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Goes on as it is, under this name.
    Carried(&'static str),
    /// Read by code of its own.
    Read,
    /// Means nothing to SiliconFlow: left out, and named so.
    LeftOut(&'static str),
    /// Cannot be, for this reason.
    Refused(&'static str),
    /// No member of the Responses API: SiliconFlow's own, which always pass.
    Unknown,
}

/// What becomes of the member called `key`.
pub(super) fn fate(key: &str) -> Fate {
    use Fate::{Carried, LeftOut, Read, Refused, Unknown};
    match key {
        "model" => Carried("model"),
        "max_output_tokens" => Carried("max_tokens"),
        "temperature" => Carried("temperature"),
        "top_p" => Carried("top_p"),
        "user" => Carried("user"),
        // The gateway keeps a conversation where its prompt is warm.
        "prompt_cache_key" => Carried("prompt_cache_key"),
        "input" | "instructions" | "tools" | "tool_choice" | "parallel_tool_calls" | "text" | "reasoning" => Read,
        "include" | "top_logprobs" | "truncation" | "stream" | "store" | "previous_response_id" | "metadata" => Read,
        "messages" => Refused("`messages` is a field of chat completions: the Responses API has `input`."),
        "max_tokens" => {
            Refused("`max_tokens` is a field of chat completions: the Responses API has `max_output_tokens`.")
        }
        "background" => Refused(
            "Nothing runs in the background here: leave `background` out and stream the answer if it takes long.",
        ),
        "conversation" => Refused("Conversations are not kept here: use `previous_response_id`."),
        "prompt" => Refused("There are no prompt templates here: send the whole prompt as `instructions` and `input`."),
        "n" => Refused("The Responses API gives one answer: leave `n` out."),
        "max_tool_calls" => LeftOut("without-max-tool-calls"),
        "safety_identifier" => LeftOut("without-safety-identifier"),
        "service_tier" => LeftOut("without-service-tier"),
        "client_metadata" => LeftOut("without-client-metadata"),
        "stream_options" => LeftOut("without-obfuscation"),
        "prompt_cache_retention" | "prompt_cache_options" => LeftOut("without-cache-options"),
        "context_management" => LeftOut("without-context-management"),
        "moderation" => LeftOut("without-moderation"),
        _ => Unknown,
    }
}

/// Whether leaving the member out would change anything.
pub(super) fn says_something(key: &str, value: &str) -> bool {
    match (key, value) {
        (_, "null" | "false" | "{}" | "[]" | "\"\"") => false,
        ("service_tier", "\"auto\"" | "\"default\"") => false,
        ("stream_options", value) => value.contains("true"),
        _ => true,
    }
}
