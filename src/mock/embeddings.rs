//! `POST /v1/embeddings` (API reference section 7). Vectors are unit length and made from the words of the text, so
//! that texts with words in common are near each other and a search over them makes sense.

use super::call::{Call, Caller};
use super::catalogue::{Kind, Model};
use super::play;
use super::quota::Ask;
use super::refusal::Refusal;
use super::seed::{self, Numbers};
use super::tokens;
use axum::Extension;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// Most inputs of a request: the gateway says 64 (page-assist issue 371), the schema 32.
const MOST_INPUTS: usize = 64;
/// Length of a vector where the data file names none (bge).
const USUAL_DIMENSIONS: usize = 1_024;
/// Tokens of one input where the data file names no bound (ours).
const USUAL_INPUT_TOKENS: u64 = 8_192;
/// Places of the vector a word changes (ours).
const PLACES_PER_WORD: usize = 8;

/// The handler.
pub(super) async fn embeddings(Extension(call): Caller) -> Result<Response, Refusal> {
    let model = call.model(|kind| kind == Kind::Embedding)?;
    let inputs = inputs_of(model, &call.json)?;
    let dimensions = dimensions_of(model, &call.json)?;
    let as_base64 = is_base64(&call.json)?;
    let prompt_tokens = count(model, &inputs)?;
    let mut ticket = call.admit(Ask { tokens: prompt_tokens, images: 0 })?;
    call.take_time(0).await;
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text, dimensions, call.seed());
            json!({"object": "embedding", "index": index, "embedding": shown(&vector, as_base64)})
        })
        .collect();
    ticket.bill.prompt_tokens = prompt_tokens;
    Ok(play::document(&call, &document(&call, data, prompt_tokens), ticket))
}

fn document(call: &Call, data: Vec<Value>, prompt_tokens: u64) -> Value {
    let usage = json!({"prompt_tokens": prompt_tokens, "completion_tokens": 0, "total_tokens": prompt_tokens});
    json!({"object": "list", "model": call.model_id(), "data": data, "usage": usage})
}

fn inputs_of(model: &Model, json: &Value) -> Result<Vec<String>, Refusal> {
    let inputs: Vec<String> = match &json["input"] {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().map(|input| input_of(model, input)).collect::<Option<_>>().unwrap_or_default(),
        _ => vec![],
    };
    if inputs.is_empty() || inputs.iter().any(String::is_empty) {
        return Err(Refusal::bad_parameter());
    }
    if inputs.len() > MOST_INPUTS {
        let text = format!("input batch size {} > maximum allowed batch size {MOST_INPUTS}", inputs.len());
        return Err(Refusal::parameter(text));
    }
    Ok(inputs)
}

/// Text; for Qwen3-VL-Embedding also an object with text or a picture. Token arrays are refused (ours).
fn input_of(model: &Model, input: &Value) -> Option<String> {
    match input {
        Value::String(text) => Some(text.clone()),
        Value::Object(_) if model.id.contains("-VL-") => Some(input.to_string()),
        _ => None,
    }
}

fn dimensions_of(model: &Model, json: &Value) -> Result<usize, Refusal> {
    let full = model.dimensions.iter().max().copied().unwrap_or(USUAL_DIMENSIONS);
    let Some(asked) = json["dimensions"].as_u64() else {
        return Ok(full);
    };
    let known = model.dimensions.iter().find(|own| **own as u64 == asked);
    known.copied().ok_or_else(Refusal::bad_parameter)
}

/// An explicit null or empty `encoding_format` is refused (section 7).
fn is_base64(json: &Value) -> Result<bool, Refusal> {
    match json.get("encoding_format") {
        None => Ok(false),
        Some(format) if format == "float" => Ok(false),
        Some(format) if format == "base64" => Ok(true),
        Some(_) => Err(Refusal::bad_parameter()),
    }
}

/// Tokens of all inputs; one over-long input fails them all, without saying which (section 7).
fn count(model: &Model, inputs: &[String]) -> Result<u64, Refusal> {
    let most = model.max_input_tokens.unwrap_or(USUAL_INPUT_TOKENS);
    let counts: Vec<u64> = inputs.iter().map(|text| tokens::count(text)).collect();
    if counts.iter().any(|count| *count > most) { Err(Refusal::bad_parameter()) } else { Ok(counts.iter().sum()) }
}

fn vector(text: &str, dimensions: usize, seed: u64) -> Vec<f32> {
    let mut noise = Numbers::from(seed::mix(seed, text));
    let mut vector: Vec<f32> = (0..dimensions).map(|_| fraction(noise.next()) * 0.02).collect();
    for word in text.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut numbers = Numbers::from(seed::mix(seed, word));
        for _ in 0..PLACES_PER_WORD {
            let sign = fraction(numbers.next()).signum();
            if let Some(place) = vector.get_mut(numbers.below(dimensions)) {
                *place += sign;
            }
        }
    }
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter().map(|part| part / length).collect()
}

/// Between -1 and 1.
fn fraction(number: u64) -> f32 {
    (number >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}

fn shown(vector: &[f32], as_base64: bool) -> Value {
    if as_base64 {
        let bytes: Vec<u8> = vector.iter().flat_map(|part| part.to_le_bytes()).collect();
        return json!(BASE64_STANDARD.encode(bytes));
    }
    json!(vector)
}
