//! Paths: which endpoint a URL means, however it was pasted together.
//!
//! `/v1/chat/completions`, `/chat/completions`, `/v1/v1/chat/completions`, `//v1//chat/completions/`
//! are one endpoint (clients.md A5). Pure.

use http::{HeaderMap, Method};

use super::face::Face;
use super::headers::ANTHROPIC_VERSION;

/// An endpoint of the data plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `POST /chat/completions`
    Chat,
    /// `POST /completions`
    Completions,
    /// `POST /messages` (Anthropic's protocol)
    Messages,
    /// `POST /messages/count_tokens`
    CountTokens,
    /// `POST /responses`
    Responses,
    /// `/responses/{id}`, and what is below it
    KeptResponse,
    /// `POST /embeddings`
    Embeddings,
    /// `POST /rerank`
    Rerank,
    /// `POST /images/generations`
    Images,
    /// `POST /images/edits`
    ImageEdits,
    /// `POST /audio/speech`
    Speech,
    /// `POST /audio/transcriptions`
    Transcriptions,
    /// `/audio/voice/*`, `/uploads/audio/voice`
    Voices,
    /// `POST /video/submit`, `/video/status`
    Video,
    /// `/videos`, `/videos/*` (OpenAI's)
    Videos,
    /// `/files`, `/files/*`
    Files,
    /// `/batches`, `/batches/*`
    Batches,
    /// `GET /models`
    Models,
    /// `GET /models/{id}`
    Model,
    /// `GET /flowgate/limits`
    Limits,
    /// `GET /flowgate/usage`
    Usage,
    /// `GET /flowgate/media/{name}`
    Media,
    /// Any other path below `/v1`
    Other,
}

/// How an endpoint's body is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// JSON with a model name in it: read whole, the name replaced.
    Json,
    /// A form, streamed, its model name replaced on the way; or JSON, by content type.
    Form,
    /// Streamed as it comes, unseen.
    Streamed,
    /// None is expected.
    Nothing,
}

/// Where pictures and videos are handed out.
pub(super) const MEDIA: &str = "/flowgate/media/";

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The endpoint.
    pub route: Route,
    /// The path below the base URL, with its query, such as `/chat/completions?beta=true`.
    pub path: String,
    /// The shape of its errors.
    pub face: Face,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Neither a known path nor one below `/v1`.
    #[error(
        "There is nothing at `{0}`. Use http://HOST:PORT/v1 as the base URL of OpenAI tools, and http://HOST:PORT for Anthropic tools. Metrics and health are on the admin address (port 4001 by default)."
    )]
    Unknown(String),
    /// Pictures without words, which no model makes.
    #[error(
        "SiliconFlow makes no variations of a picture. Send it to `POST /v1/images/edits` with a prompt that says what should be different."
    )]
    Variations,
    /// The same of one that SiliconFlow has no counterpart of.
    #[error(
        "SiliconFlow hears speech but does not translate it. Send the file to `/v1/audio/transcriptions`, and the text to a chat model with the wish for a translation."
    )]
    Translations,
    /// The endpoint has no such method.
    #[error("`{path}` takes {allowed}, not {method}.")]
    Method {
        /// The endpoint's path.
        path: String,
        /// The method that was used.
        method: Method,
        /// The one that it takes.
        allowed: &'static str,
    },
    /// `..` in a path that would be forwarded.
    #[error("A path may not contain `..`.")]
    Climbs,
}

impl Route {
    /// Every endpoint that a key may be limited to: all that run something, and have a name.
    pub const NAMED: [Self; 15] = [
        Self::Chat,
        Self::Completions,
        Self::Messages,
        Self::Responses,
        Self::Embeddings,
        Self::Rerank,
        Self::Images,
        Self::ImageEdits,
        Self::Speech,
        Self::Transcriptions,
        Self::Voices,
        Self::Video,
        Self::Videos,
        Self::Files,
        Self::Batches,
    ];

