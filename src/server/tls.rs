//! Certificates of the listener, replaced without closing a connection.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;

/// The certificate in force.
#[derive(Debug)]
pub(super) struct TlsSource {
    current: ArcSwap<ServerConfig>,
}

impl TlsSource {
    /// Loads certificate and key.
    ///
    /// # Errors
    /// What is wrong with them, with the file's name and never its content.
    pub(super) fn load(files: &TlsFiles) -> Result<Self, String> {
        Ok(Self { current: ArcSwap::new(Arc::new(read(files)?)) })
    }

    /// Loads them again; on an error the old ones stay.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(super) fn reload(&self, files: &TlsFiles) -> Result<(), String> {
        self.current.store(Arc::new(read(files)?));
        Ok(())
    }

    /// What new connections use.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }
}

fn read(files: &TlsFiles) -> Result<ServerConfig, String> {
    let chain = CertificateDer::pem_file_iter(&files.cert_file)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| format!("server.tls.cert_file {}: {error}", files.cert_file.display()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(|error| format!("server.tls.key_file {}: {error}", files.key_file.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| format!("server.tls: certificate and key cannot be used ({error})"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
