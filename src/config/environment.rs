//! The environment, and a `.env` file in the working folder, which never overrides it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Variables as they were at start.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
    dotenv: Option<PathBuf>,
    skipped_lines: usize,
}

impl Environment {
    /// The process's own variables, completed from `.env` in the working folder.
    ///
    /// # Errors
    /// That the `.env` file cannot be read.
    pub fn of_process() -> Result<Self, String> {
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let own = std::env::vars_os().filter_map(text).collect();
        Self::new(own, Path::new(".env"))
    }

    /// The given variables, completed from the file at `dotenv` if there is one.
    ///
    /// # Errors
    /// That the file cannot be read.
    pub fn new(variables: HashMap<String, String>, dotenv: &Path) -> Result<Self, String> {
        let mut environment = Self { variables, dotenv: None, skipped_lines: 0 };
        if dotenv.is_file() {
            environment.complete_from(dotenv)?;
            environment.dotenv = Some(dotenv.to_owned());
        }
        Ok(environment)
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether the user wants no colour (`NO_COLOR`, whatever its value).
    pub fn is_colourless(&self) -> bool {
        self.variables.contains_key("NO_COLOR")
    }

    /// The `.env` file that was read.
    pub fn dotenv(&self) -> Option<&Path> {
        self.dotenv.as_deref()
    }

    /// How many lines of that file could not be read (values with spaces need quotes).
    pub fn skipped_lines(&self) -> usize {
        self.skipped_lines
    }

    /// `$XDG_CONFIG_HOME/flowgate`, or `~/.config/flowgate`.
    pub fn config_folder(&self) -> Option<PathBuf> {
        let xdg = self.get("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let folder = xdg.or_else(|| self.get("HOME").map(|home| Path::new(home).join(".config")))?;
        Some(folder.join("flowgate"))
    }

    /// Lines that are no `NAME=value` are skipped: the file may be another program's. Their content is
    /// never shown.
    fn complete_from(&mut self, file: &Path) -> Result<(), String> {
        let pairs = dotenvy::from_path_iter(file).map_err(|error| match error {
            dotenvy::Error::Io(error) => format!("cannot read {}: {error}", file.display()),
            _ => format!("cannot read {}", file.display()),
        })?;
        for pair in pairs {
            match pair {
                Ok((name, value)) => {
                    self.variables.entry(name).or_insert(value);
                }
                Err(_unreadable) => self.skipped_lines += 1,
            }
        }
        Ok(())
    }
}
