//! `/v1/files` (API reference section 13): the only endpoint here whose answers are wrapped.

use super::StoredFile;
use crate::mock::call::{Call, Caller};
use crate::mock::clock::unix_seconds;
use crate::mock::emulator::locked;
use crate::mock::play::with_kind;
use crate::mock::refusal::Refusal;
use axum::Extension;
use axum::body::Body;
use axum::extract::Multipart;
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

/// Largest file held, in bytes (ours; SiliconFlow takes 1 GB).
const MOST_BYTES: usize = 64 * 1_048_576;

/// `POST /v1/files`.
pub(in crate::mock) async fn upload(
    Extension(call): Caller,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Response, Refusal> {
    let mut form = form.map_err(|_| Refusal::bad_parameter())?;
    let (mut purpose, mut file) = (String::new(), None);
    while let Some(field) = form.next_field().await.map_err(|_| Refusal::bad_parameter())? {
        match field.name() {
            Some("purpose") => purpose = field.text().await.map_err(|_| Refusal::bad_parameter())?,
            Some("file") => {
                let name = field.file_name().unwrap_or("file.jsonl").to_owned();
                file = Some((name, field.bytes().await.map_err(|_| Refusal::bad_parameter())?));
            }
            _ => {}
        }
    }
    let (name, content) = file.filter(|_| purpose == "batch").ok_or_else(Refusal::bad_parameter)?;
    if content.len() > MOST_BYTES {
        return Err(Refusal::coded(413, 20015, "The file is too large for the emulator (64 MiB)."));
    }
    Ok(wrapped(&keep(&call, &name, content)))
}

fn keep(call: &Call, name: &str, content: Bytes) -> Value {
    let mut store = locked(&call.emulator.store);
    let id = store.next_id("file");
    let shown = json!({
        "id": id, "object": "file", "bytes": content.len(), "createdAt": unix_seconds(), "filename": name,
        "purpose": "batch",
    });
    store.files.insert((call.account.clone(), id), StoredFile { shown: shown.clone(), content });
    shown
}

/// `GET /v1/files`.
pub(in crate::mock) async fn list(Extension(call): Caller) -> Response {
    let store = locked(&call.emulator.store);
    let own = store.files.iter().filter(|((account, _), _)| *account == call.account);
    let data: Vec<Value> = own.map(|(_, file)| file.shown.clone()).collect();
    wrapped(&json!({"object": "list", "data": data}))
}

/// `{"code":20000,"message":"Ok","status":true,"data":..}`.
fn wrapped(data: &Value) -> Response {
    let document = json!({"code": 20000, "message": "Ok", "status": true, "data": data});
    with_kind("application/json; charset=utf-8", Body::from(document.to_string()))
}
