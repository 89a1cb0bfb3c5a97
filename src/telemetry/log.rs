//! Log set-up: where lines go, in which form, from which level on.

use std::io::IsTerminal;

use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people: one line each, coloured on a terminal.
    #[default]
    Pretty,
    /// For machines: one JSON object a line.
    Json,
}

/// The `[log]` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The lowest level shown, or a filter such as `info,hyper=warn`.
    pub level: String,
    /// The form of the lines.
    pub format: Format,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: Format::Pretty }
    }
}

/// Whether `level` can be used as [`LogSettings::level`]: a level, or parts such as `hyper=warn`.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn check_level(level: &str) -> Result<(), String> {
    // The filter takes any word for the name of a module, and would silence everything else.
    let is_level = |part: &str| part.trim().parse::<LevelFilter>().is_ok();
    let is_part = |part: &str| part.split_once('=').map_or(is_level(part), |(_, level)| is_level(level));
    if level.split(',').all(is_part) && level.parse::<Targets>().is_ok() {
        return Ok(());
    }
    Err(format!(
        "`{level}` is no level: write \"error\", \"warn\", \"info\", \"debug\" or \"trace\", or parts such as \"info,hyper=warn\""
    ))
}

/// Sends log lines to standard error from now on, coloured on a terminal unless `is_colourless`. Only
/// the first call of a process counts.
pub fn start(settings: &LogSettings, is_colourless: bool) {
    let filter = settings.level.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_timer(SystemTime)
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !is_colourless);
    let registry = tracing_subscriber::registry().with(filter);
    // A second start (tests run several gateways in one process) keeps the first subscriber.
    let _already_started = match settings.format {
        Format::Pretty => registry.with(lines).try_init(),
        Format::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
}
