//! `POST /v1/audio/speech` (API reference section 10): binary, in pieces.

use super::sound;
use crate::mock::call::{Call, Caller};
use crate::mock::catalogue::Kind;
use crate::mock::emulator::locked;
use crate::mock::play::{self, Frame};
use crate::mock::quota::Ask;
use crate::mock::refusal::Refusal;
use axum::Extension;
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;

/// Most characters of `input` (section 10).
const MOST_CHARACTERS: usize = 128_000;
/// Bytes of one piece of the answer (ours).
const PIECE_BYTES: usize = 8_192;
/// The preset voices (`[voices]` of the data file).
const PRESETS: [&str; 8] = ["alex", "benjamin", "charles", "david", "anna", "bella", "claire", "diana"];

/// The handler.
pub(in crate::mock) async fn speech(Extension(call): Caller) -> Result<Response, Refusal> {
    let model = call.model(|kind| kind == Kind::Tts)?;
    let text = call.json["input"].as_str().unwrap_or_default();
    if text.is_empty() || text.chars().count() > MOST_CHARACTERS {
        return Err(Refusal::bad_parameter());
    }
    check_voice(&call, &model.id)?;
    let (kind, sound) = render(&call.json, text)?;
    let mut ticket = call.admit(Ask::default())?;
    call.take_time(0).await;
    ticket.bill.bytes = text.len() as u64;
    ticket.bill.seconds = sound::length_ms(text).div_ceil(1_000);
    Ok(play::respond(&call, kind, pieces(&sound), ticket))
}

fn pieces(sound: &Bytes) -> Vec<Frame> {
    let starts = (0..sound.len()).step_by(PIECE_BYTES);
    starts.map(|start| Frame::plain(sound.slice(start..sound.len().min(start + PIECE_BYTES)))).collect()
}

/// `model:name`, an uploaded `speech:` uri, or nothing with references. Bare names are refused.
fn check_voice(call: &Call, model: &str) -> Result<(), Refusal> {
    let voice = call.json["voice"].as_str().unwrap_or_default();
    let with_references = call.json["references"].as_array().is_some_and(|all| !all.is_empty());
    let is_preset =
        voice.strip_prefix(model).and_then(|rest| rest.strip_prefix(':')).is_some_and(|name| PRESETS.contains(&name));
    let is_uploaded = voice.starts_with("speech:") && locked(&call.emulator.store).has_voice(&call.account, voice);
    let fine = match voice {
        "" => with_references || model.contains("MOSS"),
        _ => !with_references && (is_preset || is_uploaded),
    };
    if fine { Ok(()) } else { Err(Refusal::bad_parameter()) }
}

/// Content type and bytes. Rates by format are section 10's; the default is the guide's 44,100 (the schema says 32,000).
fn render(json: &Value, text: &str) -> Result<(&'static str, Bytes), Refusal> {
    let length = sound::length_ms(text);
    let rate = json["sample_rate"].as_u64().and_then(|rate| u32::try_from(rate).ok());
    let allowed = |rates: &[u32]| rate.is_none_or(|rate| rates.contains(&rate));
    let free = allowed(&[8_000, 16_000, 24_000, 32_000, 44_100]);
    let at = rate.unwrap_or(44_100);
    match json["response_format"].as_str().unwrap_or("mp3") {
        "mp3" if allowed(&[32_000, 44_100]) => Ok(("audio/mpeg", sound::mp3(length))),
        "wav" if free => Ok(("audio/wav", sound::wav(length, at))),
        "pcm" if free => Ok(("audio/pcm", sound::pcm(length, at))),
        "opus" if allowed(&[48_000]) => Ok(("audio/opus", sound::opus())),
        _ => Err(Refusal::bad_parameter()),
    }
}
