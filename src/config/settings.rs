//! The sections of the file, each read into the settings of the room it is for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderName;
use secrecy::{ExposeSecret, SecretString};

use super::quota::{self, AccountLimits, WaitSettings};
use super::reader::Section;
use super::{Overrides, secret, tls_files};
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
    /// `[queue]`
    pub queue: WaitSettings,
    /// `[models.alias]`
    pub aliases: Aliases,
    /// `[[key]]`
    pub keys: Vec<(KeyHash, Tenant)>,
    /// Files besides the configuration whose change means a reload: secrets and certificates.
    pub watched: Vec<PathBuf>,
}

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

/// One `[[account]]`.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// Name in logs and metrics.
    pub name: String,
    /// Its key.
    pub api_key: SecretString,
    /// Its quota.
    pub quota: AccountLimits,
}

/// The variable of the account's key when no `[[account]]` says otherwise.
const KEY_VARIABLE: &str = "SILICONFLOW_API_KEY";

impl Settings {
    /// Reads the whole file.
    pub(super) fn read(root: &Section<'_>, overrides: &Overrides, file: Option<PathBuf>) -> Self {
        let mut watched = Vec::new();
        let keys = keys(root, &mut watched);
        let (server, body, most_upload_bytes, passes_unknown_paths) =
            root.section("server", |section| server(section, overrides, keys.is_empty(), &mut watched));
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
            queue: root.section("queue", quota::wait),
            aliases: root.section("models", aliases),
            keys,
            watched,
            file,
        };
        root.report_unknown();
        settings
    }
}

fn listen(section: &Section<'_>, overridden: Option<SocketAddr>, port: u16) -> SocketAddr {
    let written = section.parsed("listen", "an address and port such as 127.0.0.1:4000");
    overridden.or(written).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
}

fn server(
    section: &Section<'_>,
    overrides: &Overrides,
    is_open: bool,
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
    check_exposure(section, settings.listen, is_open);
    let most_upload = section.bytes("max_upload", 1 << 30);
    let passes_unknown = section.word("unknown_paths", &[("pass", true), ("refuse", false)], true);
    (settings, body, most_upload, passes_unknown)
}

/// A gateway that other machines can reach must know its callers.
fn check_exposure(section: &Section<'_>, listen: SocketAddr, is_open: bool) {
    if is_open && !listen.ip().is_loopback() {
        section.fault(
            "listen",
            format_args!("{listen} can be reached from other machines, but there are no keys. Add a [[key]] for each caller, or listen on 127.0.0.1"),
        );
    }
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

fn transport(section: &Section<'_>, overrides: &Overrides, watched: &mut Vec<PathBuf>) -> TransportSettings {
    let written = section.text("base_url");
    let url = overrides.upstream.as_ref().map(|upstream| upstream.base_url.clone()).or(written);
    let base_url = url.and_then(|url| BaseUrl::parse(&url).map_err(|error| section.fault("base_url", error)).ok());
    let extra_roots = section.path_to_file("ca_file").and_then(|path| {
        let read = tls_files::roots(&path).map_err(|error| section.fault("ca_file", error));
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
        section.fault("level", error);
    }
    LogSettings {
        level,
        format: section.word("format", &[("pretty", Format::Pretty), ("json", Format::Json)], Format::Pretty),
    }
}

fn accounts(root: &Section<'_>, overrides: &Overrides, watched: &mut Vec<PathBuf>) -> Vec<AccountSettings> {
    if let Some(upstream) = &overrides.upstream {
        let written = root.sections("account", |section| {
            let _not_used_here = (section.text("name"), section.read("api_key", |_| Ok(())));
            quota::account(section)
        });
        let quota = written.into_iter().next().unwrap_or_default();
        return vec![AccountSettings { name: "demo".to_owned(), api_key: upstream.api_key.clone().into(), quota }];
    }
    let mut names = Vec::new();
    let written = root.sections("account", |section| {
        let account = account(section, watched)?;
        if names.contains(&account.name) {
            section.fault(
                "name",
                format_args!("there is another account `{}`; give this one a name of its own", account.name),
            );
        }
        names.push(account.name.clone());
        Some(account)
    });
    if !written.is_empty() {
        return written.into_iter().flatten().collect();
    }
    match secret::from_environment(KEY_VARIABLE, root.environment()) {
        Ok(api_key) => vec![AccountSettings { name: "main".to_owned(), api_key, quota: AccountLimits::default() }],
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
    if name.as_ref().is_some_and(|name| name.contains(['/', ':'])) {
        section.fault("name", "an account's name stands in front of models' names; leave out `/` and `:`");
    }
    let quota = quota::account(section);
    let secret = section.secret("api_key");
    if section.read("api_key", |_| Ok(())).is_none() {
        section.fault("api_key", "an account needs a key, such as { env = \"SILICONFLOW_API_KEY\" }");
    }
    let (api_key, file) = secret?;
    watched.extend(file);
    Some(AccountSettings { name: name?, api_key, quota })
}

fn aliases(section: &Section<'_>) -> Aliases {
    let pairs = section.pairs("alias");
    let (aliases, errors) = Aliases::new(pairs.iter().map(|(alias, target, _)| (alias.as_str(), target.as_str())));
    for (alias, error) in errors {
        let place = pairs.iter().find(|(name, ..)| *name == alias).map_or(0, |(.., place)| *place);
        section.faults().at(place, error);
    }
    aliases
}

fn keys(root: &Section<'_>, watched: &mut Vec<PathBuf>) -> Vec<(KeyHash, Tenant)> {
    let mut keys: Vec<(KeyHash, Tenant)> = Vec::new();
    root.sections("key", |section| {
        let Some((hash, tenant)) = key(section, watched) else { return };
        if keys.iter().any(|(_, other)| other.name == tenant.name) {
            section
                .fault("name", format_args!("there is another key `{}`; give this one a name of its own", tenant.name));
        } else if let Some((_, other)) = keys.iter().find(|(other, _)| *other == hash) {
            section.fault("name", format_args!("this key has the secret of `{}`; give it one of its own", other.name));
        }
        keys.push((hash, tenant));
    });
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
    let name: Arc<str> = name.unwrap_or_default().into();
    let quota = quota::caller(section, &name);
    let tenant = Tenant { name, models: section.texts("models"), expires: expires(section), quota };
    Some((hash.or(secret)?, tenant)).filter(|(_, tenant)| !tenant.name.is_empty())
}

fn expires(section: &Section<'_>) -> Option<SystemTime> {
    section.read("expires", |value| {
        let written = value.as_datetime().map(ToString::to_string);
        let time = written.as_deref().and_then(|text| humantime::parse_rfc3339(text).ok());
        time.ok_or_else(|| "must be a date and time in UTC such as 2027-01-31T00:00:00Z, without quotes".to_owned())
    })
}