    /// The template that metrics and logs call it by.
    pub fn label(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Completions => "/completions",
            Self::Messages => "/messages",
            Self::CountTokens => "/messages/count_tokens",
            Self::Responses => "/responses",
            Self::KeptResponse => "/responses/{id}",
            Self::Embeddings => "/embeddings",
            Self::Rerank => "/rerank",
            Self::Images => "/images/generations",
            Self::ImageEdits => "/images/edits",
            Self::Speech => "/audio/speech",
            Self::Transcriptions => "/audio/transcriptions",
            Self::Voices => "/audio/voice",
            Self::Video => "/video",
            Self::Videos => "/videos",
            Self::Files => "/files",
            Self::Batches => "/batches",
            Self::Models => "/models",
            Self::Model => "/models/{id}",
            Self::Limits => "/flowgate/limits",
            Self::Usage => "/flowgate/usage",
            Self::Media => "/flowgate/media/{name}",
            Self::Other => "other",
        }
    }

    /// The name by which a key is limited to it.
    pub fn name(self) -> &'static str {
        if self == Self::KeptResponse { Self::Responses.label() } else { self.label() }
    }

    /// How its body is handled.
    pub fn body_kind(self) -> BodyKind {
        match self {
            Self::Chat | Self::Completions | Self::Messages | Self::Responses | Self::Embeddings => BodyKind::Json,
            Self::CountTokens | Self::Rerank | Self::Images | Self::ImageEdits => BodyKind::Json,
            Self::Speech | Self::Video => BodyKind::Json,
            Self::Transcriptions | Self::Voices => BodyKind::Form,
            Self::Models | Self::Model | Self::Limits | Self::Usage | Self::Media => BodyKind::Nothing,
            Self::KeptResponse => BodyKind::Nothing,
            Self::Videos | Self::Files | Self::Batches | Self::Other => BodyKind::Streamed,
        }
    }

    /// Whether a request without a model makes no sense.
    pub fn needs_model(self) -> bool {
        self.body_kind() == BodyKind::Json && self != Self::Video
    }

    /// Whether a key that is limited to some models may use it: what runs there can be seen.
    pub fn shows_its_model(self) -> bool {
        self.body_kind() != BodyKind::Streamed || self == Self::Videos
    }

    /// Whether it only shows what there is: a key that is limited to some endpoints may look.
    pub fn is_shown_to_all(self) -> bool {
        let is_shown = self.body_kind() == BodyKind::Nothing && self != Self::KeptResponse;
        is_shown || self == Self::CountTokens
    }

    /// Whether the gateway answers it by itself: nothing is used, so there is nothing to write down.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Limits | Self::Usage | Self::CountTokens | Self::Media | Self::KeptResponse)
    }

    /// Whether its answers are chat completions, whole or streamed, that the gateway puts right.
    pub fn is_chat(self) -> bool {
        matches!(self, Self::Chat | Self::Completions)
    }

    /// Whether its answers are made of tokens.
    pub fn answers_tokens(self) -> bool {
        matches!(self, Self::Chat | Self::Completions | Self::Messages)
    }

    /// Whether a good answer is always JSON with something in it.
    pub fn answers_json(self) -> bool {
        matches!(
            self,
            Self::Chat
                | Self::Completions
                | Self::Messages
                | Self::Embeddings
                | Self::Rerank
                | Self::Images
                | Self::ImageEdits
                | Self::Transcriptions
        )
    }

    /// The only method it takes; `None` when there are several.
    fn method(self) -> Option<(Method, &'static str)> {
        match self.body_kind() {
            _ if self == Self::KeptResponse => None,
            BodyKind::Json => Some((Method::POST, "POST")),
            BodyKind::Nothing => Some((Method::GET, "GET")),
            BodyKind::Form if self == Self::Transcriptions => Some((Method::POST, "POST")),
            BodyKind::Form | BodyKind::Streamed => None,
        }
    }

    fn of(path: &str) -> Self {
        match path {
            "chat/completions" => Self::Chat,
            "completions" => Self::Completions,
            "messages" => Self::Messages,
            "messages/count_tokens" => Self::CountTokens,
            "responses" => Self::Responses,
            "embeddings" => Self::Embeddings,
            "rerank" => Self::Rerank,
            "images/generations" => Self::Images,
            "images/edits" => Self::ImageEdits,
            "audio/speech" => Self::Speech,
            "audio/transcriptions" => Self::Transcriptions,
            "uploads/audio/voice" | "audio/voice/list" | "audio/voice/deletions" => Self::Voices,
            "video/submit" | "video/status" => Self::Video,
            "videos" => Self::Videos,
            "files" => Self::Files,
            "batches" => Self::Batches,
            "models" => Self::Models,
            "flowgate/limits" => Self::Limits,
            "flowgate/usage" => Self::Usage,
            _ if path.starts_with("videos/") => Self::Videos,
            _ if path.starts_with("files/") => Self::Files,
            _ if path.starts_with("batches/") => Self::Batches,
            _ if path.starts_with("responses/") => Self::KeptResponse,
            _ if path.starts_with("models/") => Self::Model,
            _ if path.starts_with("flowgate/media/") => Self::Media,
            _ => Self::Other,
        }
    }
}

