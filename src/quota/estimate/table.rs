//! A map of bounded size: when it is full, what was used longest ago makes room.
//!
//! Names from requests come in here, so nothing may grow with them. Entries are made only when something was learned,
//! which takes an answer of the upstream: made-up names do not push out real ones.

use crate::quota::map::QuickMap;

/// Longest name, in bytes, that is kept (ours); a longer one is not learned from.
pub(super) const LONGEST_NAME: usize = 256;

/// Up to `most` entries by name.
#[derive(Debug)]
pub(super) struct Table<V> {
    entries: QuickMap<String, (u64, V)>,
    most: usize,
    /// Uses so far: the time by which age is told.
    uses: u64,
}

impl<V> Table<V> {
    pub(super) fn new(most: usize) -> Self {
        Self { entries: QuickMap::default(), most, uses: 0 }
    }

    /// The entry of `name`, if there is one; this counts as use.
    pub(super) fn get(&mut self, name: &str) -> Option<&mut V> {
        self.uses += 1;
        let (used, value) = self.entries.get_mut(name)?;
        *used = self.uses;
        Some(value)
    }

    /// What `change` makes of the entry of `name`, which is made by `new` where there is none; `None` where the name is
    /// too long to keep.
    pub(super) fn change<R>(
        &mut self,
        name: &str,
        new: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        if let Some(value) = self.get(name) {
            return Some(change(value));
        }
        if name.len() > LONGEST_NAME {
            return None;
        }
        self.make_room();
        self.entries.insert(name.to_owned(), (0, new()));
        self.get(name).map(change)
    }

    fn make_room(&mut self) {
        if self.entries.len() < self.most {
            return;
        }
        let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone());
        oldest.map(|name| self.entries.remove(&name));
    }

    /// All entries, the one used longest ago first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(_, (used, _))| *used);
        entries.into_iter().map(|(name, (_, value))| (name.as_str(), value))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
