//! Which endpoint takes which kind of model. A wrong one would be refused upstream with a text that helps nobody.

use super::route::Route;
use crate::catalog::model::Kind;

/// Whether models of `kind` are called at `route`.
pub(super) fn takes(route: Route, kind: Kind) -> bool {
    match route {
        Route::Chat | Route::Completions | Route::Messages => kind.talks(),
        Route::Embeddings => kind == Kind::Embedding,
        Route::Rerank => kind == Kind::Rerank,
        Route::Images | Route::ImageEdits => matches!(kind, Kind::Image | Kind::ImageEdit),
        Route::Speech => kind == Kind::Tts,
        Route::Transcriptions => kind == Kind::Asr,
        Route::Video => kind == Kind::Video,
        // Voices are made for a model of any kind that speaks; at the others there is none to be seen.
        _ => true,
    }
}

/// Where models of `kind` are called.
pub(super) fn endpoint(kind: Kind) -> &'static str {
    match kind {
        Kind::Chat | Kind::Vision | Kind::Ocr => "/chat/completions",
        Kind::Embedding => "/embeddings",
        Kind::Rerank => "/rerank",
        Kind::Image | Kind::ImageEdit => "/images/generations",
        Kind::Asr => "/audio/transcriptions",
        Kind::Tts => "/audio/speech",
        Kind::Video => "/video/submit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_taken_where_it_is_sent() {
        let routes =
            [Route::Chat, Route::Embeddings, Route::Rerank, Route::Images, Route::Speech, Route::Transcriptions];
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Video) {
            let taken: Vec<&str> = routes.into_iter().filter(|route| takes(*route, kind)).map(Route::label).collect();
            assert_eq!(taken, [endpoint(kind)], "{kind:?}");
        }
        assert!(takes(Route::Video, Kind::Video) && !takes(Route::Video, Kind::Chat));
    }
}
