//! The endpoints of the data plane, and what holds for each of them. Which one a URL means is `target`'s business. Pure.

use http::Method;

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
    pub fn is_own(self, method: &Method) -> bool {
        (self == Self::Videos && *method != Method::POST)
            || matches!(self, Self::Limits | Self::Usage | Self::CountTokens | Self::Media | Self::KeptResponse)
    }

    /// Whether its answers are chat completions, whole or streamed, that the gateway puts right.
    pub fn is_chat(self) -> bool {
        matches!(self, Self::Chat | Self::Completions)
    }

    /// Whether pictures are made there.
    pub fn draws(self) -> bool {
        matches!(self, Self::Images | Self::ImageEdits)
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
    pub(super) fn method(self) -> Option<(Method, &'static str)> {
        match self.body_kind() {
            _ if self == Self::KeptResponse => None,
            BodyKind::Json => Some((Method::POST, "POST")),
            BodyKind::Nothing => Some((Method::GET, "GET")),
            BodyKind::Form if self == Self::Transcriptions => Some((Method::POST, "POST")),
            BodyKind::Form | BodyKind::Streamed => None,
        }
    }

    /// The endpoint at `path`, without `/v1`.
    pub(super) fn of(path: &str) -> Self {
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
