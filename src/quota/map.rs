//! Maps that every request looks into: their keys are few and bounded, so a quick hash with a random seed is enough.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use foldhash::fast::{FoldHasher, RandomState};

/// A map with a quick hash.
pub(super) type QuickMap<K, V> = HashMap<K, V, Quick>;
/// A set with a quick hash.
pub(super) type QuickSet<K> = HashSet<K, Quick>;

/// The hash of all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Quick(RandomState);

impl BuildHasher for Quick {
    type Hasher = FoldHasher<'static>;

    fn build_hasher(&self) -> Self::Hasher {
        self.0.build_hasher()
    }

    // One copy for each kind of key: a request looks into eight maps of names, and code that it runs through once has to
    // come from memory.
    #[inline(never)]
    fn hash_one<T: Hash>(&self, key: T) -> u64 {
        self.0.hash_one(key)
    }
}
