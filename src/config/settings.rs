//! The sections of the file, each read into the settings of the room it is for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use http::HeaderName;
use secrecy::{ExposeSecret, SecretString};

use super::reader::Section;
use super::{Overrides, secret};
use crate::api::ApiSettings;
use crate::api::body::BodyLimits;
use crate::catalog::alias::Aliases;
use crate::telemetry::log::{self, Format, LogSettings};
use crate::tenant::{self, KeyHash, Tenant};
use crate::upstream::{BaseUrl, TransportSettings};

/// Everything that the file says, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file it came from.
    pub file: Option<PathBuf>,
    /// `[server]`
    pub server: ServerSettings,
    /// `[admin] listen`
    pub admin_listen: SocketAddr,
    /// `[log]`
    pub log: LogSettings,
    /// `[upstream]`, as far as connections go.
    pub transport: TransportSettings,
    /// Limits on requests and answers, from `[server]` and `[upstream]`.
    pub api: ApiSettings,
    /// `[[account]]`
    pub accounts: Vec<AccountSettings>,
    /// `[models.alias]`
    pub aliases: Aliases,
    /// `[[key]]`
    pub keys: Vec<(KeyHash, Tenant)>,
    /// Files besides the configuration whose change means a reload: secrets and certificates.
    pub watched: Vec<PathBuf>,
}

/// `[server]`: the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// TLS, if it is wanted.
    pub tls: Option<TlsFiles>,
}

/// `[server.tls]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Private key, PEM.
    pub key_file: PathBuf,
}

/// One `[[account]]`.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// Name in logs and metrics.
    pub name: String,
    /// Its key.
    pub api_key: SecretString,
}

/// The variable of the account's key when no `[[account]]` says otherwise.
const KEY_VARIABLE: &str = "SILICONFLOW_API_KEY";

impl Settings {
    /// Reads the whole file.
    pub(super) fn read(root: &Section<'_>, overrides: &Overrides, file: Option<PathBuf>) -> Self {
        let mut watched = Vec::new();
        let (server, body, most_upload_bytes, passes_unknown_paths) =
            root.section("server", |section| server(section, overrides));
        let admin_listen = root.section("admin", |section| listen(section, overrides.admin_listen, 4001));
        let (transport, api) = root.section("upstream", |section| {
            let transport = transport(section, overrides, &mut watched);
            let api = ApiSettings { body, most_upload_bytes, passes_unknown_paths, ..upstream_limits(section, body) };
            (transport, api)
        });
        let settings = Self {
            server,
            admin_listen,
            log: root.section("log", log_settings),
            transport,
            api,
            accounts: accounts(root, overrides, &mut watched),
            aliases: root.section("models", aliases),
            keys: keys(root, &mut watched),
            watched,
            file,
        };
        root.report_unknown();
        settings.check_exposure(root);
        settings.with_tls_watched()
    }

    /// A gateway that other machines can reach must know its callers.
    fn check_exposure(&self, root: &Section<'_>) {
        if !self.server.listen.ip().is_loopback() && self.keys.is_empty() {
            root.faults().missing(format_args!(
                "server.listen = \"{}\" can be reached from other machines, but there are no keys. Add a [[key]] for each caller, or listen on 127.0.0.1",
                self.server.listen
            ));
        }
    }

    fn with_tls_watched(mut self) -> Self {
        if let Some(tls) = &self.server.tls {
            self.watched.extend([tls.cert_file.clone(), tls.key_file.clone()]);
        }
        self
    }
}

fn listen(section: &Section<'_>, overridden: Option<SocketAddr>, port: u16) -> SocketAddr {
    let written = section.parsed("listen", "an address and port such as 127.0.0.1:4000");
    overridden.or(written).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
}

fn server(section: &Section<'_>, overrides: &Overrides) -> (ServerSettings, BodyLimits, u64, bool) {
    let seconds = Duration::from_secs;
    let body = BodyLimits {
        most_bytes: section.bytes("max_body", 64 << 20),
        timeout: section.duration("body_timeout", seconds(30)),
    };
    let settings = ServerSettings {
        listen: listen(section, overrides.listen, 4000),
        hosts: section.texts("hosts").unwrap_or_default(),
        origins: section.texts("origins").unwrap_or_default(),
        header_timeout: section.duration("header_timeout", seconds(10)),
        idle_timeout: section.duration("idle_timeout", seconds(75)),
        write_timeout: section.duration("write_timeout", seconds(60)),
        max_connections: section.number("max_connections", 10_000, 1..=1_000_000),
        body_memory: section.bytes("body_memory", 256 << 20),
        drain_timeout: section.duration("drain_timeout", seconds(300)),
        tls: section.section("tls", tls),
    };
    let most_upload = section.bytes("max_upload", 1 << 30);
    let passes_unknown = section.word("unknown_paths", &[("pass", true), ("refuse", false)], true);
    (settings, body, most_upload, passes_unknown)
}

fn tls(section: &Section<'_>) -> Option<TlsFiles> {
    let (cert_file, key_file) = (section.path_to_file("cert_file"), section.path_to_file("key_file"));
    if section.is_there() && (cert_file.is_none() || key_file.is_none()) {
        section.fault("cert_file", "TLS needs both cert_file and key_file");
    }
    Some(TlsFiles { cert_file: cert_file?, key_file: key_file? })
}

