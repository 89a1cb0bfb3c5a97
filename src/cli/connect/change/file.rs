//! Files put in place as a whole, the old one kept beside them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::read_text;

/// What the name of a backup has between that of the file and the moment.
const MARK: &str = ".flowgate-backup-";
/// Most backups of one second (ours).
const MOST_A_SECOND: u32 = 100;

/// Where the file really is: a link stays a link.
pub(super) fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Puts `new` in place of the file at `path`, which has `old` in it, or is not there when that is empty. The path of the
/// backup, which is empty if there was nothing.
///
/// # Errors
/// Why not; the file is then as it was.
pub(super) fn replace(path: &Path, old: &str, new: &str) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    if read_text(path)?.unwrap_or_default() != old {
        return Err(format!("{} was changed by somebody else just now; try again", path.display()));
    }
    let backup = back_up(path).map_err(failed)?;
    put(path, new).map_err(failed)?;
    Ok(backup)
}

/// Puts the backup back; an empty one stands for no file.
///
/// # Errors
/// Why not; the file is then as it was.
pub(super) fn restore(path: &Path, backup: &Path, is_empty: bool) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot restore {}: {error}", path.display());
    if !is_empty {
        return fs::rename(backup, path).map_err(failed);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::remove_file(backup).map_err(failed)
}

/// The newest backup of the file at `path`.
pub(super) fn newest_backup(path: &Path) -> Option<PathBuf> {
    let start = format!("{}{MARK}", path.file_name()?.to_str()?);
    let entries = fs::read_dir(path.parent()?).ok()?.flatten();
    let backups = entries.map(|entry| entry.path());
    backups
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&start)))
        .max()
}

/// Copies the file with its permissions: what it holds may be for its owner only.
fn back_up(path: &Path) -> std::io::Result<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let moment = moment(SystemTime::now());
    for number in 0..MOST_A_SECOND {
        let suffix = if number == 0 { String::new() } else { format!("-{number:02}") };
        let backup = path.with_file_name(format!("{name}{MARK}{moment}{suffix}"));
        match OpenOptions::new().write(true).create_new(true).open(&backup) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
            Ok(_) if path.exists() => fs::copy(path, &backup).map(drop)?,
            Ok(_) => {}
        }
        return Ok(backup);
    }
    Err(std::io::Error::other("there are too many backups of this second"))
}

/// `20261122-130501`, in UTC.
fn moment(now: SystemTime) -> String {
    let written = humantime::format_rfc3339_seconds(now).to_string();
    written.trim_end_matches('Z').replace(['-', ':'], "").replace('T', "-")
}

/// Writes beside the file and renames: a reader sees the old one or the new one.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let beside = path.with_file_name(format!(".{name}.flowgate-{}", std::process::id()));
    let written = write_as(path, &beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _gone_or_never_there = fs::remove_file(&beside);
    }
    written
}

fn write_as(path: &Path, beside: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(beside)?;
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(old.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
