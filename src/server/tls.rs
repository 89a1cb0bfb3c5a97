//! The certificate of the listener, replaced without closing a connection.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;

/// The certificate in force.
#[derive(Debug)]
pub(super) struct TlsSource {
    current: ArcSwap<ServerConfig>,
}

impl TlsSource {
    pub(super) fn new(config: Arc<ServerConfig>) -> Self {
        Self { current: ArcSwap::new(config) }
    }

    /// New connections use `config` from now on.
    pub(super) fn replace(&self, config: Arc<ServerConfig>) {
        self.current.store(config);
    }

    /// What new connections use.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }
}
