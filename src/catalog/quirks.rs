//! What single models are known to do wrong, and the numbers that a clear error text needs.

/// Models whose streamed tool calls are broken beyond repair: the id is always null, the name
/// always empty and the real arguments are lost. Without streaming they are fine.
/// Live probes of 2026-09-13 (siliconflow-api.md, section 2).
const BROKEN_STREAMED_TOOLS: &[&str] = &["THUDM/GLM-4-9B-0414"];

/// The most inputs that one `/embeddings` call may carry: the upstream's own message of 2025-02
/// and 2026-03 (siliconflow-api.md, section 7; its schema says 32).
pub const MAX_EMBEDDING_BATCH: usize = 64;

/// Largest audio file of `/audio/transcriptions` (bytes; siliconflow-api.md, section 10: 50 MB).
pub const MAX_AUDIO_BYTES: u64 = 50 * 1024 * 1024;

/// Whether it takes PDF documents in place of pictures (siliconflow-api.md, section 2).
pub fn reads_pdf(model: &str) -> bool {
    model == "deepseek-ai/DeepSeek-OCR"
}

/// Whether a streamed request with tools must be sent without streaming.
pub fn breaks_streamed_tools(model: &str) -> bool {
    BROKEN_STREAMED_TOOLS.contains(&model)
}

/// Most tokens of one `/embeddings` input (siliconflow-api.md, section 7).
pub fn max_embedding_tokens(model: &str) -> Option<u32> {
    let name = model.strip_prefix("Pro/").unwrap_or(model);
    match name {
        "BAAI/bge-large-zh-v1.5" | "BAAI/bge-large-en-v1.5" | "netease-youdao/bce-embedding-base_v1" => Some(512),
        "BAAI/bge-m3" => Some(8_192),
        _ if name.starts_with("Qwen/Qwen3-Embedding-") => Some(32_768),
        _ => None,
    }
}
