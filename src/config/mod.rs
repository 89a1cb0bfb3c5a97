//! What the operator wrote, checked, as the plain settings that the rooms define.
//!
//! The only room that reads the configuration file, the environment and secrets. A file is refused
//! with all its faults at once; see [`load`]. Start reading with `settings`.

mod environment;
mod fault;
pub mod keys;
mod quota;
mod reader;
mod secret;
mod settings;
mod text_file;
mod tls_files;
mod units;

use std::path::{Path, PathBuf};

pub use environment::Environment;
pub use fault::{ConfigError, Fault};
pub use quota::{AccountLimits, WaitSettings};
pub use settings::{
    AccountSettings, BudgetSettings, LedgerSettings, ModelSettings, ResponseSettings, ServerSettings, Settings, Stamps,
    StateSettings, stamps,
};
pub use text_file::read_text;

use fault::Faults;
use reader::Section;

/// What the command line says in place of the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<std::net::SocketAddr>,
    /// `--admin-listen`.
    pub admin_listen: Option<std::net::SocketAddr>,
    /// The upstream and its key, in place of whatever is configured: the emulator of `--demo`.
    pub upstream: Option<DemoUpstream>,
    /// Where state is kept, in place of whatever is configured: the folder that goes with the demo.
    pub state_dir: Option<PathBuf>,
    /// Hash of the operator's token where the file names none: the demo's.
    pub admin_token: Option<crate::tenant::KeyHash>,
    /// Whether nobody will be called, so that accounts need no keys.
    pub is_keyless: bool,
}

impl Overrides {
    /// Whether anything is kept on the disk: not by a demo without a folder.
    pub fn is_kept(&self) -> bool {
        self.upstream.is_none() || self.state_dir.is_some()
    }
}

/// An upstream that needs no account.
#[derive(Debug, Clone)]
pub struct DemoUpstream {
    /// Its base URL.
    pub base_url: String,
    /// The key it takes.
    pub api_key: String,
}

/// Finds, reads and checks the configuration. Without a file the defaults hold.
///
/// # Errors
/// [`ConfigError`] with every fault of the file, or why it could not be read.
pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Settings, ConfigError> {
    let file = find(overrides, environment)?;
    let text = match &file {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable(path.clone(), error.to_string()))?
        }
        None => String::new(),
    };
    parse(&text, file, overrides, environment)
}

/// Checks the text of a configuration file that stands at `file`.
///
/// # Errors
/// [`ConfigError::Refused`] with every fault.
pub fn parse(
    text: &str,
    file: Option<PathBuf>,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Settings, ConfigError> {
    let faults = Faults::new(text);
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What a broken line leaves out would only look like further faults.
        errors.iter().for_each(|error| faults.at(error.span().map_or(0, |span| span.start), error.message()));
        return Err(ConfigError::Refused(file, faults.into_vec()));
    }
    let base = file.as_deref().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    let section = Section::root(document.get_ref(), &faults, environment, &base);
    let settings = Settings::read(&section, overrides, file.clone());
    let found = faults.into_vec();
    if found.is_empty() { Ok(settings) } else { Err(ConfigError::Refused(file, found)) }
}

/// The file in force: `--config`, `$FLOWGATE_CONFIG`, `./config/flowgate.toml`, then the XDG folder.
/// One that was named must be there; the others may be missing.
fn find(overrides: &Overrides, environment: &Environment) -> Result<Option<PathBuf>, ConfigError> {
    let named = overrides
        .file
        .clone()
        .or_else(|| environment.get("FLOWGATE_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
    if let Some(path) = named {
        return if path.is_file() { Ok(Some(path)) } else { Err(ConfigError::Missing(path)) };
    }
    let places = [
        Some(PathBuf::from("config/flowgate.toml")),
        environment.config_folder().map(|folder| folder.join("flowgate.toml")),
    ];
    Ok(places.into_iter().flatten().find(|path| path.is_file()))
}
