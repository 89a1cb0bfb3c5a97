//! `[state]`: where what must outlive the process is kept, and how safely.

use std::path::PathBuf;

use crate::config::Overrides;
use crate::config::reader::Section;
use crate::state::Durability;

/// `[state]`
#[derive(Debug, Clone)]
pub struct StateSettings {
    /// The folder. It need not be there yet.
    pub dir: PathBuf,
    /// What is safe there against what.
    pub durability: Durability,
}

/// A demo that keeps nothing needs no folder.
pub(super) fn read(section: &Section<'_>, overrides: &Overrides) -> StateSettings {
    let is_written = section.read("dir", |_| Ok(())).is_some();
    let is_needed = overrides.is_kept() && overrides.state_dir.is_none() && !overrides.is_keyless;
    let dir = if is_written { section.path_to_folder("dir") } else { default_folder(section, is_needed) };
    let dir = overrides.state_dir.clone().or(dir);
    let durability = if section.flag("fsync", false) { Durability::Power } else { Durability::Process };
    // Without a folder there is a fault, and nobody sees these settings.
    StateSettings { dir: dir.unwrap_or_default(), durability }
}

fn default_folder(section: &Section<'_>, is_needed: bool) -> Option<PathBuf> {
    let folder = section.environment().data_folder();
    if is_needed && folder.is_none() {
        section.fault(
            "dir",
            "there is no folder to keep state in: set the variable HOME or XDG_DATA_HOME, or name one as `dir` below [state]",
        );
    }
    folder
}
