//! `/api/teams`: the teams that keys belong to.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{delete, get, patch};
use bytes::Bytes;
use serde_json::{Value, json};

use super::Routes;
use super::api::{Shared, from_desk, list, members};
use super::error::ApiError;

pub(super) fn routes() -> Routes<Shared> {
    vec![
        ("get", "/teams", get(all)),
        ("get", "/teams/{name}", get(one)),
        ("patch", "/teams/{name}", patch(set)),
        ("delete", "/teams/{name}", delete(remove)),
    ]
}

async fn all(State(desk): State<Shared>) -> Result<Response, ApiError> {
    from_desk(desk, |desk| desk.teams()).await.map(list)
}

async fn one(State(desk): State<Shared>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    from_desk(desk, move |desk| desk.team(&name)).await.map(Json)
}

async fn set(
    State(desk): State<Shared>,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, ApiError> {
    let fields = members(body)?;
    from_desk(desk, move |desk| desk.set_team(&name, fields)).await.map(Json)
}

async fn remove(State(desk): State<Shared>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let removed = json!({"name": name, "removed": true});
    from_desk(desk, move |desk| desk.remove_team(&name)).await?;
    Ok(Json(removed))
}
