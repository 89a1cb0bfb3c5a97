//! Where responses are kept for those who come back to them, and what of each. It must not know what keeps them.

use std::sync::Arc;

/// A response that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// `resp_…`
    pub id: String,
    /// Name of the key that asked; nobody else gets to see it.
    pub key: Arc<str>,
    /// When it was made (unix seconds).
    pub created_at: u64,
    /// The response before it in the conversation.
    pub previous: Option<String>,
    /// The items of its own request (JSON each), with ids.
    pub input: Vec<String>,
    /// The whole object (JSON).
    pub response: String,
}

impl Kept {
    /// About how much room it takes (bytes).
    pub fn bytes(&self) -> u64 {
        let input: usize = self.input.iter().map(String::len).sum();
        (self.id.len() + self.key.len() + input + self.response.len()) as u64
    }
}

/// What keeps responses could not be read or written: why, for the operator. It names files, so no caller gets to read it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShelfError(pub String);

/// Keeps responses of a running gateway.
pub trait Shelf: Send + Sync + std::fmt::Debug {
    /// Keeps `kept`: whoever asks for it from now on finds it. Never blocks.
    fn keep(&self, kept: Kept);

    /// The response `id` of the key `key`; `None` where there is none, where it is another key's, and when it is too old. Blocks.
    ///
    /// # Errors
    /// [`ShelfError`].
    fn find(&self, key: &str, id: &str) -> Result<Option<Kept>, ShelfError>;

    /// Forgets the response `id` of the key `key`; whether there was one. Blocks.
    ///
    /// # Errors
    /// [`ShelfError`].
    fn forget(&self, key: &str, id: &str) -> Result<bool, ShelfError>;
}

/// Keeps responses for good. Every method blocks.
pub trait Archive: Send + Sync + std::fmt::Debug {
    /// Files all of `kept` or none. What has the same id is replaced.
    ///
    /// # Errors
    /// [`ShelfError`]; nothing was filed then.
    fn file(&self, kept: &[Arc<Kept>]) -> Result<(), ShelfError>;

    /// The response `id`, if it is the key's and was made at `since` (unix seconds) or later.
    ///
    /// # Errors
    /// [`ShelfError`].
    fn find(&self, key: &str, id: &str, since: u64) -> Result<Option<Kept>, ShelfError>;

    /// Removes the response `id`, if it is the key's; whether it was there.
    ///
    /// # Errors
    /// [`ShelfError`].
    fn remove(&self, key: &str, id: &str) -> Result<bool, ShelfError>;

    /// Removes what was made before `since` (unix seconds), then the oldest until all together take at most `most_bytes`; how
    /// many that were.
    ///
    /// # Errors
    /// [`ShelfError`].
    fn prune(&self, since: u64, most_bytes: u64) -> Result<u64, ShelfError>;
}
