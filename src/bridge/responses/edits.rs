//! Names of what was left out of a request, for the caller: each once, in the order in which they came up.

/// The names.
#[derive(Debug, Clone, Default)]
pub(super) struct Edits(pub(super) Vec<&'static str>);

impl Edits {
    /// Adds a name.
    pub(super) fn add(&mut self, name: &'static str) {
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    /// Adds a name if something `is_lost`.
    pub(super) fn add_if(&mut self, is_lost: bool, name: &'static str) {
        if is_lost {
            self.add(name);
        }
    }
}
