//! `GET /v1/models` with its filters (API reference section 12). No price, limit or context: there is none.

use super::call::Caller;
use super::catalogue::Kind;
use super::play::with_kind;
use super::refusal::Refusal;
use axum::Extension;
use axum::body::Body;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

/// What the listing may be narrowed to.
#[derive(Deserialize)]
pub(super) struct Filter {
    r#type: Option<String>,
    sub_type: Option<String>,
}

/// The handler.
pub(super) async fn models(
    Extension(call): Caller,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(filter) = filter.map_err(|_| Refusal::bad_parameter())?;
    let fits = |kind: Kind| {
        let (own_type, own_sub_type) = names_of(kind);
        filter.r#type.as_deref().is_none_or(|name| name == own_type)
            && filter.sub_type.as_deref().is_none_or(|name| Some(name) == own_sub_type)
    };
    let models = call.emulator.catalogue.all().iter().filter(|model| fits(model.kind));
    let data: Vec<Value> =
        models.map(|model| json!({"id": model.id, "object": "model", "created": 0, "owned_by": ""})).collect();
    let document = json!({"object": "list", "data": data});
    Ok(with_kind("application/json; charset=utf-8", Body::from(document.to_string())))
}

/// `type` and `sub_type` of a kind. Speech synthesis has no `sub_type` in the reference.
fn names_of(kind: Kind) -> (&'static str, Option<&'static str>) {
    match kind {
        Kind::Chat | Kind::Vision | Kind::Ocr => ("text", Some("chat")),
        Kind::Embedding => ("text", Some("embedding")),
        Kind::Rerank => ("text", Some("reranker")),
        Kind::Image => ("image", Some("text-to-image")),
        Kind::ImageEdit => ("image", Some("image-to-image")),
        Kind::Asr => ("audio", Some("speech-to-text")),
        Kind::Tts => ("audio", None),
        Kind::Video => ("video", Some("text-to-video")),
    }
}
