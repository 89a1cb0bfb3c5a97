//! Something for each name and each beginning of names (`gpt-4o*`): the exact name wins, then the longest beginning.

use std::collections::HashMap;

use super::prefixes::Prefixes;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Names<T> {
    exact: HashMap<String, T>,
    prefixes: Prefixes<T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), prefixes: Prefixes::default() }
    }
}

impl<T> Names<T> {
    /// All of them; a `*` at the end stands for any ending. Of two that are the same the first one stays.
    pub(super) fn new<'a>(all: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let mut names = Self::default();
        for (name, of_it) in all {
            match name.strip_suffix('*') {
                Some(prefix) => names.prefixes.push(prefix, of_it),
                None => drop(names.exact.entry(name.to_owned()).or_insert(of_it)),
            }
        }
        names.prefixes.sort();
        names
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    /// What belongs to `name`.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.exact.get(name).or_else(|| self.prefixes.longest(name))
    }

    /// Those without a `*`.
    pub(super) fn exact(&self) -> &HashMap<String, T> {
        &self.exact
    }

    /// Those with a `*`, without it, in order.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = (&str, &T)> {
        self.prefixes.iter()
    }
}
