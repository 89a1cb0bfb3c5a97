//! `:free`, `:pro` and `:auto` at the end of a model's name.

use super::Policy;
use crate::catalog::alias::Aliases;
use crate::catalog::catalogue::Catalogue;

/// Each with what it means.
const SUFFIXES: [(&str, Policy); 3] =
    [(":free", Policy::FreeOnly), (":pro", Policy::PreferPro), (":auto", Policy::PreferFree)];

/// The name without its suffix, and what that means. A name that is an alias or a model as it stands has none.
pub(super) fn split<'a>(name: &'a str, aliases: &Aliases, catalogue: &Catalogue) -> (&'a str, Option<Policy>) {
    let found = SUFFIXES.iter().find_map(|(suffix, policy)| Some((name.strip_suffix(suffix)?, *policy)));
    let Some((base, policy)) = found.filter(|(base, _)| !base.is_empty()) else { return (name, None) };
    // A pattern that matches only the whole of it was meant for the whole of it.
    let is_whole = || aliases.resolve(name).is_renamed && !aliases.resolve(base).is_renamed;
    let is_itself = aliases.is_exact(name) || catalogue.get(name).is_some() || is_whole();
    if is_itself { (name, None) } else { (base, Some(policy)) }
}
