//! What the operator decides about traces.

use http::{HeaderName, HeaderValue};

/// The `[traces]` section, where it names a collector.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSettings {
    /// Where spans go: the whole URL, such as `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: http::Uri,
    /// What is sent with them; values are marked as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `service.name`.
    pub service_name: String,
    /// More attributes of this program (`OTEL_RESOURCE_ATTRIBUTES`).
    pub resource: Vec<(String, String)>,
    /// The share of requests that are traced, from 0 to 1, where their caller has not decided it.
    pub sample: f64,
    /// Whether a caller's `traceparent` decides whether its request is traced.
    pub follows_callers: bool,
    /// Whether calls of the upstream carry our `traceparent` in place of the caller's.
    pub propagates: bool,
}