impl Target {
    /// What `path` (not decoded) with `query` means.
    ///
    /// # Errors
    /// [`RouteError`] when it leads nowhere.
    pub fn parse(method: &Method, path: &str, query: Option<&str>) -> Result<Self, RouteError> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let versions = segments.iter().take_while(|segment| **segment == "v1").count();
        let below = segments[versions..].join("/");
        let route = Route::of(&below);
        if below == "images/variations" {
            return Err(RouteError::Variations);
        }
        if below == "audio/translations" {
            return Err(RouteError::Translations);
        }
        if route == Route::Other && (versions == 0 || below.is_empty()) {
            return Err(RouteError::Unknown(path.to_owned()));
        }
        if segments.iter().any(|segment| climbs(segment)) {
            return Err(RouteError::Climbs);
        }
        check_method(route, method, &below)?;
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self { route, face: Face::of(&below), path: format!("/{below}{query}") })
    }

    /// The same for a caller with `headers`: the list of models has no path of Anthropic's own.
    #[must_use]
    pub(super) fn for_reader(self, headers: &HeaderMap) -> Self {
        let is_shared = matches!(self.route, Route::Models | Route::Model);
        let face = if is_shared && headers.contains_key(ANTHROPIC_VERSION) { Face::Anthropic } else { self.face };
        Self { face, ..self }
    }

    /// The name in `/flowgate/media/{name}`, and the query.
    pub fn media(&self) -> (&str, Option<&str>) {
        let (path, query) = self.path.split_once('?').map_or((&*self.path, None), |(path, query)| (path, Some(query)));
        (path.strip_prefix(MEDIA).unwrap_or_default(), query)
    }

    /// The id in `/models/{id}`, with an escaped slash decoded.
    pub fn model_id(&self) -> Option<String> {
        let id = self.path.split('?').next()?.strip_prefix("/models/")?;
        Some(decode(id))
    }
}

fn check_method(route: Route, method: &Method, below: &str) -> Result<(), RouteError> {
    match route.method() {
        Some(_) if route == Route::Media && *method == Method::HEAD => Ok(()),
        Some((allowed, name)) if allowed != *method => {
            Err(RouteError::Method { path: format!("/v1/{below}"), method: method.clone(), allowed: name })
        }
        _ => Ok(()),
    }
}

/// Whether a segment is `..` or would become one, spelt in any way: an escaped slash is a slash to some
/// servers.
fn climbs(segment: &str) -> bool {
    let is_escaped = memchr::memchr(b'%', segment.as_bytes()).is_some();
    if is_escaped { decode(segment).split(['/', '\\']).any(|part| part == "..") } else { segment == ".." }
}

/// Percent-decodes; a malformed escape stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str) -> Result<(Route, String), RouteError> {
        Target::parse(&Method::POST, path, None).map(|target| (target.route, target.path))
    }

    #[test]
    fn every_spelling_means_the_same() {
        for path in ["/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions", "//v1//chat/completions/"]
        {
            assert_eq!(post(path), Ok((Route::Chat, "/chat/completions".to_owned())), "{path}");
        }
    }

    #[test]
    fn models_with_raw_and_escaped_slash() {
        for path in ["/v1/models/Qwen/Qwen3-8B", "/models/Qwen%2FQwen3-8B", "/v1/models/Qwen%2fQwen3-8B?x=1"] {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let target = Target::parse(&Method::GET, path, Some(query)).unwrap();
            assert_eq!((target.route, target.model_id().as_deref()), (Route::Model, Some("Qwen/Qwen3-8B")));
        }
    }

    #[test]
    fn unknown_paths_pass_below_v1_only() {
        assert_eq!(post("/v1/systemone"), Ok((Route::Other, "/systemone".to_owned())));
        assert!(matches!(post("/favicon.ico"), Err(RouteError::Unknown(_))));
        assert!(matches!(post("/v1"), Err(RouteError::Unknown(_))));
        for path in ["/v1/files/%2e%2E/x", "/v1/files/..", "/v1/files/..%2f..%2fadmin", "/v1/files/a%5c..%5cb"] {
            assert_eq!(post(path), Err(RouteError::Climbs), "{path}");
        }
        assert!(matches!(post("/v1/models"), Err(RouteError::Method { .. })));
    }
}
