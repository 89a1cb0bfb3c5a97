//! Uploaded voices (API reference section 10): the list holds only the account's own, never the presets.

use crate::mock::call::{Call, Caller};
use crate::mock::catalogue::Kind;
use crate::mock::emulator::locked;
use crate::mock::play::with_kind;
use crate::mock::refusal::Refusal;
use crate::mock::store::Voice;
use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::response::Response;
use serde_json::{Value, json};

const JSON: &str = "application/json; charset=utf-8";

/// `POST /v1/uploads/audio/voice`, as a form or as JSON.
pub(in crate::mock) async fn upload(Extension(call): Caller, request: Request) -> Result<Response, Refusal> {
    let fields = if call.json.is_object() { call.json.clone() } else { form(request).await? };
    let text = |name: &str| fields[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let (Some(model), Some(name), Some(words), Some(_)) =
        (text("model"), text("customName"), text("text"), text("audio"))
    else {
        return Err(Refusal::bad_parameter());
    };
    call.model_named(&model, |kind| kind == Kind::Tts)?;
    let uri = format!("speech:{name}:{}:{}", call.emulator.fresh_id(12), call.emulator.fresh_id(20));
    let voice = Voice { uri: uri.clone(), model, name, text: words };
    locked(&call.emulator.store).add_voice(&call.account, voice);
    Ok(with_kind(JSON, Body::from(json!({"uri": uri}).to_string())))
}

/// The form's fields, the file as its length under `audio`.
async fn form(request: Request) -> Result<Value, Refusal> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| Refusal::bad_parameter())?;
    let mut fields = json!({});
    while let Some(field) = form.next_field().await.map_err(|_| Refusal::bad_parameter())? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|_| Refusal::bad_parameter())?;
        match name.as_str() {
            "file" => fields["audio"] = json!(bytes.len().to_string()),
            _ => fields[name] = json!(String::from_utf8_lossy(&bytes)),
        }
    }
    Ok(fields)
}

/// `GET /v1/audio/voice/list`.
pub(in crate::mock) async fn list(Extension(call): Caller) -> Response {
    let shown =
        |voice: &Voice| json!({"model": voice.model, "customName": voice.name, "text": voice.text, "uri": voice.uri});
    let results: Vec<Value> = locked(&call.emulator.store).voices(&call.account).iter().map(shown).collect();
    with_kind(JSON, Body::from(json!({"results": results}).to_string()))
}

/// `POST /v1/audio/voice/deletions`.
pub(in crate::mock) async fn delete(Extension(call): Caller) -> Result<Response, Refusal> {
    if remove(&call) { Ok(with_kind(JSON, Body::from("\"\""))) } else { Err(Refusal::bad_parameter()) }
}

fn remove(call: &Call) -> bool {
    let uri = call.json["uri"].as_str().unwrap_or_default();
    locked(&call.emulator.store).remove_voice(&call.account, uri)
}
