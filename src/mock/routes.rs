//! Which endpoint answers where: the whole face of the emulator on one screen.

use super::emulator::Shared;
use super::refusal::Refusal;
use super::{chat, control, door, embeddings, listing, media, rerank, store};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

/// Every endpoint, the door in front of `/v1`, and `/mock` and the stored files without one.
pub(super) fn all(emulator: Shared) -> Router {
    let files = Router::new().route("/temporary/{*name}", get(store::temporary::serve)).with_state(emulator.clone());
    api()
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(emulator.clone(), door::enter))
        .merge(control::routes(emulator))
        .merge(files)
}

fn api() -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/completions", post(chat::legacy::completions))
        .route("/v1/messages", post(chat::messages::messages))
        .route("/v1/embeddings", post(embeddings::embeddings))
        .route("/v1/rerank", post(rerank::rerank))
        .route("/v1/models", get(listing::models))
        .route("/v1/images/generations", post(media::images::generations))
        .route("/v1/audio/speech", post(media::speech::speech))
        .route("/v1/audio/transcriptions", post(media::transcriptions::transcriptions))
        .route("/v1/uploads/audio/voice", post(media::voices::upload))
        .route("/v1/audio/voice/list", get(media::voices::list))
        .route("/v1/audio/voice/deletions", post(media::voices::delete))
        .route("/v1/video/submit", post(media::video::submit))
        .route("/v1/video/status", post(media::video::status))
        .route("/v1/files", post(store::files::upload).get(store::files::list))
        .route("/v1/batches", post(store::batches::create).get(store::batches::list))
        .route("/v1/batches/{id}", get(store::batches::one))
        .route("/v1/batches/{id}/cancel", post(store::batches::cancel))
        .route("/v1/user/info", get(withdrawn))
}

async fn not_found() -> Refusal {
    Refusal::not_found()
}

async fn withdrawn() -> Refusal {
    Refusal::withdrawn()
}
