//! `[models]`: our own names for models.

use crate::catalog::alias::Aliases;
use crate::config::reader::Section;

pub(super) fn aliases(section: &Section<'_>) -> Aliases {
    let pairs = section.pairs("alias");
    let (aliases, errors) = Aliases::new(pairs.iter().map(|(alias, target, _)| (alias.as_str(), target.as_str())));
    for (alias, error) in errors {
        let place = pairs.iter().find(|(name, ..)| *name == alias).map_or(0, |(.., place)| *place);
        section.faults().at(place, error);
    }
    aliases
}
