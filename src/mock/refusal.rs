//! SiliconFlow's error bodies (API reference section 15): a flat object, a bare JSON string, or the object without a
//! code. It must not know why a request is refused; callers choose the row.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

/// An answer that says no.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    pub(super) retry_after: Option<String>,
}

impl Refusal {
    /// `{"code":..,"message":..,"data":null}`.
    pub(super) fn coded(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self::of(status, json!({"code": code, "message": message.into(), "data": null}))
    }

    /// The same without `code`, as seen on many 429.
    pub(super) fn uncoded(status: u16, message: &str) -> Self {
        Self::of(status, json!({"message": message, "data": null}))
    }

    /// A bare JSON string.
    pub(super) fn bare(status: u16, text: &str) -> Self {
        Self::of(status, json!(text))
    }

    fn of(status: u16, body: Value) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, body, retry_after: None }
    }

    pub(super) fn bad_model() -> Self {
        Self::coded(400, 20012, "Model does not exist. Please check it carefully.")
    }

    pub(super) fn bad_parameter() -> Self {
        Self::parameter("The parameter is invalid. Please check again.")
    }

    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::coded(400, 20015, message)
    }

    pub(super) fn no_json_mode() -> Self {
        Self::coded(400, 20024, "Json mode is not supported for this model.")
    }

    pub(super) fn bad_token() -> Self {
        Self::bare(401, "Invalid token")
    }

    pub(super) fn bad_token_object() -> Self {
        Self::of(401, json!({"code": 20012, "message": "Api key is invalid"}))
    }

    pub(super) fn not_found() -> Self {
        Self::bare(404, "404 page not found")
    }

    pub(super) fn withdrawn() -> Self {
        Self::coded(410, 20015, "This API has been withdrawn.")
    }

    /// A 429 that names the metric; pictures carry 50604, the rest 50602 (seen live for TPM; for others ours).
    pub(super) fn rate_limited(metric: &str) -> Self {
        let code = if metric.starts_with('I') { 50604 } else { 50602 };
        Self::coded(429, code, limit_text(metric))
    }
}

/// The text of every rate-limit refusal.
pub(super) fn limit_text(metric: &str) -> String {
    format!("Request was rejected due to rate limiting. Details: {metric} limit reached.")
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.to_string()));
        *response.status_mut() = self.status;
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(value) = self.retry_after.and_then(|text| HeaderValue::from_str(&text).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
