//! How models differ in behaviour, beyond what the data file says. Each line names where it was seen.
//! It must not know requests; it answers questions about a model.

use super::catalogue::Model;

/// Where a stream carries `usage` (API reference section 2, "Usage").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsageStyle {
    /// Cumulative in every chunk: most chat models.
    Every,
    /// In one more chunk with empty `choices`, asked for or not: Qwen3.5 (PRISM).
    Last,
    /// On the chunk that carries the finish reason: DeepSeek (DSH).
    Finish,
    /// In the finish chunk and again in one more chunk. A fault.
    Twice,
    /// Nowhere. A fault.
    Never,
}

/// Whether and when a model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Does not; a request's `enable_thinking` is ignored.
    Ignored,
    /// Does not; a request's `enable_thinking` is refused.
    Refused,
    /// Always does.
    Always,
    /// As the request says; without a word from it, this.
    Toggle(bool),
}

impl Model {
    pub(super) fn usage_style(&self) -> UsageStyle {
        if self.id.starts_with("Qwen/Qwen3.5-") {
            UsageStyle::Last
        } else if self.id.contains("deepseek-ai/DeepSeek-") {
            UsageStyle::Finish
        } else {
            UsageStyle::Every
        }
    }

    /// From the file's `thinking`, the ids of always-thinking families, and the reject list of section 15. Defaults
    /// where the request is silent: on for Qwen3.5 (PRISM), off elsewhere (ours; the pages disagree).
    pub(super) fn thinking_habit(&self) -> Thinking {
        match self.thinking.as_deref() {
            Some("rejects enable_thinking") => Thinking::Refused,
            Some("always" | "effort") => Thinking::Always,
            Some(text) if text.starts_with("toggle") => Thinking::Toggle(self.id.contains("Qwen3.5")),
            _ if self.id.contains("Qwen2.5") => Thinking::Refused,
            _ if self.always_thinks() => Thinking::Always,
            _ => Thinking::Ignored,
        }
    }

    fn always_thinks(&self) -> bool {
        ["DeepSeek-R1", "-Thinking", "GLM-Z1"].iter().any(|mark| self.id.contains(mark))
    }

    /// Whether the reasoning eats from `max_tokens`: measured for Qwen3.5-4B (PRISM); the CN page says it does not.
    pub(super) fn reasoning_within_max_tokens(&self) -> bool {
        self.id.starts_with("Qwen/Qwen3.5-")
    }

    /// The word for a natural end: "eos" is in SiliconFlow's list (section 2); which models say it is ours.
    pub(super) fn natural_end(&self) -> &'static str {
        if self.id.contains("GLM-Z1-9B") || self.id == "Qwen/Qwen2.5-7B-Instruct" { "eos" } else { "stop" }
    }

    /// GLM-4-9B-0414 streams broken tool calls: id null, name empty, the name inside `arguments` (PRISM, 6 of 6).
    pub(super) fn breaks_streamed_tool_calls(&self) -> bool {
        self.id == "THUDM/GLM-4-9B-0414"
    }

    /// Qwen3.5-4B says "stop" though a forced tool call is there (PRISM).
    pub(super) fn forced_call_says_stop(&self) -> bool {
        self.id == "Qwen/Qwen3.5-4B"
    }

    /// Older models have no cache fields in `usage` (section 2); which ones is ours.
    pub(super) fn reports_cache(&self) -> bool {
        !self.id.contains("Qwen2.5") && !self.id.contains("0414")
    }

    /// DeepSeek-V4-Pro refuses a history whose reasoning was dropped (opencode issue 28974).
    pub(super) fn wants_reasoning_back(&self) -> bool {
        self.id == "deepseek-ai/DeepSeek-V4-Pro"
    }

    /// DeepSeek-V3.1 takes tools only with thinking off (section 2, "Reasoning and tools").
    pub(super) fn refuses_tools_while_thinking(&self) -> bool {
        self.id.contains("DeepSeek-V3.1")
    }

    /// Tokens of prompt a model takes. Without a source 131,072 (ours).
    pub(super) fn window_tokens(&self) -> u64 {
        self.context.unwrap_or(131_072)
    }

    /// The text of a context overflow: `max_prompt_tokens` was seen for GLM-4.5-Air, `max_seq_len` for Ling (PI).
    pub(super) fn overflow_text(&self, prompt_tokens: u64) -> String {
        let name = if self.id.contains("GLM-4.5-Air") { "max_prompt_tokens" } else { "max_seq_len" };
        format!("number of input tokens ({prompt_tokens}) has exceeded {name} ({}) limit.", self.window_tokens())
    }

    /// Rerankers answer with `meta.tokens` (seen for BAAI) or top-level `tokens` (INT, OAS24); split by family: ours.
    pub(super) fn reranks_with_meta(&self) -> bool {
        self.id.contains("BAAI/")
    }
}