fn transport(section: &Section<'_>, overrides: &Overrides, watched: &mut Vec<PathBuf>) -> TransportSettings {
    let written = section.text("base_url");
    let url = overrides.upstream.as_ref().map(|upstream| upstream.base_url.clone()).or(written);
    let base_url = url.and_then(|url| BaseUrl::parse(&url).map_err(|error| section.fault("base_url", error)).ok());
    let extra_roots = section.path_to_file("ca_file").and_then(|path| {
        let read = std::fs::read(&path)
            .map_err(|error| section.fault("ca_file", format_args!("cannot read {}: {error}", path.display())));
        watched.push(path);
        read.ok()
    });
    TransportSettings {
        base_url: base_url.unwrap_or_else(BaseUrl::siliconflow),
        connect_timeout: section.duration("connect_timeout", Duration::from_secs(5)),
        extra_roots,
    }
}

fn upstream_limits(section: &Section<'_>, body: BodyLimits) -> ApiSettings {
    let seconds = Duration::from_secs;
    ApiSettings {
        body,
        most_upload_bytes: 0,
        first_byte_timeout: section.duration("first_byte_timeout", seconds(120)),
        idle_timeout: section.duration("idle_timeout", seconds(60)),
        total_timeout: section.duration("total_timeout", seconds(1800)),
        retries: section.number("retries", 2, 0..=10),
        forward_headers: header_names(section),
        passes_unknown_paths: true,
    }
}

/// Credentials are never forwarded, whatever the operator writes.
fn header_names(section: &Section<'_>) -> Vec<HeaderName> {
    const NEVER: [&str; 5] = ["authorization", "x-api-key", "api-key", "cookie", "host"];
    let names = section.texts("forward_headers").unwrap_or_default();
    names
        .iter()
        .filter_map(|name| match name.parse::<HeaderName>() {
            Ok(header) if !NEVER.contains(&header.as_str()) => Some(header),
            _ => {
                section.fault("forward_headers", format_args!("`{name}` is no header that can be forwarded"));
                None
            }
        })
        .collect()
}

fn log_settings(section: &Section<'_>) -> LogSettings {
    let level = section.text("level").unwrap_or_else(|| LogSettings::default().level);
    if let Err(error) = log::check_level(&level) {
        section.fault("level", format_args!("{error}; write \"info\", \"warn\" or \"debug\""));
    }
    LogSettings {
        level,
        format: section.word("format", &[("pretty", Format::Pretty), ("json", Format::Json)], Format::Pretty),
    }
}

fn accounts(root: &Section<'_>, overrides: &Overrides, watched: &mut Vec<PathBuf>) -> Vec<AccountSettings> {
    if let Some(upstream) = &overrides.upstream {
        root.sections("account", |section| (section.text("name"), section.read("api_key", |_| Ok(()))));
        return vec![AccountSettings { name: "demo".to_owned(), api_key: upstream.api_key.clone().into() }];
    }
    let written = root.sections("account", |section| account(section, watched));
    if !written.is_empty() {
        return written.into_iter().flatten().collect();
    }
    match secret::from_environment(KEY_VARIABLE, root.environment()) {
        Ok(api_key) => vec![AccountSettings { name: "main".to_owned(), api_key }],
        Err(error) => {
            root.faults().missing(format_args!(
                "no SiliconFlow API key: {error}. To try flowgate without a key: flowgate serve --demo"
            ));
            Vec::new()
        }
    }
}

fn account(section: &Section<'_>, watched: &mut Vec<PathBuf>) -> Option<AccountSettings> {
    let name = section.text("name");
    if name.is_none() {
        section.fault("name", "an account needs a name");
    }
    let secret = section.secret("api_key");
    if section.read("api_key", |_| Ok(())).is_none() {
        section.fault("api_key", "an account needs a key, such as { env = \"SILICONFLOW_API_KEY\" }");
    }
    let (api_key, file) = secret?;
    watched.extend(file);
    Some(AccountSettings { name: name?, api_key })
}

fn aliases(section: &Section<'_>) -> Aliases {
    let pairs = section.pairs("alias");
    let result = Aliases::new(pairs.iter().map(|(alias, target)| (alias.as_str(), target.as_str())));
    result.unwrap_or_else(|error| {
        section.fault("alias", error);
        Aliases::default()
    })
}

fn keys(root: &Section<'_>, watched: &mut Vec<PathBuf>) -> Vec<(KeyHash, Tenant)> {
    let keys: Vec<(KeyHash, Tenant)> =
        root.sections("key", |section| key(section, watched)).into_iter().flatten().collect();
    for (index, (hash, tenant)) in keys.iter().enumerate() {
        if keys[..index].iter().any(|(other, before)| other == hash || before.name == tenant.name) {
            root.faults().missing(format_args!("key: two keys have the name or the secret of `{}`", tenant.name));
        }
    }
    keys
}

fn key(section: &Section<'_>, watched: &mut Vec<PathBuf>) -> Option<(KeyHash, Tenant)> {
    let name = section.text("name");
    if name.is_none() {
        section.fault("name", "a key needs a name");
    }
    let hash = section.read("hash", |value| {
        value.as_str().and_then(tenant::parse_hash).ok_or_else(|| "must be \"sha256:\" and 64 hex digits".to_owned())
    });
    let secret = section.secret("secret").map(|(secret, file)| {
        watched.extend(file);
        tenant::hash(secret.expose_secret())
    });
    let is_written = |key| section.read(key, |_| Ok(())).is_some();
    if is_written("hash") == is_written("secret") {
        section.fault("secret", "a key needs either `secret` (by reference) or `hash`, one of them");
    }
    let tenant = Tenant { name: name?.into(), models: section.texts("models"), expires: expires(section) };
    Some((hash.or(secret)?, tenant))
}

fn expires(section: &Section<'_>) -> Option<SystemTime> {
    section.read("expires", |value| {
        let written = value.as_datetime().map(ToString::to_string);
        let time = written.as_deref().and_then(|text| humantime::parse_rfc3339(text).ok());
        time.ok_or_else(|| "must be a date and time in UTC such as 2027-01-31T00:00:00Z, without quotes".to_owned())
    })
}
