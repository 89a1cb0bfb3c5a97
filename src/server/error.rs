//! Why a gateway could not start, told to the person who starts it.

use std::fmt::Display;
use std::net::SocketAddr;

/// Why a gateway could not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {0}: {1}. Is another flowgate running? Choose another address with {2}")]
    Bind(SocketAddr, String, &'static str),
    /// A certificate or a key cannot be used.
    #[error("{0}")]
    Settings(String),
}

impl StartError {
    /// What something else says about why it cannot be used.
    pub(super) fn told(error: impl Display) -> Self {
        Self::Settings(error.to_string())
    }
}
