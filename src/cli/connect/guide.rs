//! What a tool needs, as data: texts to show, one file to change, and what is left to do by hand.

use std::path::{Path, PathBuf};

use super::change::Setting;
use crate::config::Environment;

/// Where tools keep their files.
#[derive(Debug)]
pub(super) struct Folders {
    home: PathBuf,
    codex: Option<PathBuf>,
    claude: Option<PathBuf>,
    xdg: Option<PathBuf>,
    continue_dev: Option<PathBuf>,
}

impl Folders {
    /// # Errors
    /// That there is no home folder.
    pub(super) fn of(environment: &Environment) -> Result<Self, String> {
        let folder = |name: &str| environment.get(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let home = environment.home().ok_or("the variable HOME is not set: tools keep their files below it")?;
        Ok(Self {
            home: home.to_owned(),
            codex: folder("CODEX_HOME"),
            claude: folder("CLAUDE_CONFIG_DIR"),
            xdg: folder("XDG_CONFIG_HOME").filter(|path| path.is_absolute()),
            continue_dev: folder("CONTINUE_GLOBAL_DIR"),
        })
    }

    /// `$CODEX_HOME`, or `~/.codex`.
    pub(super) fn codex(&self) -> PathBuf {
        self.codex.clone().unwrap_or_else(|| self.home.join(".codex"))
    }

    /// `$CLAUDE_CONFIG_DIR`, or `~/.claude`.
    pub(super) fn claude(&self) -> PathBuf {
        self.claude.clone().unwrap_or_else(|| self.home.join(".claude"))
    }

    /// `$CONTINUE_GLOBAL_DIR`, or `~/.continue`.
    pub(super) fn continue_dev(&self) -> PathBuf {
        self.continue_dev.clone().unwrap_or_else(|| self.home.join(".continue"))
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    pub(super) fn config(&self) -> PathBuf {
        self.xdg.clone().unwrap_or_else(|| self.home.join(".config"))
    }

    /// The home folder.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// `path` with `~` for the home folder.
    pub(super) fn short(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }
}

/// In what a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Toml,
    Json,
    Yaml,
    Shell,
    Python,
    /// Steps for people.
    Steps,
}

impl Language {
    /// The word for it, as Markdown knows it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Shell => "sh",
            Self::Python => "python",
            Self::Steps => "text",
        }
    }
}

/// One text and where it belongs.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) place: String,
    pub(super) language: Language,
    /// Without a line end at its end.
    pub(super) text: String,
}

impl Section {
    pub(super) fn new(place: impl Into<String>, language: Language, text: impl Into<String>) -> Self {
        Self { place: place.into(), language, text: text.into().trim_end().to_owned() }
    }
}

/// How a file comes to say what it must.
#[derive(Debug)]
pub(super) enum Edit {
    /// Values of a TOML file; all else stays.
    Toml(Vec<Setting>),
    /// Members of a JSON file; all else stays.
    Json(Vec<Setting>),
    /// A file that is made where there is none: nothing here changes YAML without harm to it.
    Fresh(String),
}

/// The file of a tool.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    pub(super) edit: Edit,
}

/// What a tool needs.
#[derive(Debug, Default)]
pub(super) struct Guide {
    pub(super) sections: Vec<Section>,
    pub(super) notes: Vec<String>,
    pub(super) change: Option<Change>,
}

impl Guide {
    /// A tool whose file is set: the first section is what an empty file becomes.
    ///
    /// # Errors
    /// That the settings contradict each other, which a test rules out.
    pub(super) fn of_file(folders: &Folders, path: PathBuf, edit: Edit) -> Result<Self, String> {
        let (language, text) = match &edit {
            Edit::Toml(settings) => (Language::Toml, super::change::toml("", settings)?),
            Edit::Json(settings) => (Language::Json, super::change::json("", settings)?),
            Edit::Fresh(text) => (Language::Yaml, text.clone()),
        };
        let section = Section::new(folders.short(&path), language, text);
        Ok(Self { sections: vec![section], notes: Vec::new(), change: Some(Change { path, edit }) })
    }

    /// With another section.
    pub(super) fn and(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// With a remark.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}
