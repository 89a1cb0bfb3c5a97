//! What goes wrong in the admin API, as OpenAI's error object, with every fault of a bad field in `faults`.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::tenant::KeyError;

/// An answer that is an error.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// There is no token, so nobody may come in.
    #[error(
        "The admin API is shut: there is no token. Set one in the configuration, such as [admin] token = {{ env = \"FLOWGATE_ADMIN_TOKEN\" }}."
    )]
    Shut,
    /// No token was sent.
    #[error("Send the operator's token: `Authorization: Bearer TOKEN`. A virtual key is none.")]
    NoToken,
    /// A wrong one was sent.
    #[error("This is not the operator's token, which is set as `token` below [admin]. A virtual key is none.")]
    WrongToken,
    /// Too many wrong ones were sent.
    #[error("Too many wrong tokens came from your address. Try again in {} s.", .0.as_millis().div_ceil(1000))]
    Throttled(Duration),
    /// There is nothing at this path.
    #[error("There is nothing here. `GET /api/openapi.json` describes what there is.")]
    NoRoute,
    /// Something is there, with another method.
    #[error("This path takes another method. `GET /api/openapi.json` describes what there is.")]
    Method,
    /// The body cannot be read.
    #[error("{0}")]
    Body(String),
    /// Something about a key or a team.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// A mistake of ours.
    #[error("The gateway made a mistake: {0}")]
    Internal(String),
}

impl ApiError {
    /// Status and code.
    fn view(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Shut => (StatusCode::FORBIDDEN, "admin_api_shut"),
            Self::NoToken | Self::WrongToken => (StatusCode::UNAUTHORIZED, "invalid_admin_token"),
            Self::Throttled(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "unknown_url"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Body(_) => (StatusCode::BAD_REQUEST, "invalid_body"),
            Self::Key(error) => key_view(error),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// Each fault by itself.
    fn faults(&self) -> Option<&[String]> {
        match self {
            Self::Key(KeyError::Fields(faults)) => Some(faults),
            _ => None,
        }
    }
}

fn key_view(error: &KeyError) -> (StatusCode, &'static str) {
    match error {
        KeyError::NoKey(_) | KeyError::NoTeam(_) => (StatusCode::NOT_FOUND, "not_found"),
        KeyError::Taken(_) => (StatusCode::CONFLICT, "name_taken"),
        KeyError::OfFile(_) => (StatusCode::CONFLICT, "in_the_file"),
        KeyError::Revoked(_) => (StatusCode::CONFLICT, "key_revoked"),
        KeyError::InUse(..) => (StatusCode::CONFLICT, "team_in_use"),
        KeyError::Fields(_) => (StatusCode::BAD_REQUEST, "invalid_fields"),
        KeyError::NotKept => (StatusCode::CONFLICT, "not_kept"),
        KeyError::Random => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        KeyError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_failed"),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.view();
        let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
        let mut error = json!({"message": self.to_string(), "type": kind, "param": null, "code": code});
        if let Some(faults) = self.faults() {
            error["faults"] = faults.into();
        }
        let mut response = (status, Json(json!({"error": error}))).into_response();
        if let Self::Throttled(wait) = self {
            let seconds = HeaderValue::from(wait.as_millis().div_ceil(1000) as u64);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
