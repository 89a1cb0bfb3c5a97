//! `[server]`: the listener, and what it lets in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::api::body::BodyLimits;
use crate::config::reader::Section;
use crate::config::{Overrides, tls_files};

/// `[server]`: the listener.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where the data plane listens.
    pub listen: SocketAddr,
    /// Host names that it answers to besides those of this machine.
    pub hosts: Vec<String>,
    /// Origins of web pages that may use it besides those of this machine; `*` is all.
    pub origins: Vec<String>,
    /// Time for the head of a request.
    pub header_timeout: Duration,
    /// Time a connection may be unused.
    pub idle_timeout: Duration,
    /// Time a caller may take nothing of an answer.
    pub write_timeout: Duration,
    /// Most connections at once.
    pub max_connections: u32,
    /// Most bytes of request bodies held at once.
    pub body_memory: u64,
    /// Time for open requests to finish at the end.
    pub drain_timeout: Duration,
    /// TLS, if it is wanted: certificate and key, ready for use.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

pub(super) fn listen(section: &Section<'_>, overridden: Option<SocketAddr>, port: u16) -> SocketAddr {
    let written = section.parsed("listen", "an address and port such as 127.0.0.1:4000");
    overridden.or(written).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
}

pub(super) fn read(
    section: &Section<'_>,
    overrides: &Overrides,
    watched: &mut Vec<PathBuf>,
) -> (ServerSettings, BodyLimits, u64, bool) {
    let seconds = Duration::from_secs;
    let body = BodyLimits {
        most_bytes: section.bytes("max_body", 64 << 20),
        timeout: section.duration("body_timeout", seconds(30)),
    };
    let settings = ServerSettings {
        listen: listen(section, overrides.listen, 4000),
        hosts: hosts(section),
        origins: origins(section),
        header_timeout: section.duration("header_timeout", seconds(10)),
        idle_timeout: section.duration("idle_timeout", seconds(75)),
        write_timeout: section.duration("write_timeout", seconds(60)),
        max_connections: section.number("max_connections", 10_000, 1..=1_000_000),
        body_memory: section.bytes("body_memory", 256 << 20),
        drain_timeout: section.duration("drain_timeout", seconds(300)),
        tls: section.section("tls", |section| tls(section, watched)),
    };
    let most_upload = section.bytes("max_upload", 1 << 30);
    let passes_unknown = section.word("unknown_paths", &[("pass", true), ("refuse", false)], true);
    (settings, body, most_upload, passes_unknown)
}

fn hosts(section: &Section<'_>) -> Vec<String> {
    let hosts = section.texts("hosts").unwrap_or_default();
    if let Some(wrong) = hosts.iter().find(|host| host.is_empty() || host.contains(['/', ' '])) {
        section.fault(
            "hosts",
            format_args!("`{wrong}` is not a host name; write it like \"gateway.example\", without scheme and port"),
        );
    }
    hosts
}

/// What browsers send as `Origin`: scheme and host, no path.
fn origins(section: &Section<'_>) -> Vec<String> {
    let origins = section.texts("origins").unwrap_or_default();
    let is_origin = |origin: &String| {
        origin == "*"
            || origin.split_once("://").is_some_and(|(scheme, host)| !scheme.is_empty() && !host.contains('/'))
    };
    if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
        section.fault(
            "origins",
            format_args!(
                "`{wrong}` is not an origin; write it like \"https://app.example\", without a slash at the end"
            ),
        );
    }
    origins
}

fn tls(section: &Section<'_>, watched: &mut Vec<PathBuf>) -> Option<Arc<rustls::ServerConfig>> {
    let (cert_file, key_file) = (section.path_to_file("cert_file"), section.path_to_file("key_file"));
    if section.is_there() && (cert_file.is_none() || key_file.is_none()) {
        section.fault("cert_file", "TLS needs both cert_file and key_file");
    }
    let (cert_file, key_file) = (cert_file?, key_file?);
    let chain = tls_files::chain(&cert_file).map_err(|error| section.fault("cert_file", error));
    let key = tls_files::key(&key_file).map_err(|error| section.fault("key_file", error));
    let config = tls_files::server(chain.ok()?, key.ok()?).map_err(|error| {
        let files = format!("{} and {}", cert_file.display(), key_file.display());
        section.fault("cert_file", format_args!("{files} do not belong together ({error})"));
    });
    watched.extend([cert_file, key_file]);
    config.ok().map(Arc::new)
}
