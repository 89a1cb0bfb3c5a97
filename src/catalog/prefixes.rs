//! The longest of many prefixes of a name, found by halving: with a thousand of them a linear search would be most of what
//! a request's model costs to resolve.

/// Prefixes with what they stand for.
#[derive(Debug, Clone)]
pub(super) struct Prefixes<T> {
    /// In the order of their bytes, none twice.
    sorted: Vec<Prefix<T>>,
}

#[derive(Debug, Clone)]
struct Prefix<T> {
    text: String,
    target: T,
    /// The longest of the others that this one begins with.
    shorter: Option<usize>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self { sorted: Vec::new() }
    }
}

impl<T> Prefixes<T> {
    /// Adds one; it is found after [`Self::sort`].
    pub(super) fn push(&mut self, prefix: &str, target: T) {
        self.sorted.push(Prefix { text: prefix.to_owned(), target, shorter: None });
    }

    /// Makes those that were added ready to be found. Of two that are the same the first one stays.
    pub(super) fn sort(&mut self) {
        self.sorted.sort_by(|one, other| one.text.cmp(&other.text));
        self.sorted.dedup_by(|later, first| later.text == first.text);
        for index in 1..self.sorted.len() {
            self.sorted[index].shorter = self.begins_with(&self.sorted[index].text, Some(index - 1));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.sorted.iter().map(|prefix| (prefix.text.as_str(), &prefix.target))
    }

    /// What the longest prefix of `name` stands for.
    pub(super) fn longest(&self, name: &str) -> Option<&T> {
        let after = self.sorted.partition_point(|prefix| prefix.text.as_str() <= name);
        let found = self.begins_with(name, after.checked_sub(1))?;
        self.sorted.get(found).map(|prefix| &prefix.target)
    }

    /// The longest prefix of `name`, when `index` is the last one that does not come after it.
    ///
    /// All prefixes of `name` are prefixes of that one as well: what stands between a prefix and the name in the order of
    /// bytes begins with that prefix too.
    fn begins_with(&self, name: &str, mut index: Option<usize>) -> Option<usize> {
        while let Some(prefix) = index.and_then(|index| self.sorted.get(index)) {
            if name.starts_with(&prefix.text) {
                break;
            }
            index = prefix.shorter;
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefixes(texts: &[String]) -> Prefixes<&str> {
        let mut prefixes = Prefixes::default();
        texts.iter().for_each(|text| prefixes.push(text, text.as_str()));
        prefixes.sort();
        prefixes
    }

    proptest! {
        #[test]
        fn finds_what_a_linear_search_finds(texts in prop::collection::vec("[ab/é]{0,5}", 0..40), name in "[ab/é]{0,8}") {
            let expected = texts.iter().filter(|text| name.starts_with(text.as_str())).max_by_key(|text| text.len());
            let prefixes = prefixes(&texts);
            prop_assert_eq!(prefixes.longest(&name).copied(), expected.map(String::as_str));
        }
    }

    #[test]
    fn the_first_of_two_that_are_the_same_stays() {
        let mut prefixes = Prefixes::default();
        prefixes.push("a", "first");
        prefixes.push("a", "second");
        prefixes.sort();
        assert_eq!((prefixes.longest("ab"), prefixes.iter().count()), (Some(&"first"), 1));
        assert!(Prefixes::<()>::default().is_empty() && Prefixes::<()>::default().longest("a").is_none());
    }
}
