//! async-openai, whose types are the strictest of all clients.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::{ApiErrorResponse, OpenAIError, WrappedError};
use async_openai::middleware::ReqwestService;
use async_openai::types::audio::{AudioInput, CreateSpeechRequest, CreateTranscriptionRequest, SpeechModel, SpeechResponseFormat, Voice};
use async_openai::types::chat::{CreateChatCompletionRequest, CreateChatCompletionStreamResponse as Chunk, FinishReason};
use async_openai::types::embeddings::{CreateEmbeddingRequest, EmbeddingInput, EncodingFormat};
use flowgate_client_tests::*;
use futures_util::StreamExt;
use serde_json::{Value, json};

fn client(name: &str) -> Client<OpenAIConfig> {
    Client::with_config(OpenAIConfig::new().with_api_base(variable("GATEWAY")).with_api_key(key(name)))
}

/// Without the client's own retries, which pay no regard to `x-should-retry`.
fn once(name: &str) -> Client<OpenAIConfig> {
    client(name).with_http_service(ReqwestService::default())
}

fn request(model: &str, messages: Value, more: Value) -> CreateChatCompletionRequest {
    let mut body = json!({"model": model, "messages": messages});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(body).unwrap()
}

async fn stream(model: &str, messages: Value, more: Value) -> Vec<Result<Chunk, OpenAIError>> {
    let stream = once("ANN").chat().create_stream(request(model, messages, more)).await.unwrap();
    stream.collect().await
}

async fn whole_stream(model: &str, messages: Value, more: Value) -> Vec<Chunk> {
    stream(model, messages, more).await.into_iter().map(Result::unwrap).collect()
}

fn text(chunks: &[Chunk]) -> String {
    chunks.iter().flat_map(|chunk| &chunk.choices).filter_map(|choice| choice.delta.content.as_deref()).collect()
}

fn weather() -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    json!({"tools": [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]})
}

#[tokio::test]
async fn chat() {
    reset().await;
    let answer = client("ANN").chat().create(request(CHAT, say(TEXT), json!({}))).await.unwrap();
    assert_eq!(answer.choices[0].message.content.as_deref(), Some(TEXT));
    let usage = answer.usage.unwrap();
    assert_eq!((usage.prompt_tokens.into(), usage.completion_tokens.into()), billed().await);
    assert_eq!(requests().await.len(), 1);
}

#[tokio::test]
async fn a_finish_reason_that_openai_does_not_know() {
    let answer = client("ANN").chat().create(request(SAYS_EOS, say(TEXT), json!({}))).await.unwrap();
    assert_eq!(answer.choices[0].finish_reason, Some(FinishReason::Stop));
    let chunks = whole_stream(SAYS_EOS, say(TEXT), json!({})).await;
    assert_eq!(chunks.last().unwrap().choices[0].finish_reason, Some(FinishReason::Stop));
}

#[tokio::test]
async fn stream_without_usage() {
    for model in [CHAT, THINKING, "deepseek-ai/DeepSeek-V3.2"] {
        let chunks = whole_stream(model, say(TEXT), json!({})).await;
        assert_eq!(text(&chunks), TEXT, "{model}");
        assert!(chunks.iter().all(|chunk| chunk.usage.is_none() && chunk.choices.len() == 1), "{model}");
    }
}

#[tokio::test]
async fn stream_with_usage() {
    for model in [CHAT, THINKING, "deepseek-ai/DeepSeek-V3.2"] {
        reset().await;
        let chunks = whole_stream(model, say(TEXT), json!({"stream_options": {"include_usage": true}})).await;
        let (last, rest) = chunks.split_last().unwrap();
        let usage = last.usage.as_ref().unwrap();
        assert!(last.choices.is_empty() && rest.iter().all(|chunk| chunk.usage.is_none()), "{model}");
        assert_eq!((usage.prompt_tokens.into(), usage.completion_tokens.into()), billed().await, "{model}");
    }
}

#[tokio::test]
async fn tools_streamed() {
    for model in [CHAT, BROKEN_TOOLS] {
        let chunks = whole_stream(model, user("What is the weather in Paris and Tokyo?"), weather()).await;
        let mut calls: Vec<(String, String)> = Vec::new();
        for call in chunks.iter().flat_map(|chunk| &chunk.choices).flat_map(|choice| choice.delta.tool_calls.iter().flatten()) {
            let index = call.index as usize;
            calls.resize(calls.len().max(index + 1), Default::default());
            let function = call.function.as_ref().unwrap();
            calls[index].0 += function.name.as_deref().unwrap_or_default();
            calls[index].1 += function.arguments.as_deref().unwrap_or_default();
        }
        let called = |city: &str| ("get_weather".to_owned(), json!({"city": city}).to_string());
        assert_eq!(calls, [called("Paris"), called("Tokyo")], "{model}");
    }
}

#[tokio::test]
async fn json_mode() {
    let format = json!({"response_format": {"type": "json_object"}});
    let answer = client("ANN").chat().create(request(CHAT, user("A city as JSON"), format)).await.unwrap();
    let content = answer.choices[0].message.content.as_deref().unwrap();
    assert!(serde_json::from_str::<Value>(content).unwrap().is_object());
}

