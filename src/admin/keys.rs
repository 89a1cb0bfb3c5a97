//! `/api/keys`: the virtual keys.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::Routes;
use super::api::{Shared, from_desk, list, members};
use super::error::ApiError;
use crate::tenant::KeyError;

/// How long a secret still works after it was replaced, if nobody says (ours): a day to change it everywhere.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

type Body = Result<Bytes, BytesRejection>;

pub(super) fn routes() -> Routes<Shared> {
    vec![
        ("get", "/keys", get(all)),
        ("post", "/keys", post(create)),
        ("get", "/keys/{name}", get(one)),
        ("patch", "/keys/{name}", patch(edit)),
        ("delete", "/keys/{name}", delete(revoke)),
        ("post", "/keys/{name}/rotate", post(rotate)),
    ]
}

async fn all(State(desk): State<Shared>) -> Result<Response, ApiError> {
    from_desk(desk, |desk| desk.keys()).await.map(list)
}

async fn one(State(desk): State<Shared>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    from_desk(desk, move |desk| desk.key(&name)).await.map(Json)
}

async fn create(State(desk): State<Shared>, body: Body) -> Result<Response, ApiError> {
    let mut fields = members(body)?;
    let name = match fields.remove("name") {
        Some(Value::String(name)) => name,
        _ => return Err(KeyError::Fields(vec!["key.name: a key needs a name, in quotes".to_owned()]).into()),
    };
    let made = from_desk(desk, move |desk| desk.create(&name, fields)).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

async fn edit(State(desk): State<Shared>, Path(name): Path<String>, body: Body) -> Result<Json<Value>, ApiError> {
    let fields = members(body)?;
    from_desk(desk, move |desk| desk.edit(&name, fields)).await.map(Json)
}

async fn revoke(State(desk): State<Shared>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    from_desk(desk, move |desk| desk.revoke(&name)).await.map(Json)
}

async fn rotate(State(desk): State<Shared>, Path(name): Path<String>, body: Body) -> Result<Json<Value>, ApiError> {
    let overlap = overlap(&members(body)?).map_err(|fault| KeyError::Fields(vec![fault]))?;
    from_desk(desk, move |desk| desk.rotate(&name, overlap)).await.map(Json)
}

fn overlap(members: &Map<String, Value>) -> Result<Duration, String> {
    if let Some(unknown) = members.keys().find(|name| *name != "overlap") {
        return Err(format!("{}: unknown name; there is `overlap`", unknown.escape_debug()));
    }
    let Some(overlap) = members.get("overlap") else { return Ok(OVERLAP) };
    let text = overlap.as_str().map(|text| if text == "0" { "0s" } else { text });
    let span = text.and_then(|text| humantime::parse_duration(text).ok());
    span.ok_or_else(|| "overlap: must be a duration such as \"24h\", or \"0s\"".to_owned())
}
