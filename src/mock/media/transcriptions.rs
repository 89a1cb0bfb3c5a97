//! `POST /v1/audio/transcriptions` (API reference section 10): a form, read piece by piece and never held.

use crate::mock::call::Caller;
use crate::mock::catalogue::Kind;
use crate::mock::play;
use crate::mock::quota::Ask;
use crate::mock::refusal::Refusal;
use axum::Extension;
use axum::extract::Multipart;
use axum::extract::multipart::Field;
use axum::response::Response;
use serde_json::json;

/// Largest file in bytes (section 10: 50 MB).
const MOST_BYTES: u64 = 50 * 1024 * 1024;
/// Bytes taken for a second of sound: 16 kHz, 16 bits (ours).
const BYTES_PER_SECOND: u64 = 32_000;

/// The handler.
pub(in crate::mock) async fn transcriptions(
    Extension(call): Caller,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Response, Refusal> {
    let mut form = form.map_err(|_| Refusal::bad_parameter())?;
    let (mut model, mut length) = (String::new(), None);
    while let Some(field) = form.next_field().await.map_err(|_| Refusal::bad_parameter())? {
        match field.name() {
            Some("model") => model = field.text().await.map_err(|_| Refusal::bad_parameter())?,
            Some("file") => length = Some(length_of(field).await?),
            _ => {}
        }
    }
    call.model_named(&model, |kind| kind == Kind::Asr)?;
    let length = length.ok_or_else(|| Refusal::parameter("Field required: file"))?;
    let mut ticket = call.emulator.admit(&call.account, &model, Ask::default())?;
    call.take_time(0).await;
    ticket.bill.bytes = length;
    ticket.bill.seconds = length.div_ceil(BYTES_PER_SECOND);
    let text = if call.fault_is("empty-text") { String::new() } else { format!("A recording of {length} bytes.") };
    Ok(play::document(&call, &json!({"text": text}), ticket))
}

async fn length_of(mut field: Field<'_>) -> Result<u64, Refusal> {
    let mut length = 0;
    while let Some(piece) = field.chunk().await.map_err(|_| Refusal::bad_parameter())? {
        length += piece.len() as u64;
        if length > MOST_BYTES {
            return Err(Refusal::coded(413, 20015, "The file is larger than 50 MB."));
        }
    }
    Ok(length)
}
