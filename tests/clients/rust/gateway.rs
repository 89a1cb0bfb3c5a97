//! What the client is tested with: where the gateway is, the keys, the cases, and the emulator's side of it.

use serde::Deserialize;
use serde_json::{Value, json};

/// Answers quickly and puts its usage into every chunk.
pub const CHAT: &str = "Qwen/Qwen3-8B";
/// Thinks.
pub const THINKING: &str = "Qwen/Qwen3.5-4B";
/// Takes pictures.
pub const VISION: &str = "Qwen/Qwen3-VL-8B-Instruct";
/// Streams broken tool calls.
pub const BROKEN_TOOLS: &str = "THUDM/GLM-4-9B-0414";
/// Finishes with `eos`.
pub const SAYS_EOS: &str = "THUDM/GLM-Z1-9B-0414";
/// Makes vectors.
pub const EMBEDDING: &str = "BAAI/bge-m3";
/// Speaks.
pub const SPEECH: &str = "FunAudioLLM/CosyVoice2-0.5B";
/// Listens.
pub const TRANSCRIPTION: &str = "FunAudioLLM/SenseVoiceSmall";
/// What the emulator is asked to say.
pub const TEXT: &str = "A fox, 一只狐狸 and a 🦊 walk in.";
/// A picture of one pixel.
pub const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// An error, and what a client must report of it.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// What it is.
    pub name: String,
    /// The model that brings it about.
    #[serde(default = "chat")]
    pub model: String,
    /// The key that brings it about.
    #[serde(default = "ann")]
    pub key: String,
    /// HTTP status.
    pub status: u16,
    /// OpenAI's code.
    pub code: Option<String>,
    /// Part of the message.
    pub says: String,
    /// Calls that reach the upstream.
    #[serde(default = "one")]
    pub calls: usize,
}

/// All cases.
#[derive(Debug, Deserialize)]
pub struct Cases {
    /// Refusals.
    pub errors: Vec<Case>,
    /// Faults that end a stream in its middle.
    pub broken: Vec<String>,
}

fn chat() -> String {
    CHAT.to_owned()
}

fn ann() -> String {
    "ANN".to_owned()
}

fn one() -> usize {
    1
}

/// The cases that all clients share.
pub fn cases() -> Cases {
    serde_json::from_str(&std::fs::read_to_string(variable("CASES")).unwrap()).unwrap()
}

/// A variable that the runner sets.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/clients/run"))
}

/// A virtual key.
pub fn key(name: &str) -> String {
    variable(&format!("KEY_{name}"))
}

/// Messages with one prompt that the emulator answers with exactly `text`.
pub fn say(text: &str) -> Value {
    user(&format!("[[say={text}]]"))
}

/// Messages with one prompt.
pub fn user(content: &str) -> Value {
    json!([{"role": "user", "content": content}])
}

async fn emulator(path: &str, body: Option<Value>) -> Value {
    let (client, url) = (reqwest::Client::new(), variable("EMULATOR") + path);
    let request = match body {
        Some(body) => client.post(url).json(&body).bearer_auth(variable("UPSTREAM_KEY_0")),
        None => client.get(url),
    };
    request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
}

/// Forgets what the emulator saw before.
pub async fn reset() {
    emulator("/mock/reset", Some(json!({}))).await;
}

/// Prompt and completion tokens that were billed.
pub async fn billed() -> (u64, u64) {
    let total = &emulator("/mock/billed", None).await["total"];
    (total["prompt_tokens"].as_u64().unwrap(), total["completion_tokens"].as_u64().unwrap())
}

/// What reached the upstream, none of it with a key of the caller's.
pub async fn requests() -> Vec<Value> {
    let requests = emulator("/mock/requests", None).await;
    let seen = requests.to_string();
    for name in ["ANN", "RESTRICTED", "EXPIRED", "WRONG"] {
        assert!(!seen.contains(&key(name)), "a caller's key went upstream");
    }
    requests.as_array().unwrap().clone()
}

/// Vectors of `texts` without the gateway, in calls that the upstream takes.
pub async fn vectors(texts: &[String]) -> Vec<Vec<f32>> {
    let mut vectors = Vec::new();
    for part in texts.chunks(64) {
        let answer = emulator("/v1/embeddings", Some(json!({"model": EMBEDDING, "input": part}))).await;
        let entries = answer["data"].as_array().unwrap();
        vectors.extend(entries.iter().map(|entry| serde_json::from_value::<Vec<f32>>(entry["embedding"].clone()).unwrap()));
    }
    vectors
}
