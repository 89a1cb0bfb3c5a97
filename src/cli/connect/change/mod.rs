//! The only part that writes: a tool's file is read, changed in memory, shown, and put in place as a whole with the old one kept.
//! A file that cannot be read as what it should be is left alone. It must not know tools.

mod diff;
mod file;
mod json;
mod setting;
mod toml;

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json as value;

use super::guide::{Change, Edit, Guide};
use super::tools::Tool;
use crate::cli::console::Console;
use crate::config::read_text;
pub(super) use json::changed as json;
pub(super) use setting::{Setting, Value};
pub(super) use toml::changed as toml;

/// Whether somebody agreed beforehand, and whether the output is for a program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consent {
    pub(super) is_given: bool,
    pub(super) is_silent: bool,
}

/// Changes the file of `guide`.
///
/// # Errors
/// Why nothing was changed.
pub(super) fn write(tool: &Tool, guide: &Guide, consent: Consent, console: &Console) -> Result<ExitCode, String> {
    let change = file_of(tool, guide)?;
    let path = file::real(&change.path);
    let old = read_text(&path)?.unwrap_or_default();
    let new = edited(change, &old)?;
    if new == old {
        report(console, consent, tool, &path, None, &format!("{}: nothing to do", path.display()));
        return Ok(ExitCode::SUCCESS);
    }
    if !agree(console, consent, &path, &diff::lines(&old, &new, true))? {
        return Err("nothing was changed".to_owned());
    }
    let backup = file::replace(&path, &old, &new)?;
    let said = format!("{}: changed; the old one is {}", path.display(), backup.display());
    report(console, consent, tool, &path, Some(&backup), &said);
    Ok(ExitCode::SUCCESS)
}

/// Puts the newest backup back.
///
/// # Errors
/// That there is none, or why it cannot be done.
pub(super) fn undo(tool: &Tool, guide: &Guide, consent: Consent, console: &Console) -> Result<ExitCode, String> {
    let path = file::real(&file_of(tool, guide)?.path);
    let backup = file::newest_backup(&path)
        .ok_or_else(|| format!("there is no backup beside {}: nothing was changed there by --write", path.display()))?;
    let now = read_text(&path)?.unwrap_or_default();
    let before = read_text(&backup)?.unwrap_or_default();
    if !agree(console, consent, &path, &diff::lines(&now, &before, false))? {
        return Err("nothing was changed".to_owned());
    }
    file::restore(&path, &backup, before.is_empty())?;
    report(console, consent, tool, &path, None, &format!("{}: as it was before", path.display()));
    Ok(ExitCode::SUCCESS)
}

fn file_of<'a>(tool: &Tool, guide: &'a Guide) -> Result<&'a Change, String> {
    guide.change.as_ref().ok_or_else(|| {
        let name = tool.name;
        format!("{} has no file to change: `flowgate connect {name}` says what to set", tool.title)
    })
}

fn edited(change: &Change, old: &str) -> Result<String, String> {
    let path = change.path.display();
    let unreadable = |fault: String| format!("{path} was left alone: {fault}");
    match &change.edit {
        Edit::Toml(settings) => toml(old, settings).map_err(unreadable),
        Edit::Json(settings) => json(old, settings).map_err(unreadable),
        Edit::Fresh(text) if old.trim().is_empty() || old == text => Ok(text.clone()),
        Edit::Fresh(_) => Err(format!("{path} is there already and was left alone: put these lines into it yourself")),
    }
}

/// Shows the change and asks, unless that was settled.
fn agree(console: &Console, consent: Consent, path: &Path, difference: &[String]) -> Result<bool, String> {
    if !consent.is_silent {
        console.say(&path.display().to_string());
        difference.iter().for_each(|line| console.say(line));
    }
    if consent.is_given {
        return Ok(true);
    }
    if consent.is_silent || !std::io::stdin().is_terminal() {
        return Err("nobody can be asked here: say --yes to make this change".to_owned());
    }
    console.note("Make this change? [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| format!("cannot read your answer: {error}"))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn report(console: &Console, consent: Consent, tool: &Tool, path: &Path, backup: Option<&Path>, said: &str) {
    if consent.is_silent {
        let changed = !said.ends_with("nothing to do");
        console.say(&value!({"tool": tool.name, "file": path, "changed": changed, "backup": backup}).to_string());
    } else {
        console.say(said);
    }
}
