//! The sections of the file, each read into the settings of the room it is for: one file for each section.

mod accounts;
mod admin;
mod allowance;
mod budget;
mod catalogue;
mod jobs;
mod keys;
mod ledger;
mod log;
mod media;
mod messages;
mod models;
mod policy;
mod responses;
mod server;
mod state;
mod teams;
mod traces;
mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::Overrides;
use super::quota::{self, WaitSettings};
use super::reader::Section;
use crate::api::ApiSettings;
use crate::catalog::alias::Aliases;
use crate::catalog::policy::Rules;
use crate::jobs::JobSettings;
use crate::media::MediaSettings;
use crate::telemetry::log::LogSettings;
use crate::telemetry::trace::TraceSettings;
use crate::tenant::{KeyHash, OnRevoke, Team, Tenant};
use crate::upstream::TransportSettings;

pub use accounts::AccountSettings;
pub use budget::BudgetSettings;
pub use catalogue::ModelSettings;
pub(super) use keys::{check_name, fields as key_fields};
pub use ledger::LedgerSettings;
pub use responses::ResponseSettings;
pub use server::ServerSettings;
pub use state::StateSettings;
pub(super) use teams::fields as team_fields;

/// When each file was last changed, by its own time; `None` where it is not there.
pub type Stamps = BTreeMap<PathBuf, Option<SystemTime>>;

/// When each of `files` was last changed. The system's time of a change and the time of day are different clocks, which
/// differ by milliseconds, so only what this has told can be compared.
pub fn stamps<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Stamps {
    let changed = |file: &PathBuf| std::fs::metadata(file).and_then(|file| file.modified()).ok();
    files.into_iter().map(|file| (file.clone(), changed(file))).collect()
}

/// Everything that the file says, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file it came from.
    pub file: Option<PathBuf>,
    /// When the files were last changed that it was read from: what changed since has to be read again.
    pub stamps: Stamps,
    /// `[server]`
    pub server: ServerSettings,
    /// `[admin] listen`
    pub admin_listen: SocketAddr,
    /// Hash of `[admin] token`, which opens the admin API; without one it is shut.
    pub admin_token: Option<KeyHash>,
    /// `[state]`
    pub state: StateSettings,
    /// `[ledger]`
    pub ledger: LedgerSettings,
    /// `[jobs]`
    pub jobs: JobSettings,
    /// `[media]`
    pub media: MediaSettings,
    /// `[responses]`
    pub responses: ResponseSettings,
    /// `[log]`
    pub log: LogSettings,
    /// `[traces]`; `None` where no collector is named.
    pub traces: Option<TraceSettings>,
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
    /// `[models]`: who is called for a name.
    pub policy: Rules,
    /// The rest of `[models]`.
    pub models: ModelSettings,
    /// `[budget]`
    pub budget: BudgetSettings,
    /// `[[key]]`; in a running gateway those of the store too.
    pub keys: Vec<(KeyHash, Tenant)>,
    /// `[[team]]`; in a running gateway those of the store too.
    pub teams: Vec<Arc<Team>>,
    /// `[keys]`: what happens to running streams of a key that is revoked.
    pub on_revoke: OnRevoke,
    /// Files besides the configuration whose change means a reload: secrets and certificates.
    pub watched: Vec<PathBuf>,
}

impl Settings {
    /// Reads the whole file.
    pub(super) fn read(root: &Section<'_>, overrides: &Overrides, file: Option<PathBuf>) -> Self {
        let mut watched = Vec::new();
        let teams = teams::read(root);
        let keys = keys::read(root, &teams, overrides.is_keyless, &mut watched);
        let (server, body, most_upload_bytes, passes_unknown_paths) =
            root.section("server", |section| server::read(section, overrides, &mut watched));
        let (admin_listen, admin_token) =
            root.section("admin", |section| admin::read(section, overrides, &keys, &mut watched));
        let (transport, api) = root.section("upstream", |section| {
            let transport = upstream::transport(section, overrides, &mut watched);
            let api = ApiSettings { body, most_upload_bytes, passes_unknown_paths, ..upstream::limits(section, body) };
            (transport, api)
        });
        let ((aliases, policy), models) = root.section("models", |section| {
            (models::read(section), catalogue::read(section, transport.base_url.host(), &mut watched))
        });
        let messages = root.section("messages", messages::read);
        let api = ApiSettings { refuses_unknown_models: models.refuses_unknown, messages, ..api };
        let settings = Self {
            server,
            admin_listen,
            admin_token,
            state: root.section("state", |section| state::read(section, overrides)),
            ledger: root.section("ledger", ledger::read),
            jobs: root.section("jobs", jobs::read),
            media: root.section("media", media::read),
            responses: root.section("responses", responses::read),
            log: root.section("log", log::read),
            traces: root.section("traces", traces::read),
            transport,
            api,
            accounts: accounts::read(root, overrides, &mut watched),
            queue: root.section("queue", quota::wait),
            budget: root.section("budget", |section| budget::read(section, &mut watched)),
            aliases,
            policy,
            models,
            keys,
            teams,
            on_revoke: root.section("keys", keys::rules),
            stamps: stamps(file.iter().chain(&watched)),
            watched,
            file,
        };
        root.report_unknown();
        settings
    }
}
