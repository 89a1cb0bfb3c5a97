//! One model: what it is, and what is known of it. Must not know how the data file is written or what limits follow.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;

use crate::ledger::price::{Consumed, Price};
use crate::quota::limits::Limits;
use crate::quota::money::Money;

/// What a model is for, and so which endpoint takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Chat completions.
    Chat,
    /// Chat completions that take pictures too.
    Vision,
    /// Chat completions about pictures of documents.
    Ocr,
    /// Embeddings.
    Embedding,
    /// Rerank.
    Rerank,
    /// Pictures from words.
    Image,
    /// Pictures from pictures.
    ImageEdit,
    /// Transcriptions.
    Asr,
    /// Speech.
    Tts,
    /// Videos.
    Video,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Chat,
        Self::Vision,
        Self::Ocr,
        Self::Embedding,
        Self::Rerank,
        Self::Image,
        Self::ImageEdit,
        Self::Asr,
        Self::Tts,
        Self::Video,
    ];

    /// The word for people, JSON and the data file.
    pub fn label(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Vision => "vision",
            Self::Ocr => "ocr",
            Self::Embedding => "embedding",
            Self::Rerank => "rerank",
            Self::Image => "image",
            Self::ImageEdit => "image-edit",
            Self::Asr => "asr",
            Self::Tts => "tts",
            Self::Video => "video",
        }
    }

    /// Whether it answers chat completions.
    pub fn talks(self) -> bool {
        matches!(self, Self::Chat | Self::Vision | Self::Ocr)
    }

    /// Whether requests for `other` are requests for this as well: the same kind, or one that takes pictures in place of
    /// one that need not.
    pub fn stands_for(self, other: Self) -> bool {
        self == other || (self, other) == (Self::Vision, Self::Chat)
    }

    /// `type` and `sub_type` by which the upstream's list can be cut (siliconflow-api.md, section 12); speech has no
    /// `sub_type` there.
    pub fn listed_as(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Chat | Self::Vision | Self::Ocr => ("text", Some("chat")),
            Self::Embedding => ("text", Some("embedding")),
            Self::Rerank => ("text", Some("reranker")),
            Self::Image => ("image", Some("text-to-image")),
            Self::ImageEdit => ("image", Some("image-to-image")),
            Self::Asr => ("audio", Some("speech-to-text")),
            Self::Tts => ("audio", None),
            Self::Video => ("video", Some("text-to-video")),
        }
    }
}

/// Where a model was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Sold on the China site when the data was taken.
    Listed,
    /// Seen there afterwards.
    New,
    /// Was there once, is no longer listed.
    Gone,
    /// Seen on the international site only.
    Intl,
}

impl Status {
    /// The word for people, JSON and the data file.
    pub fn label(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::New => "new",
            Self::Gone => "gone",
            Self::Intl => "intl",
        }
    }

    /// Whether the China site is expected to serve it.
    pub fn is_served(self) -> bool {
        matches!(self, Self::Listed | Self::New)
    }
}

/// A model of the catalogue. `None` always means that no source says it, never "nothing" or "unlimited".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// SiliconFlow's id.
    pub id: String,
    /// What it is for.
    pub kind: Kind,
    /// Whether it is known to cost nothing (on the China site).
    pub is_free: bool,
    /// Where it was last seen.
    pub status: Status,
    /// Most tokens of prompt and answer together.
    pub context: Option<u64>,
    /// The label that the source prints where the exact number is not known: `262K` is 262,000 and something.
    pub context_shown: Option<String>,
    /// Most tokens of the answer.
    pub max_output: Option<u64>,
    /// Most tokens of one input (embeddings).
    pub max_input: Option<u64>,
    /// Most tokens of reasoning.
    pub max_reasoning: Option<u64>,
    /// Lengths of vectors to choose from; empty where there is no choice.
    pub dimensions: Vec<u64>,
    /// What it can do besides: `tools`, `json`, `prefix`, `fim`. Empty where no source says, or none.
    pub caps: Vec<String>,
    /// What it costs.
    pub price: Option<Arc<Price>>,
    /// How thinking is switched: `none`, `toggle`, `toggle+budget`, `effort`, `always`, `rejects enable_thinking`.
    pub thinking: Option<String>,
    /// Limits that users saw and that hold whatever the tier (a free model's).
    pub fixed: Limits,
    /// Limits that users with an L0 account saw.
    pub l0: Limits,
    /// The model to use in its place, once it is gone.
    pub substitute: Option<String>,
    /// What the source says of its coming end.
    pub deprecated: Option<String>,
    /// What else is worth knowing.
    pub note: Option<String>,
}

impl Model {
    /// A model of which only this is known; it is taken for one that is served and paid for.
    pub fn new(id: impl Into<String>, kind: Kind) -> Self {
        Self {
            id: id.into(),
            kind,
            is_free: false,
            status: Status::Listed,
            context: None,
            context_shown: None,
            max_output: None,
            max_input: None,
            max_reasoning: None,
            dimensions: Vec::new(),
            caps: Vec::new(),
            price: None,
            thinking: None,
            fixed: Limits::default(),
            l0: Limits::default(),
            substitute: None,
            deprecated: None,
            note: None,
        }
    }

    /// What `consumed` cost at the moment `at`; `None` when no source gives a price.
    pub fn cost(&self, consumed: &Consumed, at: SystemTime) -> Option<Money> {
        self.price.as_ref().map(|price| price.cost(consumed, at))
    }
}
