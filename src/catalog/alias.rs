//! Aliases: our name for a model. Exact names and prefixes (`gpt-4o*`), chains followed at load.

use std::collections::HashMap;

use super::ResolvedModel;

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
pub struct Aliases {
    exact: HashMap<String, String>,
    /// Longest prefix first, so that the most special one wins.
    prefixes: Vec<(String, String)>,
}

impl Aliases {
    /// Checks the pairs (alias, target) and resolves chains. What cannot be used is left out and told,
    /// with the alias it is about.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<(String, AliasError)>) {
        let (mut direct, mut errors) = (Self::default(), Vec::new());
        for (alias, target) in pairs {
            if let Err(error) = direct.add(alias, target) {
                errors.push((alias.to_owned(), error));
            }
        }
        direct.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        (direct.resolve_chains(&mut errors), errors)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    /// The model that `name` stands for; `name` itself when it is no alias.
    pub fn resolve(&self, name: &str) -> ResolvedModel {
        let target = self.target(name);
        ResolvedModel { id: target.unwrap_or(name).to_owned(), is_renamed: target.is_some() }
    }

    /// The exact aliases with their models, for lists.
    pub fn exact(&self) -> impl Iterator<Item = (&str, &str)> {
        self.exact.iter().map(|(alias, target)| (alias.as_str(), target.as_str()))
    }

    fn target(&self, name: &str) -> Option<&str> {
        let by_prefix = || self.prefixes.iter().find(|(prefix, _)| name.starts_with(prefix.as_str()));
        self.exact.get(name).or_else(|| by_prefix().map(|(_, target)| target)).map(String::as_str)
    }

    fn add(&mut self, alias: &str, target: &str) -> Result<(), AliasError> {
        let name = alias.strip_suffix('*').unwrap_or(alias);
        if target.is_empty() || alias.is_empty() {
            return Err(AliasError::Empty(alias.to_owned()));
        }
        if name.contains('*') {
            return Err(AliasError::Pattern(alias.to_owned()));
        }
        if name.len() == alias.len() {
            self.exact.insert(name.to_owned(), target.to_owned());
        } else {
            self.prefixes.push((name.to_owned(), target.to_owned()));
        }
        Ok(())
    }

    fn resolve_chains(&self, errors: &mut Vec<(String, AliasError)>) -> Self {
        let mut end = |alias: &str, pattern: String, target: &str| {
            let end = self.follow(&pattern, target).map_err(|error| errors.push((pattern, error))).ok()?;
            Some((alias.to_owned(), end))
        };
        let exact = self.exact.iter().filter_map(|(alias, target)| end(alias, alias.clone(), target)).collect();
        let prefixes = self.prefixes.iter().filter_map(|(alias, target)| end(alias, format!("{alias}*"), target)).collect();
        Self { exact, prefixes }
    }

    fn follow(&self, alias: &str, target: &str) -> Result<String, AliasError> {
        let mut path = vec![alias, target];
        while let Some(next) = self.target(path[path.len() - 1]) {
            if next == path[path.len() - 1] {
                break; // `Qwen/*` = "Qwen/Qwen3-8B" matches its own target; that is an end, not a circle
            }
            if path.contains(&next) {
                path.push(next);
                return Err(AliasError::Cycle(path.join(" -> ")));
            }
            path.push(next);
        }
        Ok(path[path.len() - 1].to_owned())
    }
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
        assert_eq!(errors.len(), 4, "{errors:?}");
        assert!(errors.iter().all(|(_, error)| error.to_string().contains(" -> ")));
        let (aliases, errors) = Aliases::new([("a*b", "c"), ("d", "e")]);
        assert_eq!(errors, [("a*b".to_owned(), AliasError::Pattern("a*b".to_owned()))]);
        assert_eq!(aliases.resolve("d").id, "e");
    }
}
