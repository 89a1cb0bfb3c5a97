//! Why the state cannot be used, and what to do about it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::format::VERSION;

/// Why something about the state folder failed. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process has the folder.
    #[error(
        "another flowgate{} runs on the state folder {}: stop it, or give this one a folder of its own in `state.dir`",
        .process.map_or(String::new(), |id| format!(" (process {id})")),
        .folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The other process, if it left its number.
        process: Option<u32>,
    },
    /// The folder cannot be made or written.
    #[error("cannot keep state in {}: {source}; {}, or name another folder in `state.dir`", .folder.display(), remedy(.source.kind()))]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file system does not lock.
    #[error("cannot lock the state folder {}: {source}; it must be on a local disk: name another folder in `state.dir`", .folder.display())]
    NoLocks {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of a later version of this program.
    #[error(
        "{} was written by a newer flowgate (format {version}, this one knows {VERSION}): run that one, or give this one a folder of its own in `state.dir`",
        .file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// The version of its format.
        version: u32,
    },
    /// A file could not be read, written or moved.
    #[error("cannot {doing} {}: {source}", .file.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no random numbers.
    #[error("the system has no random numbers for a secret")]
    NoRandom,
    /// A record or a snapshot of 4 GiB or more.
    #[error("{0} bytes are too long for a record of the state folder")]
    TooLong(usize),
}

impl StateError {
    /// Makes the error of an operation that failed on `file`.
    pub(super) fn of(doing: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, file: file.to_owned(), source }
    }

    /// Whether the disk is full: a later try may work without anybody having done anything wrong.
    pub fn is_full(&self) -> bool {
        let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
        matches!(self, Self::Io { source, .. } | Self::Unusable { source, .. } if full.contains(&source.kind()))
    }
}

/// What to do about a folder.
fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "a file is in its place: move it away",
        ErrorKind::PermissionDenied => "let the user that runs flowgate write there",
        ErrorKind::ReadOnlyFilesystem => "mount a file system there that can be written",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on the disk",
        _ => "make it a folder that flowgate can write",
    }
}
