//! Maps that every request looks into: their keys are few and bounded, so a quick hash with a random seed is enough.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

/// A map with a quick hash.
pub(super) type QuickMap<K, V> = HashMap<K, V, RandomState>;
/// A set with a quick hash.
pub(super) type QuickSet<K> = HashSet<K, RandomState>;
