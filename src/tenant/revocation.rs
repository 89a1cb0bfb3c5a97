//! What tells running answers that their key was taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// What happens to running streams of a key that is revoked or expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnRevoke {
    /// They go on to their end.
    #[default]
    Finish,
    /// They end at once, with an error event; requests that wait for an answer are refused.
    Cut,
}

impl OnRevoke {
    /// Both, with the words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("finish", Self::Finish), ("cut", Self::Cut)];
}

/// A sign that everybody sees who holds a copy of it. It says nothing about what a key may do, so all are equal.
#[derive(Clone, Default)]
pub struct Revocation {
    /// What the token says, without its lock.
    is_cut: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Revocation {
    /// The answers of the key are to end.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Whether they are.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    /// Ready when they are.
    pub async fn given(&self) {
        self.token.cancelled().await;
    }

    /// The sign itself, for who waits for it: whether it was given, and the word that it is.
    pub fn signal(&self) -> (Arc<AtomicBool>, CancellationToken) {
        (self.is_cut.clone(), self.token.clone())
    }
}

impl PartialEq for Revocation {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Revocation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Revocation")
    }
}
