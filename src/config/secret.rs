//! Secrets, which stand in the file only by reference: `{ env = "NAME" }` or `{ file = "path" }`.

use std::path::Path;

use secrecy::SecretString;
use toml::de::DeValue;

use super::environment::Environment;

/// Reads the secret that `value` refers to; the path of the file it came from, if it did.
///
/// # Errors
/// What is wrong and what to do; never any part of a secret.
pub(super) fn read(
    value: &DeValue<'_>,
    environment: &Environment,
    base: &Path,
) -> Result<(SecretString, Option<std::path::PathBuf>), String> {
    const SHAPE: &str = "a secret is written { env = \"NAME\" } or { file = \"path\" }, never as plain text";
    let table = value.as_table().filter(|table| table.len() == 1).ok_or(SHAPE)?;
    let text = |key| table.get(key).and_then(|value| value.get_ref().as_str());
    if let Some(name) = text("env") {
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            // It may be the secret itself, put in the wrong place: it must not be repeated.
            return Err("`env` takes the name of a variable, not the secret itself".to_owned());
        }
        return from_environment(name, environment).map(|secret| (secret, None));
    }
    let path = base.join(text("file").ok_or(SHAPE)?);
    let content = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot read the secret in {}: {error}", path.display()))?;
    let secret = checked(&content).map_err(|what| format!("the secret in {} {what}", path.display()))?;
    Ok((secret, Some(path)))
}

/// The secret in the variable `name`.
///
/// # Errors
/// That it is missing or cannot be used, and what to do.
pub(super) fn from_environment(name: &str, environment: &Environment) -> Result<SecretString, String> {
    let value = environment.get(name).ok_or_else(|| {
        format!("the variable {name} is not set; set it in the environment or in a .env file in the working folder")
    })?;
    checked(value).map_err(|what| format!("the secret in the variable {name} {what}"))
}

/// Trims white space around it: a key with a line end is refused upstream like a wrong one
/// (siliconflow-api.md, section 1).
fn checked(text: &str) -> Result<SecretString, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has spaces or characters that no key has");
    }
    Ok(SecretString::from(text))
}
