//! `[[team]]`: keys that share an allowance. The fields of a team that was made while running are read by the same code;
//! see `config::keys`.

use std::sync::Arc;

use super::{allowance, keys};
use crate::config::reader::Section;
use crate::tenant::Team;

pub(super) fn read(root: &Section<'_>) -> Vec<Arc<Team>> {
    let mut teams: Vec<Arc<Team>> = Vec::new();
    root.sections("team", |section| {
        let name = section.text("name").unwrap_or_default();
        keys::check_name(section, "a team", &name);
        if teams.iter().any(|other| *other.name == *name) {
            section.fault("name", format_args!("there is another team `{name}`; give this one a name of its own"));
        }
        teams.push(Arc::new(fields(section, &name)));
    });
    teams
}

/// What the keys of a team may do together.
pub(in crate::config) fn fields(section: &Section<'_>, name: &str) -> Team {
    Team { allowance: allowance::read(section), models: section.texts("models"), ..Team::named(name.into()) }
}
