//! Which models exist and what they are: read from the product's data file `config/models.toml`, only the fields the
//! emulator needs. It must not know how the gateway reads the same file.

use super::quota::limits::{Defaults, Limits};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

const FILE: &str = include_str!("../../config/models.toml");

/// What a model is for, and so which endpoint takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Chat,
    Vision,
    Ocr,
    Embedding,
    Rerank,
    Image,
    ImageEdit,
    Asr,
    Tts,
    Video,
}

impl Kind {
    /// Answers chat completions.
    pub(super) fn talks(self) -> bool {
        matches!(self, Self::Chat | Self::Vision | Self::Ocr)
    }

    /// Takes pictures in a message.
    pub(super) fn sees(self) -> bool {
        matches!(self, Self::Vision | Self::Ocr)
    }
}

/// One row of the file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Model {
    pub(super) id: String,
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) free: bool,
    status: String,
    pub(super) context: Option<u64>,
    pub(super) max_input_tokens: Option<u64>,
    #[serde(default)]
    pub(super) dimensions: Vec<usize>,
    #[serde(default)]
    caps: Vec<String>,
    pub(super) thinking: Option<String>,
    #[serde(default)]
    pub(super) limits: BTreeMap<String, Limits>,
}

impl Model {
    /// Served on the China site today.
    fn is_served(&self) -> bool {
        matches!(self.status.as_str(), "listed" | "new")
    }

    /// Whether the file says the model can do `capability`. Rows without any capabilities are taken as able (ours).
    pub(super) fn can(&self, capability: &str) -> bool {
        self.caps.is_empty() || self.caps.iter().any(|own| own == capability)
    }
}

#[derive(Deserialize)]
struct File {
    defaults: Defaults,
    model: Vec<Model>,
}

/// The models the emulator serves, in the file's order.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) defaults: Defaults,
    models: Vec<Model>,
    by_id: HashMap<String, usize>,
}

impl Catalogue {
    /// Reads the built-in file.
    ///
    /// # Errors
    /// When the file built into the program is not what it should be.
    pub(super) fn built_in() -> std::io::Result<Self> {
        let file: File = toml::from_str(FILE).map_err(std::io::Error::other)?;
        let models: Vec<Model> = file.model.into_iter().filter(Model::is_served).collect();
        let by_id = models.iter().enumerate().map(|(place, model)| (model.id.clone(), place)).collect();
        Ok(Self { defaults: file.defaults, models, by_id })
    }

    pub(super) fn find(&self, id: &str) -> Option<&Model> {
        self.by_id.get(id).and_then(|&place| self.models.get(place))
    }

    pub(super) fn all(&self) -> &[Model] {
        &self.models
    }
}