#[tokio::test]
async fn vision() {
    reset().await;
    let parts = json!([{"type": "text", "text": format!("[[say={TEXT}]]")}, {"type": "image_url", "image_url": {"url": PIXEL}}]);
    let messages = json!([{"role": "user", "content": parts}]);
    let answer = client("ANN").chat().create(request(VISION, messages, json!({}))).await.unwrap();
    assert_eq!(answer.choices[0].message.content.as_deref(), Some(TEXT));
    assert!(requests().await[0]["body"].as_str().unwrap().contains(PIXEL));
}

#[tokio::test]
async fn a_thousand_embeddings() {
    reset().await;
    let texts: Vec<String> = (0..1000).map(|number| format!("Document {number} of {} kinds", number % 7)).collect();
    let asked = CreateEmbeddingRequest { model: EMBEDDING.to_owned(), input: EmbeddingInput::StringArray(texts.clone()), ..Default::default() };
    let whole = client("ANN").embeddings().create(asked.clone()).await.unwrap();
    assert_eq!(u64::from(whole.usage.prompt_tokens), billed().await.0);
    let coded = CreateEmbeddingRequest { encoding_format: Some(EncodingFormat::Base64), ..asked };
    let coded = client("ANN").embeddings().create_base64(coded).await.unwrap();
    for (index, expected) in vectors(&texts).await.into_iter().enumerate() {
        assert_eq!((whole.data[index].index as usize, &whole.data[index].embedding), (index, &expected));
        assert_eq!(Vec::<f32>::from(coded.data[index].embedding.clone()), expected);
    }
}

#[tokio::test]
async fn speech() {
    let asked = CreateSpeechRequest {
        input: "Hello".to_owned(),
        model: SpeechModel::Other(SPEECH.to_owned()),
        voice: Voice::Other(format!("{SPEECH}:alex")),
        response_format: Some(SpeechResponseFormat::Wav),
        ..Default::default()
    };
    let answer = client("ANN").audio().speech().create(asked).await.unwrap();
    assert!(answer.bytes.starts_with(b"RIFF"));
}

/// Raw, because the client's type asks for a `usage` that SiliconFlow does not send.
#[tokio::test]
async fn transcription() {
    let file = AudioInput::from_vec_u8("a.wav".to_owned(), vec![0; 32_000]);
    let asked = CreateTranscriptionRequest { file, model: TRANSCRIPTION.to_owned(), ..Default::default() };
    let answer = client("ANN").audio().transcription().create_raw(asked).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap(), json!({"text": "A recording of 32000 bytes."}));
}

#[tokio::test]
async fn models() {
    let list = client("ANN").models().list().await.unwrap();
    assert!(list.data.iter().any(|model| model.id == CHAT));
    assert_eq!(client("ANN").models().retrieve(CHAT).await.unwrap().id, CHAT);
    let allowed = client("RESTRICTED").models().list().await.unwrap();
    assert!(allowed.data.iter().all(|model| model.id.starts_with("Qwen/") || model.id == "gpt-4o-mini"));
}

/// The client takes the whole body of a 5xx for its message.
fn with_code(mut error: ApiErrorResponse) -> ApiErrorResponse {
    if error.status_code.is_server_error() {
        error.api_error = serde_json::from_str::<WrappedError>(&error.api_error.message).unwrap().error;
    }
    error
}

#[tokio::test]
async fn errors() {
    for case in cases().errors {
        reset().await;
        let refused = once(&case.key).chat().create(request(&case.model, user("Hi"), json!({}))).await;
        let Err(OpenAIError::ApiError(error)) = refused else { panic!("{}: {refused:?}", case.name) };
        let error = with_code(error);
        assert_eq!((error.status_code.as_u16(), &error.api_error.code), (case.status, &case.code), "{}", case.name);
        assert!(error.api_error.message.contains(&case.says), "{}: {error}", case.name);
        assert_eq!(requests().await.len(), case.calls, "{}", case.name);
    }
}

#[tokio::test]
async fn its_own_retry_after_an_overload() {
    reset().await;
    let answer = client("ANN").chat().create(request("fault/flaky-503:4", say(TEXT), json!({}))).await.unwrap();
    assert_eq!(answer.choices[0].message.content.as_deref(), Some(TEXT));
    assert_eq!(requests().await.len(), 5);
}

#[tokio::test]
async fn broken_streams() {
    for fault in cases().broken {
        let parts = stream(&format!("fault/{fault}"), user("[[tokens=9]]"), json!({})).await;
        let failed = parts.iter().position(Result::is_err).unwrap_or_else(|| panic!("{fault}: no error"));
        assert!(failed > 0, "{fault}: nothing came before the error");
        let finished = |part: &Result<Chunk, OpenAIError>| part.as_ref().is_ok_and(|chunk| chunk.choices[0].finish_reason.is_some());
        assert!(!parts.iter().any(finished), "{fault}");
    }
}
