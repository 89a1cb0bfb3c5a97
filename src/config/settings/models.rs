//! `[models]`: our own names for models, and who is called for a name.

use super::policy;
use crate::catalog::alias::Aliases;
use crate::catalog::policy::Rules;
use crate::config::reader::Section;

pub(super) fn read(section: &Section<'_>) -> (Aliases, Rules) {
    let written = policy::aliases(section);
    let pairs = written.iter().map(|(alias, _)| (alias.alias.as_str(), policy::first(alias)));
    let (aliases, errors) = Aliases::new(pairs);
    for (alias, error) in errors {
        let place = written.iter().find(|(written, _)| written.alias == alias).map_or(0, |(_, place)| *place);
        section.faults().at(place, error);
    }
    let rules = policy::rules(section, &written, &aliases);
    (aliases, rules)
}
