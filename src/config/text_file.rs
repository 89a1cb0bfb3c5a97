//! Files of text that a command was told to read, whole.

use std::path::Path;

/// Most bytes of such a file (ours): settings and scripts are small, and what is not was named by mistake.
const MOST_BYTES: u64 = 8 * 1_048_576;

/// The text of the file at `path`; `None` when there is none.
///
/// # Errors
/// Why it cannot be read, with its path.
pub fn read_text(path: &Path) -> Result<Option<String>, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
        Ok(found) if found.len() > MOST_BYTES => {
            return Err(format!("{} has more than 8 MiB: is it the right file?", path.display()));
        }
        Ok(_) => {}
    }
    std::fs::read_to_string(path).map(Some).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_or_not_or_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(read_text(&path), Ok(None));
        std::fs::write(&path, "colour = red\n").unwrap();
        assert_eq!(read_text(&path), Ok(Some("colour = red\n".to_owned())));
        std::fs::write(&path, b"\xff\xfe").unwrap();
        assert!(read_text(&path).is_err_and(|error| error.contains("cannot read")));
        assert!(read_text(folder.path()).is_err());
        std::fs::File::create(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert!(read_text(&path).is_err_and(|error| error.contains("8 MiB")));
    }
}
