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

    /// `$XDG_DATA_HOME/flowgate`, or `~/.local/share/flowgate`; `None` where neither variable is of use.
    pub fn data_folder(&self) -> Option<PathBuf> {
        // Relative ones are to be ignored (XDG Base Directory Specification 0.8).
        let xdg = self.get("XDG_DATA_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let folder = xdg.or_else(|| Some(self.home()?.join(".local/share")))?;
        Some(folder.join("flowgate"))
    }

    /// `path` with the user's home in place of a `~` at its beginning.
    ///
    /// # Errors
    /// What is wrong with it and what to do.
    pub fn expanded(&self, path: &str) -> Result<PathBuf, String> {
        let Some(rest) = path.strip_prefix('~') else {
            return if path.is_empty() { Err("must not be empty".to_owned()) } else { Ok(PathBuf::from(path)) };
        };
        let rest = match rest.strip_prefix('/') {
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => return Err(format!("`{path}`: only one's own home can be written as ~; write the path in full")),
        };
        let home = self.home().ok_or("the variable HOME, which ~ stands for, is not set; write the path in full")?;
        Ok(home.join(rest))
    }

    /// The user's home folder (`HOME`).
    pub fn home(&self) -> Option<&Path> {
        self.get("HOME").filter(|home| !home.is_empty()).map(Path::new)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Environment { variables: variables.collect(), ..Environment::default() }
    }

    #[test]
    fn state_goes_to_the_data_folder() {
        let folder = |variables: &[(&str, &str)]| environment(variables).data_folder();
        let (home, xdg) = (("HOME", "/h"), ("XDG_DATA_HOME", "/data"));
        assert_eq!(folder(&[home]), Some("/h/.local/share/flowgate".into()));
        assert_eq!(folder(&[home, xdg]), Some("/data/flowgate".into()));
        assert_eq!(folder(&[xdg]), Some("/data/flowgate".into()));
        for useless in ["", "data"] {
            assert_eq!(folder(&[home, ("XDG_DATA_HOME", useless)]), Some("/h/.local/share/flowgate".into()));
        }
        assert_eq!((folder(&[]), folder(&[("HOME", "")])), (None, None));
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let path = |text| environment(&[("HOME", "/h")]).expanded(text);
        assert_eq!(path("~/x/y"), Ok("/h/x/y".into()));
        assert_eq!(path("~"), Ok("/h/".into()));
        assert_eq!((path("/x"), path("x/~")), (Ok("/x".into()), Ok("x/~".into())));
        assert!(path("~ann/x").is_err() && path("").is_err());
        assert!(environment(&[]).expanded("~/x").is_err_and(|error| error.contains("HOME")));
    }
}
