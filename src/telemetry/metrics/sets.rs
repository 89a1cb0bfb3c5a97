//! The closed sets of label values that more than one room speaks of. A test holds them equal to the code that makes them and
//! to `docs/metrics.md`.

/// Every value of the label `cause`: `connect`, `tls`, the four limits, how a stream can break, and
/// what a refusal can mean.
pub const UPSTREAM_CAUSES: &[&str] = &[
    "connect",
    "local",
    "connect_timeout",
    "tls",
    "first_byte_timeout",
    "idle_timeout",
    "total_timeout",
    "closed",
    "protocol",
    "redirect",
    "bad_answer",
    "stream_broken",
    "stream_error",
    "breaker",
    "key_invalid",
    "balance",
    "identity",
    "forbidden",
    "rate_limit",
    "busy",
    "timeout",
    "server",
    "model",
    "request",
];

/// Every value of the label `reason` of refusals.
pub const REFUSAL_REASONS: &[&str] = &[
    "no_key",
    "bad_key",
    "throttled",
    "host",
    "origin",
    "no_model",
    "endpoint",
    "paid",
    "no_response",
    "no_media",
    "no_file",
    "not_ready",
    "jobs",
    "responses",
    "wrong_kind",
    "thinking",
    "unsupported",
    "no_route",
    "method",
    "bad_body",
    "broken_body",
    "slow_body",
    "too_large",
    "malformed",
    "memory",
    "quota",
    "key_limit",
    "never_fits",
    "queue_full",
    "budget",
    "unpriced",
    "ledger",
    "panic",
];

/// Every value of the label `route`, with its operation by OpenTelemetry's names (`gen_ai.operation.name`; `rerank` is ours)
/// where it is one.
pub const ROUTES: &[(&str, Option<&str>)] = &[
    ("/chat/completions", Some("chat")),
    ("/completions", Some("text_completion")),
    ("/messages", Some("chat")),
    ("/messages/count_tokens", None),
    ("/responses", Some("chat")),
    ("/responses/{id}", None),
    ("/embeddings", Some("embeddings")),
    ("/rerank", Some("rerank")),
    ("/images/generations", Some("generate_content")),
    ("/images/edits", Some("generate_content")),
    ("/audio/speech", Some("generate_content")),
    ("/audio/transcriptions", Some("generate_content")),
    ("/audio/voice", None),
    ("/video", Some("generate_content")),
    ("/videos", Some("generate_content")),
    ("/files", None),
    ("/batches", None),
    ("/models", None),
    ("/models/{id}", None),
    ("/flowgate/limits", None),
    ("/flowgate/usage", None),
    ("/flowgate/media/{name}", None),
    ("other", None),
];

/// The statuses of an endpoint that are there from the start (`rate()` sees the first failure then).
pub(super) const USUAL_STATUSES: &[&str] = &["200", "400", "429", "500", "502", "503", "504"];

/// Metrics of limits, with the word for a refusal that names none.
pub(super) const LIMITS: &[&str] = &["rpm", "rph", "rpd", "tpm", "tpd", "ipm", "ipd"];

/// The operation of a route by OpenTelemetry's names.
pub(in crate::telemetry) fn operation(route: &str) -> Option<&'static str> {
    ROUTES.iter().find(|(known, _)| *known == route).and_then(|(_, operation)| *operation)
}
