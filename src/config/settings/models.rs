//! `[models]`: our own names for models, and who is called for a name.

use super::policy;
use crate::catalog::alias::Aliases;
use crate::catalog::ladder::Written;
use crate::catalog::openai;
use crate::catalog::policy::Rules;
use crate::config::reader::Section;

pub(super) fn read(section: &Section<'_>) -> (Aliases, Rules) {
    let mut written = policy::aliases(section);
    if section.flag("openai_aliases", false) {
        let own = Aliases::new(pairs(&written)).0;
        written.extend(openai::beside(&own).map(ready_made));
    }
    let (aliases, errors) = Aliases::new(pairs(&written));
    for (alias, error) in errors {
        let place = written.iter().find(|(written, _)| written.alias == alias).map_or(0, |(_, place)| *place);
        section.faults().at(place, error);
    }
    let rules = policy::rules(section, &written, &aliases);
    (aliases, rules)
}

fn pairs(written: &[(Written, usize)]) -> impl Iterator<Item = (&str, &str)> {
    written.iter().map(|(alias, _)| (alias.alias.as_str(), policy::first(alias)))
}

/// An alias that stands in no file.
fn ready_made((alias, model): (&str, &str)) -> (Written, usize) {
    (Written { alias: alias.to_owned(), models: vec![model.to_owned()], policy: None }, 0)
}
