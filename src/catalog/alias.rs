//! Aliases: our name for a model. Exact names and prefixes (`gpt-4o*`), chains followed at load.

use std::collections::{BTreeSet, HashSet};

use super::ResolvedModel;
use super::names::Names;

/// Why a set of aliases was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// The chain comes back to where it was.
    #[error("aliases go in a circle: {0}; point one of them at a model id")]
    Cycle(String),
    /// A `*` that is not the last character.
    #[error("alias `{0}`: `*` may stand only at the end")]
    Pattern(String),
    /// An alias without a name or a target.
    #[error("alias `{0}`: neither the name nor the model may be empty")]
    Empty(String),
}

/// Aliases ready for look-up; a look-up follows no chain.
#[derive(Debug, Clone, Default)]
pub struct Aliases(Names<String>);

impl Aliases {
    /// Checks the pairs (alias, target) and resolves chains. What cannot be used is left out and told,
    /// with the alias it is about.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<(String, AliasError)>) {
        let (mut errors, mut accepted) = (Vec::new(), Vec::new());
        for (alias, target) in pairs {
            match check(alias, target) {
                Ok(()) => accepted.push((alias, target)),
                Err(error) => errors.push((alias.to_owned(), error)),
            }
        }
        let direct = Self(Names::new(accepted.iter().map(|(alias, target)| (*alias, (*target).to_owned()))));
        let (mut ready, mut circles) = (Vec::new(), HashSet::new());
        for (alias, target) in accepted {
            match direct.follow(alias, target) {
                Ok(end) => ready.push((alias, end)),
                // A circle is told once, whoever leads into it.
                Err(circle) if !circles.insert(members(&circle)) => {}
                Err(circle) => errors.push((alias.to_owned(), AliasError::Cycle(circle.join(" -> ")))),
            }
        }
        (Self(Names::new(ready)), errors)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `name` is an alias as it stands, without a pattern.
    pub fn is_exact(&self, name: &str) -> bool {
        self.0.exact().contains_key(name)
    }

    /// The model that `name` stands for; `name` itself when it is no alias.
    pub fn resolve(&self, name: &str) -> ResolvedModel {
        let target = self.target(name);
        ResolvedModel { id: target.unwrap_or(name).to_owned(), is_renamed: target.is_some() }
    }

    /// The exact aliases with their models, for lists.
    pub fn exact(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.exact().iter().map(|(alias, target)| (alias.as_str(), target.as_str()))
    }

    /// The patterns without their `*`, with their models, in order.
    pub fn patterns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.prefixes().map(|(prefix, target)| (prefix, target.as_str()))
    }

    /// What `name` stands for, if it is an alias.
    pub fn target(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The end of the chain that begins with `alias` and `target`.
    ///
    /// # Errors
    /// The path, when it comes back to where it was.
    fn follow<'a>(&'a self, alias: &'a str, target: &'a str) -> Result<String, Vec<&'a str>> {
        let mut path = vec![alias, target];
        while let Some(next) = self.target(path[path.len() - 1]) {
            if next == path[path.len() - 1] {
                break; // `Qwen/*` = "Qwen/Qwen3-8B" matches its own target; that is an end, not a circle
            }
            let is_circle = path.contains(&next);
            path.push(next);
            if is_circle {
                return Err(path);
            }
        }
        Ok(path[path.len() - 1].to_owned())
    }
}

fn check(alias: &str, target: &str) -> Result<(), AliasError> {
    if target.is_empty() || alias.is_empty() {
        return Err(AliasError::Empty(alias.to_owned()));
    }
    match alias.strip_suffix('*').unwrap_or(alias).contains('*') {
        true => Err(AliasError::Pattern(alias.to_owned())),
        false => Ok(()),
    }
}

/// The names in the circle at the end of `path`.
fn members(path: &[&str]) -> BTreeSet<String> {
    let last = path.last().copied().unwrap_or_default();
    let start = path.iter().position(|name| *name == last).unwrap_or(0);
    path[start..].iter().map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(pairs: &[(&str, &str)], name: &str) -> String {
        Aliases::new(pairs.iter().copied()).0.resolve(name).id
    }

    #[test]
    fn exact_beats_prefix_and_the_longest_prefix_wins() {
        let pairs = [("gpt-4o*", "a"), ("gpt*", "b"), ("gpt-4o-mini", "c"), ("d", "gpt-5")];
        assert_eq!(resolve(&pairs, "gpt-4o-2024"), "a");
        assert_eq!(resolve(&pairs, "gpt-3.5"), "b");
        assert_eq!(resolve(&pairs, "gpt-4o-mini"), "c");
        assert_eq!(resolve(&pairs, "d"), "b");
        assert_eq!(resolve(&pairs, "Qwen/Qwen3-8B"), "Qwen/Qwen3-8B");
        assert_eq!(resolve(&[("Qwen/*", "Qwen/Qwen3-8B")], "Qwen/x"), "Qwen/Qwen3-8B");
    }

    #[test]
    fn cycles_are_refused_with_their_path() {
        let (_, errors) = Aliases::new([("a", "b"), ("b", "c"), ("c", "a"), ("x", "a"), ("y", "z")]);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors.iter().all(|(_, error)| error.to_string().contains(" -> ")));
        let (aliases, errors) = Aliases::new([("a*b", "c"), ("d", "e")]);
        assert_eq!(errors, [("a*b".to_owned(), AliasError::Pattern("a*b".to_owned()))]);
        assert_eq!(aliases.resolve("d").id, "e");
    }
}
