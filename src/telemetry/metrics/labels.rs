//! Which models have series of their own: those that the upstream has answered for, as long as there is room.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// How many models get series of their own (ours; SiliconFlow listed 87 on 2026-07-21).
pub const MAX_MODELS: usize = 256;
/// The label of every model beyond that, and of names nobody answered for.
pub const OTHER: &str = "other";

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ModelLabels(RwLock<HashSet<String>>);

impl ModelLabels {
    /// The label of `model`; `answered` says that the upstream has just answered for it.
    pub(super) fn label<'a>(&self, model: &'a str, answered: bool) -> &'a str {
        if self.admits(model, answered) { model } else { OTHER }
    }

    /// Whether `model` may be a label value.
    fn admits(&self, model: &str, answered: bool) -> bool {
        if model.is_empty() || model.len() > 128 {
            return false;
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(model) {
            return true;
        }
        let room = known.len() < MAX_MODELS;
        drop(known);
        answered && room && {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.len() < MAX_MODELS && known.insert(model.to_owned())
        }
    }
}
